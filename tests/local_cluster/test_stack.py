"""`make cluster`, the README's job line, `ray job stop`, the job line again, `make cluster-stop`."""

import base64
import http.client
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import grpc
import psycopg
import pytest
from postgres_server import open_directory, require_postgres
from ray_requests import CALLS, ask, grpc_answer
from running_stack import JOB, SMALL, Stack, files_with
from tune_process import is_loopback

from msd_ray.local_cluster import postgres
from msd_ray.local_cluster.layout import HOST, USER, Layout
from msd_ray.local_cluster.processes import terminate, with_variable
from msd_ray.local_cluster.state import MARK

pytestmark = [
    pytest.mark.slow("PostgreSQL, MLflow and Ray start, and a search is submitted three times"),
    pytest.mark.cluster,
    pytest.mark.extended,
    pytest.mark.timeout(3600),
]

STOPPED = "stopped by SIGTERM. Finished trials and epochs are stored. Run the same command again to resume."


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    require_postgres()
    with open_directory() as directory:
        running = Stack(layout=Layout(root=directory))
        done = running.make("cluster")
        try:
            assert done.returncode == 0, done.stdout + done.stderr
            assert JOB.partition(" --lang")[0] in done.stdout
            yield running
        finally:
            running.leave()


def status(port: int, path: str, headers: dict[str, str]) -> int:
    return ask(port, path, headers)[0]


def test_a_second_start_reports_the_running_cluster(stack: Stack) -> None:
    before = stack.state
    done = stack.make("cluster")
    assert done.returncode == 0
    assert f"A cluster is running in {stack.layout.root} since {before.since}." in done.stdout
    assert stack.state == before


def test_ray_rejects_requests_without_the_token(stack: Stack) -> None:
    ports, token = stack.state.ports, stack.secrets()["ray-token"]
    paths = ("/api/jobs/", "/api/version", "/api/cluster_status", "/logical/actors", "/api/v0/nodes", "/api/v0/logs")
    for path in paths:
        answers = [
            status(ports.dashboard, path, headers)
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {token}"})
        ]
        assert answers[:2] == [401, 403], path
        assert answers[2] not in (401, 403), path
    assert status(ports.dashboard, "/api/jobs/", {"Authorization": f"Bearer {token}"}) == 200
    refused = grpc.StatusCode.UNAUTHENTICATED
    for port, call in ((ports.ray, CALLS["gcs"]), (ports.ray_client, CALLS["client"])):  # the latter starts last
        assert [grpc_answer(port, call, one) for one in (None, "wrong")] == [refused, refused], call
        assert grpc_answer(port, call, token) != refused, call


def test_the_job_agent_rejects_requests_without_the_token(stack: Stack) -> None:
    """The agent that starts jobs listens on a random port."""
    path, wrong = "/api/job_agent/jobs/none/logs", {"Authorization": "Bearer wrong"}
    stack.look()
    asking = set()
    for port in {port for _, port in stack.addresses} - {stack.state.ports.dashboard, stack.state.ports.mlflow}:
        try:
            answer, body = ask(port, path, {})
        except (http.client.HTTPException, OSError):
            continue  # speaks something else than HTTP
        if answer == 200:
            assert body.startswith(b"# HELP "), port  # whatever it is asked for, a table of Prometheus metrics
        elif answer == 401:
            asking.add(port)
    assert asking
    assert {status(port, path, wrong) for port in asking} == {403}


def test_mlflow_rejects_requests_without_the_password(stack: Stack) -> None:
    def basic(password: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()}

    port = stack.state.ports.mlflow
    paths = {
        "/api/2.0/mlflow/experiments/search?max_results=1": 200,
        "/ajax-api/2.0/mlflow/experiments/search?max_results=1": 200,
        "/api/2.0/mlflow-artifacts/artifacts": 200,
        "/version": 200,
        "/": 200,
    }
    for path, expected in paths.items():
        answers = [
            status(port, path, headers) for headers in ({}, basic("wrong"), basic(stack.secrets()["mlflow-password"]))
        ]
        assert answers == [401, 401, expected], path


@pytest.mark.parametrize("password", [None, "wrong"])
@pytest.mark.parametrize("user", [USER, "postgres"])
def test_postgresql_rejects_connections_without_the_password(
    stack: Stack, user: str, password: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSFILE", raising=False)
    with pytest.raises(psycopg.OperationalError, match=r"no password supplied|password authentication failed"):
        psycopg.connect(
            host=HOST, port=stack.state.ports.postgres, user=user, dbname="studies", password=password, passfile="/"
        )


def test_other_users_cannot_access_private_directories(stack: Stack) -> None:
    """Ray's directory, with the code of jobs, is world-accessible; its parent must not be."""
    for private in (stack.layout.secrets, stack.state.scratch, stack.layout.postgres):
        assert private.stat().st_mode & 0o077 == 0, private


def test_a_job_is_stopped_and_submitted_again(stack: Stack, tmp_path: Path) -> None:
    first, again = tmp_path / "first.log", tmp_path / "again.log"
    line = f"{JOB} {SMALL}"

    def student_runs() -> bool:
        return bool(re.search(r"\d student phase: 1 trial", first.read_text())) and any(
            study.split("/")[1].startswith("student") and state == "RUNNING" for study, _, state, _ in stack.trials()
        )

    with stack.shell(line, first) as job:
        stack.wait_until(student_runs, first, job)
        # The log has told of the teacher while the job runs.
        assert re.search(r"\d\d:\d\d:\d\d teacher/0: COMPLETE, dev F1 ", first.read_text())
        (name,) = re.findall(r"ray job status (\S+?)(?:\x1b|$)", first.read_text(), re.MULTILINE)
        stack.run(f"ray job stop {name}", tmp_path / "stop.log")
        job.wait(600)
    assert "was stopped" in first.read_text()
    assert "warn" not in first.read_text()  # what the search looks at before it starts
    assert STOPPED in first.read_text()
    assert "Traceback" not in first.read_text()
    kept = {(study, number): ended for study, number, state, ended in stack.trials() if state == "COMPLETE"}
    assert any("/teacher" in study for study, _ in kept)
    assert {state for *_, state, _ in stack.trials()} != {"COMPLETE"}

    with stack.shell(line, again) as job:
        stack.wait_until(lambda: job.poll() is not None or "final phase: " in again.read_text(), again, job)
        assert job.wait(3000) == 0, again.read_text()
    said = again.read_text()
    assert "succeeded" in said
    assert re.search(r"\d\d:\d\d:\d\d student/0: COMPLETE, dev F1 ", said)
    assert f"best student      {stack.layout.storage}/models/sample-ar" in said

    trials = stack.trials()
    assert {state for *_, state, _ in trials} <= {"COMPLETE", "PRUNED"}
    phases = [study.split("/")[1].split("-")[0] for study, *_ in trials]
    assert sorted(phases) == ["final", "student", "teacher"]
    assert kept.items() <= {(study, number): ended for study, number, _, ended in trials}.items()
    runs = stack.runs()
    assert len(runs) == len(trials)
    assert set(runs.values()) <= {("FINISHED", "COMPLETE"), ("KILLED", "PRUNED")}
    assert (stack.layout.storage / "models" / "sample-ar" / "model.safetensors").is_file()
    assert list(stack.layout.artifacts.rglob("model_card/README.md"))
    # The places are the cluster's: nothing was written into the copy of the working directory.
    copies = list(stack.state.scratch.glob("ray/session_latest/runtime_resources/working_dir_files/_ray_pkg_*/"))
    assert copies
    for copy in copies:
        names = {path.name for path in copy.iterdir()}
        assert {"msd_ray", "search_spaces"} <= names
        assert not names & {"runs", ".venv", ".git", ".mypy_cache", ".ruff_cache", ".pytest_cache", "tests", "mlruns"}


def test_all_servers_listen_on_loopback_only(stack: Stack) -> None:
    stack.look()
    ports = stack.state.ports
    assert {ports.postgres, ports.mlflow, ports.ray, ports.dashboard} <= {port for _, port in stack.addresses}
    assert [one for one in stack.addresses if not is_loopback(one[0])] == []


def test_no_secret_in_command_lines_logs_or_job_listings(stack: Stack) -> None:
    stack.look()
    assert any(b"raylet" in command for command in stack.commands)
    state = stack.state
    port, token = state.ports.dashboard, stack.secrets()["ray-token"]
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    connection.request("GET", "/api/jobs/", headers={"Authorization": f"Bearer {token}"})
    jobs = connection.getresponse().read()
    connection.close()
    places = [
        stack.layout.log("ray").parent,
        stack.layout.storage,
        stack.layout.artifacts,
        stack.layout.state_file,
        stack.layout.env_file,
        state.scratch,
    ]
    secrets = stack.secrets()
    assert len(secrets) == 5
    for name, secret in secrets.items():
        assert not [command for command in stack.commands if secret.encode() in command], name
        assert secret.encode() not in jobs, name
        assert files_with(secret, places) == [], name


def test_stop_terminates_everything_and_stops_a_running_job_gracefully(stack: Stack, tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    state = stack.state
    with stack.shell(f"{JOB} {SMALL} --name another", log) as job:
        stack.wait_until(lambda: re.search(r"\d teacher phase: ", log.read_text()), log, job)
        stack.look()
        done = stack.make("cluster-stop")
        job.wait(600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "stopped the job raysubmit_" in done.stdout
    assert "does not end" not in done.stdout
    assert files_with(STOPPED, [stack.layout.log("ray").parent / "ray"])
    assert [one for one in stack.seen if one.alive] == []
    assert with_variable(MARK, state.identity) == set()
    for _, port in stack.addresses:
        with socket.socket() as probe:
            assert probe.connect_ex((HOST, port)) != 0, port
    assert not state.scratch.exists()
    assert not stack.layout.state_file.exists()
    assert not stack.layout.env_file.exists()
    # Its data are there for the next start, under the same passwords.
    layout, ports = stack.layout, state.ports
    before = (layout.secrets / "postgres-password").read_text()
    postgres.prepare(layout)
    server = postgres.start(layout, ports, {})
    try:
        postgres.create_databases(layout, ports, server)
        assert (layout.secrets / "postgres-password").read_text() == before
        with psycopg.connect(host=HOST, port=ports.postgres, user=USER, password=before, dbname="studies") as database:
            (names,) = zip(*database.execute("SELECT study_name FROM studies").fetchall(), strict=True)
    finally:
        terminate(lambda: {server}, signal.SIGINT, 60)
    assert any(name.startswith("sample-ar/") for name in names)

"""The command from its start to its table: with and without Ray Train, killed, started again, started twice.

Where it matters what becomes of Ray's processes, the command starts its own Ray; else it joins the tests' cluster.
"""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import stored_runs
from shared_ray import SharedRay
from small_command import small_command
from stored_runs import assert_same_outcome, assert_settled, children, parents, trials
from tune_process import Tune, is_loopback
from watched_search import WatchedSearch

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.report.comparison import summary_rows
from msd_ray.tracking.rows import RunRow

pytestmark = [
    pytest.mark.slow("the whole command on Ray, which some tests start several times"),
    pytest.mark.cluster,
    pytest.mark.timeout(1200),
]  # minutes where others keep the processors busy


@pytest.fixture(scope="module")
def command(tiny_encoder: EncoderFiles, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return small_command(tiny_encoder, tmp_path_factory.mktemp("space"))


@pytest.fixture(scope="module")
def undisturbed(command: list[str], ray_cluster: SharedRay, tmp_path_factory: pytest.TempPathFactory) -> Tune:
    """A search without Ray Train's workers that ran to its end; its storage is beside its output."""
    directory = tmp_path_factory.mktemp("undisturbed")
    places = ["--storage", str(directory / "storage"), "--summary", str(directory / "summary.json")]
    arguments = [*command, "--workers", "0", *places]
    with Tune(arguments, directory / "log", environment=ray_cluster.environment) as tune:
        assert tune.wait() == 0, tune.output
    return tune


def storage_of(tune: Tune) -> Path:
    return tune.log.parent / "storage"


def assert_table_is_the_databases(tune: Tune) -> None:
    """Each line of the printed table, computed once more from the runs in the database."""
    rows = [
        RunRow(
            run_id="",
            key=key,
            name="",
            phase=run.tags["phase"],
            state=run.tags["state"],  # type: ignore[arg-type]
            status=run.status,
            parameters=run.parameters,
            metrics=run.metrics,
            tags=run.tags,
        )
        for key, run in children(storage_of(tune)).items()
    ]
    table = tune.output[tune.output.index("┏") :]
    for row in summary_rows(rows, ["paper", "best"], dev_metric="dev_target/f1"):
        assert row.test is not None
        assert row.dev is not None
        spread = "" if row.test.deviation is None else f" ± {100 * row.test.deviation:.2f}"
        (line,) = (line for line in table.splitlines() if row.label in line)
        cells = [cell.strip() for cell in line.strip("│ ").split("│")]
        assert cells[1:3] == [f"{100 * row.dev.mean:.2f}", f"{100 * row.test.mean:.2f}{spread}"]
        assert cells[4] == str(row.seeds)
    (parent,) = parents(storage_of(tune))
    paper = [
        run.metrics["test/f1"] for key, run in children(storage_of(tune)).items() if key.startswith("final/paper/")
    ]
    assert parent.metrics["final/paper/test_f1_mean"] == pytest.approx(sum(paper) / len(paper))


def test_summary_file_is_the_table_and_the_databases(undisturbed: Tune) -> None:
    summary = json.loads(undisturbed.log.with_name("summary.json").read_text())
    assert (summary["study"], summary["dataset"], summary["lang"], summary["scored_split"]) == (
        "sample-ar",
        "sample",
        "ar",
        "test",
    )
    assert [row["name"] for row in summary["rows"]] == ["paper", "best"]
    (parent,) = parents(storage_of(undisturbed))
    recorded = children(storage_of(undisturbed)).values()
    lines = undisturbed.output[undisturbed.output.index("┏") :].splitlines()
    for row, label in zip(summary["rows"], ("paper's configuration", "best"), strict=True):
        runs = {run.tags["seed"]: run for run in recorded if run.tags.get("row") == row["name"]}
        assert row["test_by_seed"] == {seed: run.metrics["test/f1"] for seed, run in runs.items()}
        assert row["n"] == len(runs) == parent.metrics[f"final/{row['name']}/test_f1_n"]
        assert row["dev_mean"] == parent.metrics[f"final/{row['name']}/dev_target_f1_mean"]
        assert row["test_mean"] == parent.metrics[f"final/{row['name']}/test_f1_mean"]
        (line,) = (line for line in lines if label in line and "│" in line)
        cells = [cell.strip() for cell in line.strip("│ ").split("│")]
        assert cells[1:3] == [f"{100 * row['dev_mean']:.2f}", f"{100 * row['test_mean']:.2f}"]
    (pair,) = summary["comparisons"]
    paper, best = (row["test_mean"] for row in summary["rows"])
    assert (pair["a"], pair["b"], pair["p"]) == ("best", "paper", None)
    assert pair["difference"] == pytest.approx(best - paper)
    assert pair["difference"] == parent.metrics["gain/best-paper/difference"]
    assert Path(summary["model"]).parent == storage_of(undisturbed) / "models"
    (student,) = (run for run in recorded if run.tags.get("row") == "best")
    rate = summary["best_configuration"]["student"]["learning_rate"]
    assert rate == pytest.approx(float(student.parameters["student.learning_rate"]))


def assert_tags_text(tune: Tune) -> None:
    (model,) = (storage_of(tune) / "models").iterdir()
    tagged = subprocess.run(
        [sys.executable, "-m", "msd_ray.predict", "--model", str(model)],
        input="ولد أحمد في القاهرة .\n",
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = tagged.stdout.splitlines()
    answer = json.loads(line)
    assert answer["tokens"] == ["ولد", "أحمد", "في", "القاهرة", "."]
    assert len(answer["labels"]) == 5
    assert all(re.fullmatch(r"O|[BI]-(PER|ORG|LOC)", label) for label in answer["labels"])


def test_search_in_the_trials_own_processes(undisturbed: Tune) -> None:
    assert_settled(storage_of(undisturbed))
    recorded = children(storage_of(undisturbed))
    assert {key for key in recorded if not key.startswith("final/")} == {
        "teacher/0",
        "student/0",
        "student/1",
    }
    assert_table_is_the_databases(undisturbed)
    ui = f"ui --backend-store-uri sqlite:///{storage_of(undisturbed)}/mlflow.db"
    assert undisturbed.output.count(ui) == 2, "at the start, for those who want to watch, and at the end"
    (parent,) = parents(storage_of(undisturbed))
    assert {"version.torch", "version.ray", "version.optuna"} <= parent.tags.keys()
    assert_tags_text(undisturbed)


def test_search_with_ray_train_workers_ends_alike(watched_search: WatchedSearch, undisturbed: Tune) -> None:
    tune = watched_search.tune
    assert watched_search.addresses
    assert [address for address in watched_search.addresses if not is_loopback(address)] == []
    assert_settled(storage_of(tune))
    assert_table_is_the_databases(tune)
    assert_tags_text(tune)
    # Of final runs their configurations: the paper's is the best of one trial, and not of two.
    weights, expected = (
        {
            key.replace("final/paper/", "final/").replace("final/best/", "final/"): run.tags.get("weights_sha256")
            for key, run in children(storage_of(one)).items()
        }
        for one in (tune, undisturbed)
    )
    assert {key.split("/")[0] for key in weights} == {"teacher", "student", "final"}
    assert weights.items() <= expected.items()


def test_its_ray_answers_nobody_without_the_token(watched_search: WatchedSearch) -> None:
    """A port that answers everything with Prometheus metrics tells nobody more."""
    control = {answer for answer, _ in watched_search.to_nobody.values()}
    assert control == {"refused", None}
    http = [answer for _, answer in watched_search.to_nobody.values() if answer is not None]
    assert 401 in {status for status, _ in http}
    assert [body for status, body in http if status == 200 and not body.startswith(b"# HELP ")] == []


def test_same_command_again_has_nothing_to_do(command: list[str], ray_cluster: SharedRay, undisturbed: Tune) -> None:
    storage = storage_of(undisturbed)
    before = children(storage), trials(storage)
    summary = undisturbed.log.with_name("summary.json")
    written = summary.read_text()
    arguments = [*command, "--workers", "0", "--storage", str(storage), "--summary", str(summary)]
    with Tune(arguments, undisturbed.log.with_name("again"), environment=ray_cluster.environment) as tune:
        assert tune.wait(120) == 0, tune.output
    assert "Study sample-ar is complete (1 teacher, 2 student, 2 final trials): nothing to train." in tune.output
    assert "Starting Ray" not in tune.output
    assert (children(storage), trials(storage)) == before
    assert summary.read_text() == written
    assert tune.output[tune.output.index("┏") :] == undisturbed.output[undisturbed.output.index("┏") :]


STOPPED = "stopped by {}. Finished trials and epochs are stored. Run the same command again to resume.\n"


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = re.search(r"^SigCgt:\s*(\w+)", status, re.MULTILINE)
    assert caught is not None
    return bool(int(caught.group(1), 16) >> (number - 1) & 1)


def press_ctrl_c(tune: Tune) -> None:
    """As a terminal does: to the command and all of its process group."""
    tune.descendants()
    os.killpg(tune.process.pid, signal.SIGINT)


def assert_nothing_is_left(tune: Tune) -> None:
    until = time.monotonic() + 120
    while tune.descendants():
        assert time.monotonic() < until, tune.descendants()
        time.sleep(0.1)


def test_killed_interrupted_and_started_again(
    command: list[str], ray_cluster: SharedRay, undisturbed: Tune, tmp_path: Path
) -> None:
    storage = tmp_path / "storage"
    arguments = [*command, "--workers", "0", "--storage", str(storage)]

    def running_in(phase: str) -> bool:
        with suppress(sqlite3.OperationalError):  # no database yet, or no tables
            return any(
                trial.study.split("/")[1].startswith(phase) and trial.state == "RUNNING" and trial.epochs
                for trial in trials(storage)
            )
        return False

    with Tune(arguments, tmp_path / "killed", environment=ray_cluster.environment) as tune:
        tune.wait_until(lambda: running_in("teacher"))
        tune.kill()
    assert running_in("teacher")
    with Tune(arguments, tmp_path / "interrupted") as tune:
        tune.wait_until(lambda: running_in("student"))
        press_ctrl_c(tune)
        assert tune.wait(120) == 130, tune.output
        assert tune.descendants() == set()
    assert "student: " in tune.output, "where it was"
    assert tune.output.endswith(STOPPED.format("SIGINT"))
    assert "Traceback" not in tune.output
    with Tune(arguments, tmp_path / "interrupted-twice") as tune:
        tune.wait_until(lambda: running_in("final"))
        press_ctrl_c(tune)
        tune.wait_until(lambda: not catches(tune.process.pid, signal.SIGINT))
        press_ctrl_c(tune)
        assert tune.wait(10) == -signal.SIGINT, tune.output
        assert_nothing_is_left(tune)
    assert running_in("final")
    with Tune(arguments, tmp_path / "log", environment=ray_cluster.environment) as tune:
        tune.wait_until(lambda: "Encoding" in tune.output)  # by then it holds the study
        tune.process.send_signal(signal.SIGSTOP)  # it would end before the second one asks for the study
        with Tune(arguments, tmp_path / "second") as second:
            assert second.wait(120) == 2, second.output
        tune.process.send_signal(signal.SIGCONT)
        assert "another process is running the study sample-ar" in second.output
        assert "Traceback" not in second.output
        assert tune.wait() == 0, tune.output
    assert_settled(storage)
    assert_same_outcome(storage, storage_of(undisturbed))
    assert_table_is_the_databases(tune)


def test_told_to_end_before_ray_has_started(command: list[str], tmp_path: Path) -> None:
    arguments = [*command, "--limit", "5000", "--storage", str(tmp_path / "storage")]
    with Tune(arguments, tmp_path / "log") as tune:
        tune.wait_until(lambda: "Encoding" in tune.output)
        tune.process.terminate()
        assert tune.wait(120) == 143, tune.output
        assert tune.descendants() == set()
    assert tune.output.endswith(STOPPED.format("SIGTERM"))
    assert "Traceback" not in tune.output


def test_several_languages_end_with_one_table_of_all(
    command: list[str], ray_cluster: SharedRay, tmp_path: Path
) -> None:
    few = ["--lang", "ar", "de", "--trials", "1", "--epochs", "1"]
    arguments = [*command, *few, "--workers", "0", "--storage", str(tmp_path / "storage")]
    with Tune(arguments, tmp_path / "log", environment=ray_cluster.environment) as tune:
        assert tune.wait() == 0, tune.output
    table = tune.output[tune.output.index("sample, all languages") :]
    scores = [
        run.metrics["test/f1"]
        for run in stored_runs.runs(tmp_path / "storage")
        if run.tags.get("key", "").startswith("final/paper/")
    ]
    assert len(scores) == 2
    (line,) = (line for line in table.splitlines() if "paper's configuration" in line and "│" in line)
    cells = [cell.strip() for cell in line.strip("│ ").split("│")]
    assert cells[1:] == [f"{100 * f1:.2f}" for f1 in (*scores, sum(scores) / 2)]

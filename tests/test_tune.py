"""The command from its start to its table: with and without Ray Train, killed, started again, started twice."""

import json
import re
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import recorded
from recorded import assert_same_outcome, assert_settled, children, parents, trials
from small_space import SPACE
from tune_process import Tune, is_loopback

from msd_ray.encoders.files import EncoderFiles
from msd_ray.tracking.comparison import summary_rows
from msd_ray.tracking.rows import RunRow

pytestmark = [
    pytest.mark.slow,
    pytest.mark.cluster,
    pytest.mark.timeout(1200),
]  # minutes where others keep the processors busy


@pytest.fixture(scope="module")
def command(tiny_encoder: EncoderFiles, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    space = tmp_path_factory.mktemp("space") / "space.yaml"
    space.write_text(SPACE, encoding="utf-8")
    options = {
        "lang": "ar",
        "dataset": "sample",
        "encoder": tiny_encoder.directory,
        "space": space,
        "trials": 2,
        "teacher-trials": 1,
        "epochs": 2,
        "grace-epochs": 1,
        "limit": 60,
        "seeds": 1,
        "max-concurrent": 1,
        "precision": "fp32",
    }
    return [text for name, value in options.items() for text in (f"--{name}", str(value))]


@pytest.fixture(scope="module")
def undisturbed(command: list[str], tmp_path_factory: pytest.TempPathFactory) -> Tune:
    """A search without Ray Train's workers that ran to its end; its storage is beside its output."""
    directory = tmp_path_factory.mktemp("undisturbed")
    with Tune([*command, "--workers", "0", "--storage", str(directory / "storage")], directory / "log") as tune:
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
    for row in summary_rows(rows):
        if row.test is None or row.dev is None:
            continue
        spread = "" if row.test.deviation is None else f" ± {100 * row.test.deviation:.2f}"
        assert f"{100 * row.dev.mean:.2f}" in table
        assert f"{100 * row.test.mean:.2f}{spread} (n={row.seeds}" in table
    (parent,) = parents(storage_of(tune))
    paper = [
        run.metrics["test/f1"] for key, run in children(storage_of(tune)).items() if key.startswith("final/paper/")
    ]
    assert parent.metrics["final/paper/test_f1_mean"] == pytest.approx(sum(paper) / len(paper))


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
    assert f"mlflow ui --backend-store-uri 'sqlite:///{storage_of(undisturbed)}/mlflow.db'" in undisturbed.output
    (parent,) = parents(storage_of(undisturbed))
    assert {"version.torch", "version.ray", "version.optuna"} <= parent.tags.keys()
    assert_tags_text(undisturbed)


def test_search_with_ray_train_workers_ends_alike(command: list[str], undisturbed: Tune, tmp_path: Path) -> None:
    with Tune([*command, "--storage", str(tmp_path / "storage")], tmp_path / "log") as tune:
        addresses: set[str] = set()
        while tune.process.poll() is None:
            addresses |= tune.listens_on()
            time.sleep(0.5)
        assert tune.wait() == 0, tune.output
    assert addresses
    assert [address for address in addresses if not is_loopback(address)] == []
    assert_settled(tmp_path / "storage")
    assert_table_is_the_databases(tune)
    assert_tags_text(tune)
    weights = [
        {key: run.tags.get("weights_sha256") for key, run in children(storage).items()}
        for storage in (tmp_path / "storage", storage_of(undisturbed))
    ]
    assert weights[0] == weights[1]


def test_same_command_again_has_nothing_to_do(command: list[str], undisturbed: Tune) -> None:
    storage = storage_of(undisturbed)
    before = children(storage), trials(storage)
    arguments = [*command, "--workers", "0", "--storage", str(storage)]
    with Tune(arguments, undisturbed.log.with_name("again")) as tune:
        assert tune.wait(120) == 0, tune.output
    assert (children(storage), trials(storage)) == before
    assert tune.output[tune.output.index("┏") :] == undisturbed.output[undisturbed.output.index("┏") :]


def test_killed_in_each_phase_terminated_and_started_again(
    command: list[str], undisturbed: Tune, tmp_path: Path
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

    for phase in ("teacher", "student", "final"):
        with Tune(arguments, tmp_path / f"killed-in-{phase}") as tune:
            tune.wait_until(lambda phase=phase: running_in(phase))  # type: ignore[misc]
            tune.kill()
        assert running_in(phase)
    with Tune(arguments, tmp_path / "terminated") as tune:
        tune.wait_until(lambda: "final phase: " in tune.output)
        tune.process.terminate()
        assert tune.wait(120) == 143, tune.output
        assert tune.descendants() == set()
    assert "final: " in tune.output, "where it was"
    assert tune.output.endswith(
        "stopped by SIGTERM. Finished trials and epochs are kept: start the same command again to go on.\n"
    )
    assert "Traceback" not in tune.output
    with Tune(arguments, tmp_path / "log") as tune:
        tune.wait_until(lambda: "Encoding" in tune.output)  # by then it holds the study
        with Tune(arguments, tmp_path / "second") as second:
            assert second.wait(120) == 2, second.output
        assert "another process is running the study sample-ar" in second.output
        assert "Traceback" not in second.output
        assert tune.wait() == 0, tune.output
    assert_settled(storage)
    assert_same_outcome(storage, storage_of(undisturbed))
    assert_table_is_the_databases(tune)


def test_several_languages_end_with_one_table_of_all(command: list[str], tmp_path: Path) -> None:
    few = ["--lang", "ar", "de", "--trials", "1", "--epochs", "1"]
    arguments = [*command, *few, "--workers", "0", "--storage", str(tmp_path / "storage")]
    with Tune(arguments, tmp_path / "log") as tune:
        assert tune.wait() == 0, tune.output
    table = tune.output[tune.output.index("sample, all languages") :]
    scores = [
        run.metrics["test/f1"]
        for run in recorded.runs(tmp_path / "storage")
        if run.tags.get("key", "").startswith("final/paper/")
    ]
    assert len(scores) == 2
    (line,) = (line for line in table.splitlines() if "paper's configuration" in line and "│" in line)
    cells = [cell.strip() for cell in line.strip("│ ").split("│")]
    assert cells[1:] == [f"{100 * f1:.2f}" for f1 in (*scores, sum(scores) / 2)]

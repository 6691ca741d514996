"""Studies that cannot go on: one message, nothing changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock
from tune_command import files_below, message, rows

from msd_ray.cli.options import parse
from msd_ray.cli.search_study import open_tracker
from msd_ray.cli.setup import set_up
from msd_ray.common.errors import UserError
from msd_ray.search.search import open_teacher_study
from msd_ray.tune import main


@contextmanager
def begun(arguments: list[str]) -> Iterator[None]:
    """A study that was begun with these options, as a command leaves it that dies at once."""
    for setup in set_up(parse(arguments)):
        setup.storage.create()
        open_teacher_study(setup.settings, setup.conditions, setup.study_storage).close()
    yield


def test_a_study_with_other_settings_names_each_with_both_values(small: list[str], runs: Path) -> None:
    space = Path(__file__).parents[2] / "search_spaces" / "wide.yaml"
    with begun([*small, "--name", "one"]):
        text = message([*small, "--name", "one", "--epochs", "2", "--limit", "9", "--seed", "5", "--space", str(space)])
    assert "study `one/teacher` in" in text
    lines = [line.strip() for line in text.splitlines()]
    for expected in (
        "run.epochs: 1 there, 2 here",
        "limit: 8 there, 9 here",
        "seed: 0 there, 5 here",
        "run.seed: 0 there, 5 here",
        "students.learning_rate.high: 0.0002 there, 0.0005 here",
    ):
        assert expected in lines
    # What is the same is not listed, nor is anything twice.
    assert not any(line.startswith(("lang:", "encoder:", "teacher_trials:", "data.target_dev")) for line in lines)
    assert len(lines) == len(set(lines))
    assert "another --name" in text
    assert rows(runs / "mlflow.db", "runs") == 0


def test_only_the_students_space_differs(small: list[str], tmp_path: Path) -> None:
    """Told at once, and not when the teachers are trained and the students' turn comes."""
    paper = (Path(__file__).parents[2] / "search_spaces" / "paper.yaml").read_text(encoding="utf-8")
    other = tmp_path / "other.yaml"
    other.write_text(paper.replace("  learning_rate: 2e-5", "  learning_rate: {low: 1e-5, high: 2e-4}"))
    own = [*small, "--name", "one", "--teacher-trials", "1", "--space"]
    with begun([*own, "paper"]):
        text = message([*own, str(other)])
        other.write_text(f"{paper}  first: [{{beta: 0.5}}, paper]\n")
        first = message([*own, str(other)])
    assert "study `one/teacher`" in text
    assert [line.strip() for line in text.splitlines()[1:-1]] == [
        "students.learning_rate: 2e-05 there, nothing here",
        "students.learning_rate.high: nothing there, 0.0002 here",
        "students.learning_rate.log: nothing there, False here",
        "students.learning_rate.low: nothing there, 1e-05 here",
        "students.learning_rate.step: nothing there, None here",
    ]
    assert "first_students[0].beta: 0.05 there, 0.5 here" in first


def test_what_may_differ(small: list[str]) -> None:
    """More trials, seeds, rows, time and other resources go on with a study."""
    with begun(small):
        for more in (
            *(["--trials", "40"], ["--seeds", "9"], ["--rows", "tsl", "best"], ["--confirm", "5"]),
            *(["--hours", "9"], ["--patience", "3"], ["--max-concurrent", "3"], ["--cpus-per-trial", "2"]),
        ):
            for setup in set_up(parse([*small, *more])):
                open_teacher_study(setup.settings, setup.conditions, setup.study_storage).close()


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (["--select-on", "source"], "select_on: 'target' there, 'source' here"),
        (["--dev-limit", "7"], "dev_limit: 2000 there, 7 here"),
        (["--decode", "viterbi"], "decode: 'argmax' there, 'viterbi' here"),
        (["--pairing", "random"], "run.pairing: 'length' there, 'random' here"),
        (["--loss-mean", "epoch"], "run.loss_mean: 'batch' there, 'epoch' here"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_else_decides_scores_is_refused(small: list[str], other: list[str], expected: str) -> None:
    with begun(small):
        assert expected in [line.strip() for line in message([*small, *other]).splitlines()]


def test_a_conflict_of_a_later_language_leaves_the_earlier_ones_alone(small: list[str], runs: Path) -> None:
    with begun([*small, "--lang", "ar", "--epochs", "2"]):
        before = rows(runs / "studies.db", "study_user_attributes")
        text = message([*small, "--lang", "tr", "ar", "hi"])
    assert "study `sample-ar/teacher`" in text
    assert "run.epochs: 2 there, 1 here" in text
    assert rows(runs / "studies.db", "studies") == 1
    assert rows(runs / "studies.db", "study_user_attributes") == before


def test_a_conflict_of_a_later_language_changes_no_earlier_study(small: list[str], runs: Path) -> None:
    with begun([*small, "--lang", "tr"]), begun([*small, "--lang", "ar", "--epochs", "2"]):
        before = (runs / "studies.db").read_bytes()
        message([*small, "--lang", "tr", "ar", "--trials", "7"])
    assert (runs / "studies.db").read_bytes() == before


def test_a_conflict_in_mlflow_of_a_later_language_leaves_the_earlier_ones_alone(small: list[str], runs: Path) -> None:
    runs.mkdir()
    (setup,) = set_up(parse([*small, "--lang", "ar", "--epochs", "2"]))
    open_tracker(setup).close()
    recorded = rows(runs / "mlflow.db", "runs"), rows(runs / "mlflow.db", "experiments")
    with pytest.raises(UserError, match=r"study sample-ar is already recorded in MLflow .*epochs was '2', is now '1'"):
        main([*small, "--lang", "tr", "ar"])
    assert (rows(runs / "mlflow.db", "runs"), rows(runs / "mlflow.db", "experiments")) == recorded
    assert not (runs / "studies.db").exists()


def test_warm_starts_from_what_is_not_there(small: list[str], runs: Path) -> None:
    text = message([*small, "--warm-start", "sample-ar"])
    assert text == ("--warm-start sample-ar: this study does not exist. Studies with finished students: none.")
    assert not runs.exists()
    text = message([*small, "--lang", "tr", "ar", "--warm-start", "sample-tr"])
    assert "--warm-start sample-tr: is the new study itself" in text


def test_a_study_that_another_process_runs(small: list[str], runs: Path) -> None:
    (runs / "studies").mkdir(parents=True)
    with FileLock(runs / "studies" / "sample-tr.lock"):
        assert "another process is running the study sample-tr" in message(small)
    assert files_below(runs) == set()


def test_corrupt_study_databases(small: list[str], runs: Path) -> None:
    with begun(small):
        database = runs / "studies.db"
    whole = database.read_bytes()
    for content, expected in (
        (b"not a database" * 100, "file is not a database"),
        (whole[:6000], "malformed"),
        (whole[:8192] + bytes(len(whole) - 8192), "malformed"),
    ):
        database.write_bytes(content)
        with pytest.raises(UserError) as caught:
            main(small)
        assert str(caught.value).startswith(f"cannot use the study storage sqlite:///{database}: ")
        assert expected in str(caught.value)
        assert database.read_bytes() == content
    assert rows(runs / "mlflow.db", "runs") == 0


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////proc/nowhere/studies.db", "unable to open database file"),
        ("studies.db", "use sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"),
        ("mysql://user:secret@127.0.0.1:9/x", "use sqlite:///FILE or postgresql://"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql://user:secret@127.0.0.1:9/x", "user:***@127.0.0.1:9/x"),
    ],
)
def test_study_storages_that_cannot_be_used(small: list[str], runs: Path, url: str, expected: str) -> None:
    text = message([*small, "--study-storage", url])
    assert expected in text
    assert "secret" not in text
    assert not runs.exists()


def test_a_name_that_is_a_path(small: list[str], tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    for name in ("../outside", "/etc/x", "..", "a/../../b", "models/../x"):
        assert f"--name {name!r}" in message([*small, "--name", name])
    assert set(tmp_path.rglob("*")) == before

"""`python -m msd_ray.storage`: its list, its dry run, its removals, and a search that resumes after them."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from ended_search import STUDY, conclude, listed, make_old
from ended_search import ended as ended
from ended_search import new_process as new_process
from ended_search import search as search
from small_search import SmallSearch, run_here
from stored_runs import assert_settled, children

from msd_ray.common.errors import UserError
from msd_ray.common.files import sha256
from msd_ray.predict import __main__ as predict
from msd_ray.report import __main__ as report
from msd_ray.search.phase import Phase
from msd_ray.search.plans import TrialReport
from msd_ray.storage.__main__ import main
from msd_ray.storage.inventory import KINDS
from msd_ray.storage.layout import Storage


def content(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for kind in KINDS for path in (root / kind).rglob("*") if path.is_file()}


def test_every_artifact_is_listed_once_by_study(search: SmallSearch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--storage", str(search.root), "--json"]) == 0
    listing = json.loads(capsys.readouterr().out)
    assert listing["studies"] == {STUDY: "finished"}
    files = content(search.root)
    files = {name: text for name, text in files.items() if not name.endswith(".lock")}
    assert sum(artifact["bytes"] for artifact in listing["artifacts"]) == sum(map(len, files.values()))
    names = [artifact["name"] for artifact in listing["artifacts"]]
    assert len(set(names)) == len(names)
    assert {name.partition("/")[0] for name in names} == set(KINDS) - {"encoders"}
    assert all(
        artifact["studies"] == [STUDY]
        for artifact in listing["artifacts"]
        if not artifact["name"].startswith("models/")
    )
    assert main(["list", "--storage", str(search.root)]) == 0
    out = capsys.readouterr().out
    assert STUDY in out
    assert "finished" in out
    assert "removable" in out


def test_exports_and_the_training_of_the_registered_student_are_retained(
    search: SmallSearch, capsys: pytest.CaptureFixture[str]
) -> None:
    retained = {name: why for name, why in listed(search.root, capsys).items() if why is not None}
    training, reason = next((name, why) for name, why in retained.items() if name.startswith("students/"))
    assert reason == "models:/msd-wikiann-ar@champion depends on it"
    assert retained == {training: reason, f"models/{STUDY}": "an exported student"}


def test_a_dry_run_changes_nothing(search: SmallSearch, capsys: pytest.CaptureFixture[str]) -> None:
    before = content(search.root)
    assert main(["gc", "--storage", str(search.root)]) == 0
    out = capsys.readouterr().out
    assert "would remove teachers/" in out
    assert "Nothing was removed: add --delete to remove artifacts." in out
    assert content(search.root) == before


def test_after_a_removal_a_search_resumes_and_creates_the_same_artifacts(
    search: SmallSearch, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = children(search.root)
    assert main(["gc", "--storage", str(search.root), "--delete"]) == 0
    assert "removed teachers/" in capsys.readouterr().out
    assert set(listed(search.root, capsys).values()) == {
        "an exported student",
        "models:/msd-wikiann-ar@champion depends on it",
    }
    assert report.main(["--lang", "ar", "--storage", str(search.root), "--out", str(tmp_path / "report")]) == 0
    model = str(search.root / "models" / STUDY)
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: SIM115, PTH123
    assert predict.main(["--model", model]) == 0

    conclude(replace(search, options={**search.options, "trials": 4, "teacher_trials": 2}))
    assert_settled(search.root)
    after = children(search.root)
    assert after.items() >= before.items()
    assert "student/3" in after
    # The teachers of the new student were created again, bit for bit.
    capsys.readouterr()
    found = listed(search.root, capsys)
    teachers = {run.tags["weights"].rsplit("/", 2)[0] for key, run in before.items() if key.startswith("teacher/")}
    again = teachers & found.keys()
    assert again
    for key, run in before.items():
        if key.startswith("teacher/") and run.tags["weights"].rsplit("/", 2)[0] in again:
            assert sha256(search.root / run.tags["weights"]) == run.tags["weights_sha256"]


def test_only_students_of_pruned_trials_of_an_open_study_are_removable(
    search: SmallSearch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(phase: Phase) -> None:
        def stop(running: Phase, report: TrialReport) -> None:
            if running.name == "student":
                raise KeyboardInterrupt

        run_here(phase, before=stop)

    before = children(search.root)
    again = replace(search, options={**search.options, "trials": 4})
    with pytest.raises(KeyboardInterrupt):
        again.run(interrupted)
    make_old(search.root)
    reasons = listed(search.root, capsys)
    states = {key: run.tags.get("state") for key, run in children(search.root).items()}
    pruned = {key for key, state in states.items() if state == "PRUNED"}
    assert pruned
    used = {f"students/{path.name}": path.read_text() for path in (search.root / "uses" / STUDY / "students").iterdir()}
    unused = {name for name, why in reasons.items() if why is None}
    assert {used[name] for name in unused} == pruned
    assert {why for name, why in reasons.items() if not name.startswith("models/")} >= {
        f"used by {STUDY} (open)",
        f"student/0 of {STUDY} depends on it",
        "models:/msd-wikiann-ar@champion depends on it",
    }
    with Storage.at(search.root).study_lock(STUDY):
        assert None not in listed(search.root, capsys).values()

    assert main(["gc", "--storage", str(search.root), "--delete"]) == 0
    capsys.readouterr()
    assert reasons.keys() - listed(search.root, capsys).keys() == unused
    conclude(again)
    assert_settled(search.root)
    assert children(search.root).items() >= before.items()


def test_a_study_with_a_driver_or_pending_records_is_running(
    search: SmallSearch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Storage.at(search.root).study_lock(STUDY):
        assert None not in listed(search.root, capsys).values()
    assert None in listed(search.root, capsys).values()
    search.root.joinpath("records").mkdir(exist_ok=True)
    Storage.at(search.root).records(STUDY).write_text("{}\n")
    assert f"used by {STUDY} (running)" in listed(search.root, capsys).values()


def test_artifacts_without_known_study_are_retained_by_default(
    search: SmallSearch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a storage from before uses were recorded."""
    shutil.rmtree(search.root / "uses")
    assert None not in listed(search.root, capsys).values()
    arguments = ["gc", "--storage", str(search.root), "--unknown-older-than"]
    assert main([*arguments, "20", "--delete"]) == 0
    assert "0 B removed" in capsys.readouterr().out
    assert main([*arguments, "5", "--delete"]) == 0
    assert "removed outputs/" in capsys.readouterr().out
    assert {name.partition("/")[0] for name in listed(search.root, capsys)} == {"students", "models"}


def test_studies_that_are_missing_in_mlflow_are_retained(
    search: SmallSearch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    reasons = listed(search.root, capsys, "--mlflow-uri", f"sqlite:///{tmp_path}/another.db")
    assert f"used by {STUDY} (not in MLflow)" in reasons.values()
    assert None not in reasons.values()
    assert not (tmp_path / "another.db").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["list", "--storage", "nowhere"], "--storage .*nowhere: does not exist"),
        (["gc", "--study", "other"], rf"--study other: uses no artifacts in .*\. Choose from: {STUDY}\."),
        (["gc", "--older-than", "-1"], "--older-than -1: not a number of days"),
        (["gc", "--unknown-older-than", "nan"], "--unknown-older-than nan: not a number of days"),
        (["list", "--storage", "s3://bucket/prefix"], "cannot hold the MLflow database. Add --mlflow-uri"),
        (["list", "--mlflow-uri", "postgresql://me@127.0.0.1:9/x"], "no connection"),
        (["list", "--mlflow-uri", "http://127.0.0.1:9"], "127.0.0.1:9"),
        (["list", "--delete"], "--delete: list removes nothing. Use gc --delete"),
        (
            ["gc", "--mlflow-uri", "sqlite:////nowhere/mlflow.db"],
            "--mlflow-uri sqlite:////nowhere/mlflow.db: the database does not",
        ),
        (
            ["list", "--unknown-older-than", "1", "--mlflow-uri", "sqlite:////nowhere/m.db"],
            "m.db: the database does not",
        ),
        (["remove"], "invalid choice: 'remove'"),
    ],
)
def test_invalid_input(
    ended: SmallSearch, arguments: list[str], message: str, s3: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    if "--storage" not in arguments:
        arguments = [*arguments, "--storage", str(ended.root)]
    with pytest.raises(UserError, match=message):
        main(arguments)


def test_control_characters_in_names_are_escaped(search: SmallSearch, capsys: pytest.CaptureFixture[str]) -> None:
    (search.root / "uses" / "\x1b[2Jstudy" / "teachers").mkdir(parents=True)
    (search.root / "uses" / "\x1b[2Jstudy" / "teachers" / "x").touch()
    (search.root / "teachers" / "x").mkdir()
    (search.root / "teachers" / "x" / "[red]file").write_text("content")
    assert main(["list", "--storage", str(search.root)]) == 0
    out = capsys.readouterr().out
    assert "\x1b[2J" not in out
    assert r"\x1b[2Jstudy" in out


def test_without_an_action_it_lists(
    ended: SmallSearch, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MSD_RAY_STORAGE", str(ended.root))
    assert main(["--json"]) == 0
    assert json.loads(capsys.readouterr().out)["studies"] == {STUDY: "finished"}


def test_an_unreachable_database_is_one_line_and_exit_code_2(ended: SmallSearch) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "msd_ray.storage", "--storage", str(ended.root)],
        env={**os.environ, "MLFLOW_TRACKING_URI": "postgresql://me:geheim@127.0.0.1:9/x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "geheim" not in done.stderr


def test_json_lists_the_removed_artifacts(search: SmallSearch, capsys: pytest.CaptureFixture[str]) -> None:
    unused = {name for name, why in listed(search.root, capsys).items() if why is None}
    for more, removed in (([], set()), (["--delete"], unused)):
        assert main(["gc", "--storage", str(search.root), "--json", *more]) == 0
        assert set(json.loads(capsys.readouterr().out)["removed"]) == removed
    assert not unused & listed(search.root, capsys).keys()


def test_prune_is_an_alias_of_gc(ended: SmallSearch, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = []
    for action in ("gc", "prune"):
        assert main([action, "--storage", str(ended.root)]) == 0
        outputs.append(capsys.readouterr().out)
    assert "would remove" in outputs[0]
    assert outputs[0] == outputs[1]

"""Every filter of docs/mlflow.md and of study notes on a real database."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from recorded_studies import BEST, DATASET, PAPER, ROWS, SEEDS, record_final

from msd_ray.common.errors import UserError
from msd_ray.search.configuration import PAPER_CONFIGURATION
from msd_ray.search.spaces import PAPER_STUDENT, PAPER_TEACHER
from msd_ray.tracking.connection import connect
from msd_ray.tracking.rows import search_runs
from msd_ray.tracking.study import StudyTracker
from msd_ray.tracking.uri import default_tracking_uri

PAGE = Path(__file__).parents[2] / "docs" / "mlflow.md"
AR, HI = "wikiann-ar", "wikiann-hi"
DEV, NOW, STOPPED = "scored on dev", "running", "interrupted"


def finals(study: str, *rows: str, seeds: tuple[int, ...] = SEEDS) -> set[str]:
    """`study: key` of final runs."""
    digests = {"best": BEST}
    return {f"{study}: final/{row}/{digests.get(row, PAPER)}/seed-{seed}" for row in rows for seed in seeds}


def trials(*numbers: int) -> set[str]:
    return {f"{AR}: student/{number}" for number in numbers}


BOTH = ("paper", "best")
CLAIM = ("msd", "no-all")
# One line a filter of the page, in its order.
EXPECTED = [
    trials(0, 1),
    trials(1),
    trials(0),
    trials(2),
    trials(3),
    trials(1) | finals(AR, "best"),
    {f"{AR}: teacher/0"},
    finals(AR, *BOTH),
    finals(AR, "best"),
    finals(AR, *BOTH, seeds=(2,)),
    finals(f"{AR}-ablation", *CLAIM),
    finals(f"{AR}-ablation", *CLAIM) | finals(f"{HI}-ablation", *CLAIM),
    finals(f"{AR}-ablation", *ROWS) - finals(f"{AR}-ablation", "gold-aux"),
    finals(f"{AR}-ablation", "gold-aux"),
    finals(f"{AR}-ablation", "msd") | finals(f"{HI}-ablation", "msd"),
    finals(f"{AR}-ablation", "direct"),
    finals(AR, "paper") | finals(HI, "paper") | finals(f"{AR}-ablation", *ROWS) | finals(f"{HI}-ablation", *CLAIM),
    finals(AR, "paper") | finals(HI, "paper"),
    {f"{name}: study" for name in (AR, f"{AR}-ablation", HI, f"{HI}-ablation", DEV, NOW, STOPPED)},
    {f"{name}: study" for name in (AR, HI, DEV, NOW, STOPPED)},
    {f"{DEV}: final/paper/{PAPER}/seed-2"},
    {f"{NOW}: student/0"},
    {f"{STOPPED}: study"},
]


@pytest.fixture(scope="module")
def client(recorded_database: Path, tmp_path_factory: pytest.TempPathFactory) -> MlflowClient:
    """The recorded studies, and of another data set one without a test file, one that goes on, and one that was
    interrupted."""
    directory = tmp_path_factory.mktemp("filters")
    shutil.copy(recorded_database, directory / "mlflow.db")
    uri = default_tracking_uri(directory)
    on_dev = open_study(uri, DEV)
    record_final(on_dev, "paper", PAPER, 2, lr=2e-5, zero_shot=None, split="dev")
    on_dev.close()
    open_study(uri, NOW).child("student/0", name="student-0", parameters={}, tags={"trial": "0"})
    open_study(uri, STOPPED).mark_interrupted("2026-01-31 12:00:00 UTC")
    return connect(uri)


def open_study(uri: str, name: str) -> StudyTracker:
    return StudyTracker.open(uri, dataset="mlowner", lang="ko", study=name, parameters={}, tags={})


def found(client: MlflowClient, condition: str) -> set[str]:
    """What the page of several experiments shows, all of them ticked."""
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = search_runs(client, experiments, condition)
    names = [f"{run.data.tags['study']}: {run.data.tags.get('key', 'study')}" for run in runs]
    assert len(set(names)) == len(names)
    return set(names)


def experiment_named(client: MlflowClient, name: str) -> Experiment:
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    return experiment


def filters() -> list[str]:
    """Those of the tables' second column, between one or two backticks."""
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(r"^\|.*\| (?:`` |`)((?:tags|attributes)\..+?)(?: ``|`) \|$", text, flags=re.MULTILINE)


def test_every_filter_of_the_page_is_marked_as_one() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert len(filters()) == len(EXPECTED)
    conditions = re.findall(r"\b(?:tags|metrics|params|attributes)\.\S+ (?:=|!=|<|>|LIKE)", text)
    assert len(conditions) == sum(condition.count(" and ") + 1 for condition in filters())


def test_names_on_the_page_are_those_of_real_runs() -> None:
    """The fixture's parameters are the package's; the page's configuration is the paper's."""
    text = PAGE.read_text(encoding="utf-8")
    recorded = {f"student.{name}" for name in PAPER_STUDENT} | {f"teacher.{name}" for name in PAPER_TEACHER}
    assert set(re.findall(r"`((?:student|teacher)\.\w+)`", text)) <= recorded
    assert set(re.findall(r"configuration = '(\w+)'", text)) == {PAPER_CONFIGURATION.digest}


@pytest.mark.parametrize(("number", "expected"), list(enumerate(EXPECTED)))
def test_the_runs_that_a_filter_finds(client: MlflowClient, number: int, expected: set[str]) -> None:
    assert expected
    assert found(client, filters()[number]) == expected


@pytest.mark.parametrize(
    ("study", "expected"),
    [
        (AR, [trials(0, 1), finals(AR, "best"), finals(AR, *BOTH)]),
        (f"{AR}-ablation", [finals(f"{AR}-ablation", *ROWS), finals(f"{AR}-ablation", *CLAIM)]),
    ],
)
def test_the_note_on_a_study(client: MlflowClient, study: str, expected: list[set[str]]) -> None:
    (parent,) = (
        run
        for run in search_runs(client, [experiment_named(client, "msd-wikiann-ar").experiment_id])
        if run.data.tags["kind"] == "study" and run.data.tags["study"] == study
    )
    note = parent.data.tags["mlflow.note.content"]
    assert "data set wikiann, from English (`en`) to `ar`" in note
    offered = re.findall(r"`(tags\.[^`]+)`", note)
    assert [found(client, condition) for condition in offered] == expected


def test_unsupported_filter_syntax(client: MlflowClient) -> None:
    others = found(client, f"tags.study = '{AR}' and tags.row != 'best'")
    assert others == finals(AR, "paper")  # and none of the trials, which have no row
    for impossible in ("tags.row = 'msd' or tags.row = 'no-all'", "tags.row IN ('msd', 'no-all')"):
        with pytest.raises(MlflowException):
            found(client, impossible)


# -- the tags that the filters need


def test_source_data_and_description_of_runs(client: MlflowClient) -> None:
    runs = search_runs(client, [experiment_named(client, "msd-wikiann-ar").experiment_id])
    for run in runs:
        tags = run.data.tags
        assert tags["mlflow.source.name"] == f"python -m msd_ray.{tags['command']}"
        assert re.fullmatch(r"[0-9a-f]{40}", tags.get("mlflow.source.git.commit", "0" * 40))
        assert tags["mlflow.note.content"]
    notes = {run.data.tags["key"]: run.data.tags["mlflow.note.content"] for run in runs if "key" in run.data.tags}
    assert notes["student/1"].startswith("**Student trial 1 of the search**. Study `wikiann-ar")
    assert "row `best`, seed 2" in notes[f"final/best/{BEST}/seed-2"]
    (search,) = (run for run in runs if run.info.run_name == AR)
    assert search.inputs is not None
    inputs = {each.dataset.name: each.tags[0].value for each in search.inputs.dataset_inputs}
    assert inputs == {
        "wikiann-en-train": "training",
        "wikiann-ar-train-text": "training",
        "wikiann-ar-dev": "validation",
    }


def test_tags_common_to_all_runs(client: MlflowClient) -> None:
    for lang in ("ar", "hi"):
        experiment = experiment_named(client, f"msd-{DATASET}-{lang}")
        assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
        for run in search_runs(client, [experiment.experiment_id]):
            tags = run.data.tags
            assert (tags["dataset"], tags["lang"]) == (DATASET, lang)
            assert tags["command"] == ("ablate" if tags["study"].endswith("ablation") else "tune")
            if tags["kind"] == "run":
                assert run.info.run_name.endswith(f" {lang}")
                assert tags["zero_shot"] == ("false" if tags.get("row") == "gold-aux" else "true")


def test_ablation_runs_have_no_default_zero_shot_tag(tracking_uri: str) -> None:
    tracker = StudyTracker.open(
        tracking_uri, dataset="sample", lang="ar", study="s", parameters={}, tags={"command": "ablate"}
    )
    tracker.child("final/msd/seed-1", name="f", parameters={}, tags={"row": "msd"})
    assert "zero_shot" not in tracker.runs()[0].tags


def test_an_edited_note_is_kept(reopen: Callable[[], StudyTracker]) -> None:
    tracker = reopen()
    tracker.parent_tags({"mlflow.note.content": "mine"})
    again = reopen()
    assert again._client.get_run(again.parent_id).data.tags["mlflow.note.content"] == "mine"


def test_a_study_name_of_another_command_is_rejected(reopen: Callable[[], StudyTracker], tracking_uri: str) -> None:
    reopen()
    with pytest.raises(UserError, match=r"study first is already recorded in MLflow, by `tune`.*--name"):
        StudyTracker.open(
            tracking_uri,
            dataset="sample",
            lang="ar",
            study="first",
            parameters={"seed": 1, "encoder": "e5-small"},
            tags={"command": "ablate"},
        )

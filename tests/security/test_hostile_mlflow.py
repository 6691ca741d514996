"""What others wrote into MLflow, and a report reads: no file outside of the report, no markup, no formula, no crash."""

import csv
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hostile_tables import HOSTILE, table_of
from mlflow.tracking import MlflowClient
from pyarrow import parquet as pq
from recorded_studies import PAPER, record_ablation, record_final

from msd_ray.common import limits
from msd_ray.common.errors import UserError
from msd_ray.report.__main__ import main
from msd_ray.report.write import write_tables
from msd_ray.tracking.artifacts import PREDICTIONS, read_predictions
from msd_ray.tracking.study_reader import StudyReader

ATTACKS = (
    "<script>steal()</script>",
    "</script><img src=x onerror=steal()>",
    "\x1b[2J",
    "\u202eevil",
    "=cmd|'/C x'!A0",
)
ENTITY = "<img/src=x/onerror=steal()>"


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An ablation in Arabic whose sentences, labels, parameters and tags are hostile, and nothing else."""
    directory = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{directory / 'mlflow.db'}"
    tracker = record_ablation(uri, "ar", rows=("msd", "no-all"))
    client = MlflowClient(uri)
    write_predictions(directory / "results" / "predictions.parquet")
    for run in tracker.runs():
        client.log_artifacts(run.run_id, str(directory / "results"), "results")
        client.set_tag(run.run_id, "reason", ATTACKS[0])
    client.log_param(tracker.parent_id, "epochs", ATTACKS[1])
    client.log_param(tracker.parent_id, "limit", ATTACKS[4])
    client.set_tag(tracker.parent_id, "mlflow.note.content", ATTACKS[0])
    return uri


def write_predictions(path: Path, *, gold: str = f"B-{ENTITY}") -> Path:
    path.parent.mkdir(exist_ok=True)
    labels = [[gold, *["O"] * (len(ATTACKS) - 1)]]
    table = {"tokens": [list(ATTACKS)], "gold": labels, "predicted": [["O"] * len(ATTACKS)], "repeated": [False]}
    pq.write_table(pa.table(table), path)
    return path


def study(uri: str, **tags: str) -> str:
    """The run of a study that nobody has made with msd_ray."""
    client = MlflowClient(uri)
    found = client.get_experiment_by_name("msd-planted-xx")
    experiment = found.experiment_id if found else client.create_experiment("msd-planted-xx")
    return str(client.create_run(experiment, tags={"kind": "study", **tags}).info.run_id)


class Markup(HTMLParser):
    """Elements and their event handlers."""

    def __init__(self) -> None:
        super().__init__()
        self.handlers: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag == "img":
            self.images.append(dict(attrs))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_a_report_on_hostile_text(uri: str, tmp_path: Path) -> None:
    out = tmp_path / "report"
    assert main(["--lang", "ar", "--mlflow-uri", uri, "--out", str(out)]) == 0
    page = (out / "wikiann-ar-ablation.html").read_text(encoding="utf-8")
    seen = Markup()
    seen.feed(page)
    assert seen.handlers == []
    assert [image for image in seen.images if image.get("src") == "x"] == []
    assert "steal()" in "".join(seen.text)  # shown as the text that it is
    assert ATTACKS[0] not in page
    for path in (out / "tables").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.reader(file):
                assert [cell for cell in row if cell[:1] in "=+-@\t\r" and not is_number(cell)] == [], path.name
    for path in (out / "tables").glob("*.md"):
        assert re.findall(r"(?<!\\)<", path.read_text(encoding="utf-8")) == [], path.name


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell == ""
    return True


def test_no_cell_of_any_table_is_a_formula(tmp_path: Path) -> None:
    write_tables([table_of((*HOSTILE, *ATTACKS, "\t=1", "\r=1", " =1", "＝1+1"))], tmp_path / "tables")
    (path,) = (tmp_path / "tables").glob("*/*.csv")  # the key of that table has a folder of its own
    with path.open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert [cell for cell in cells if cell[:1] in ("=", "+", "@", "-", "\t", "\r", "＝") and not is_number(cell)] == []


@pytest.mark.parametrize(
    ("tags", "what"),
    [
        ({"study": "../../planted", "dataset": "wikiann", "lang": "xa"}, "tag study '../../planted'"),
        ({"study": "/tmp/planted", "dataset": "wikiann", "lang": "xb"}, "tag study '/tmp/planted'"),
        ({"study": "a\nb", "dataset": "wikiann", "lang": "xc"}, r"tag study 'a\\nb'"),
        ({"study": "s", "dataset": "../../x", "lang": "xd"}, "tag dataset '../../x'"),
        ({"study": "s", "dataset": "wikiann", "lang": "../x"}, "tag lang '../x'"),
    ],
)
def test_names_that_are_paths(uri: str, tmp_path: Path, tags: dict[str, str], what: str) -> None:
    run = study(uri, **tags)
    out = tmp_path / "deep" / "report"
    try:
        with pytest.raises(UserError, match=rf"MLflow's run {run}: {what}: use letters"):
            main(["--lang", tags["lang"], "--mlflow-uri", uri, "--out", str(out)])
    finally:
        MlflowClient(uri).delete_run(run)
    assert not (tmp_path / "deep").exists()


def test_a_data_set_that_is_none(uri: str, tmp_path: Path) -> None:
    run = study(uri, study="s", dataset="planted", lang="xe")
    try:
        with pytest.raises(UserError, match="unknown data set 'planted'"):
            main(["--lang", "xe", "--mlflow-uri", uri, "--out", str(tmp_path / "report")])
    finally:
        MlflowClient(uri).delete_run(run)


def test_a_run_that_is_no_study(uri: str, tmp_path: Path) -> None:
    run = study(uri, study="s")
    try:
        with pytest.raises(UserError, match=f"MLflow's run {run} has the tag kind = study but no tag dataset, lang"):
            main(["--lang", "ar", "--mlflow-uri", uri, "--out", str(tmp_path / "report")])
    finally:
        MlflowClient(uri).delete_run(run)


@pytest.mark.parametrize(("tag", "value"), [("seed", "1e9"), ("seed", "x"), ("configuration", "../x")])
def test_tags_of_final_runs(uri: str, tmp_path: Path, tag: str, value: str) -> None:
    with StudyReader.open(uri) as reader:
        (recorded,) = reader.studies("wikiann", ["ar"])
    run = recorded.runs[0]
    client = MlflowClient(uri)
    client.set_tag(run.run_id, tag, value)
    try:
        with pytest.raises(UserError, match=f"MLflow's run {run.run_id}: tag {tag}"):
            main(["--lang", "ar", "--mlflow-uri", uri, "--out", str(tmp_path / "report")])
    finally:
        client.set_tag(run.run_id, tag, run.tags[tag])


def test_a_run_id_that_is_a_path(uri: str, tmp_path: Path) -> None:
    """Copies of artifacts lie in a folder that is called by the run."""
    client = MlflowClient(uri)
    tracker = record_ablation(uri, "hi", rows=("msd",))
    run_id = record_final(tracker, "no-all", PAPER, 9, lr=2e-5, zero_shot=True)
    client.log_artifact(run_id, str(write_predictions(tmp_path / "predictions.parquet")), "results")
    hostile = f"../../../../../../{tmp_path}/planted"
    with closing(sqlite3.connect(uri.removeprefix("sqlite:///"))) as database, database:
        for name in ("runs", "tags", "params", "metrics", "latest_metrics"):
            database.execute(f"UPDATE {name} SET run_uuid = ? WHERE run_uuid = ?", (hostile, run_id))
    with (
        StudyReader.open(uri) as reader,
        pytest.raises(UserError, match=r"MLflow's run '\.\./\.\./"),
    ):
        reader.artifact(hostile, PREDICTIONS)
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize("path", ["../../../secret", "results/../../../secret", "/etc/hostname", "results/%2e%2e/x"])
def test_artifacts_elsewhere(uri: str, path: str) -> None:
    with StudyReader.open(uri) as reader:
        (recorded,) = reader.studies("wikiann", ["ar"])
        try:
            found = reader.artifact(recorded.runs[0].run_id, path)
        except UserError:
            found = None
        assert found is None


def test_an_artifact_larger_than_any_of_its_kind(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msd_ray.tracking.study_reader.LARGEST_TEXT", 100)
    with StudyReader.open(uri) as reader:
        (recorded,) = reader.studies("wikiann", ["ar"])
        with pytest.raises(
            UserError, match=r"predictions\.parquet of MLflow's run \w+: \d+ bytes exceed the limit of 100"
        ):
            reader.artifact(recorded.runs[0].run_id, PREDICTIONS)


@pytest.mark.parametrize("label", ["<b>", "", "B-", "B-A B", "X-PER", "o"])
def test_labels_that_are_none(tmp_path: Path, label: str) -> None:
    with pytest.raises(UserError, match="is not a BIO label"):
        read_predictions(write_predictions(tmp_path / "predictions.parquet", gold=label))


def test_predictions_that_blow_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "predictions.parquet"
    sentence: list[Any] = [["O"] * 300_000]
    columns = {"tokens": sentence, "gold": sentence, "predicted": sentence, "repeated": [False]}
    pq.write_table(pa.table(columns), path)
    assert path.stat().st_size < 10_000
    monkeypatch.setattr(limits, "MOST_VALUES", 100_000)
    with pytest.raises(UserError, match=r"predictions\.parquet: \d+ bytes stand for"):
        read_predictions(path)

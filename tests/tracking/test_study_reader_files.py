"""StudyReader: artifacts of runs and reports; invalid stores."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from msd_ray.common.errors import UserError
from msd_ray.tracking.study import StudyTracker
from msd_ray.tracking.study_reader import StudyReader
from msd_ray.tracking.uri import default_tracking_uri


def test_artifacts_are_copies_removed_with_the_reader(
    reopen: Callable[[], StudyTracker], tracking_uri: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tracker = reopen()
    run = tracker.child("final/msd/seed-1", name="f", parameters={}, tags={})
    results = tmp_path / "written"
    results.mkdir()
    (results / "predictions.parquet").write_bytes(b"rows")
    tracker.log_file(run, results, "results")
    with StudyReader.open(tracking_uri) as reader:
        copy = reader.artifact(run, "results/predictions.parquet")
        assert copy is not None
        assert copy.read_bytes() == b"rows"
        copy.write_bytes(b"mine")
        for absent in ("results/domains.safetensors", "other/predictions.parquet", "results", "predictions.parquet"):
            assert reader.artifact(run, absent) is None
        again = reader.artifact(run, "results/predictions.parquet")
        assert again is not None
        assert again.read_bytes() == b"rows"
    assert not copy.exists()
    shutil.rmtree(tmp_path / "mlartifacts")
    with StudyReader.open(tracking_uri) as reader:
        assert reader.artifact(run, "results/predictions.parquet") is None
    assert capfd.readouterr() == ("", "")


def test_report_files_are_artifacts_of_the_parent(
    reopen: Callable[[], StudyTracker], tracking_uri: str, tmp_path: Path
) -> None:
    parent = reopen().parent_id
    report = tmp_path / "report"
    (report / "figures").mkdir(parents=True)
    (report / "figures" / "tsne.html").write_text("<p>")
    (report / "table-3.md").write_text("| MSD |")
    with StudyReader.open(tracking_uri) as reader:
        for text in ("| MSD |", "| TSL |"):
            (report / "table-3.md").write_text(text)
            reader.log_files(parent, report, "report")
            stored = reader.artifact(parent, "report/table-3.md")
            assert stored is not None
            assert stored.read_text() == text
        assert reader.artifact(parent, "report/figures/tsne.html") is not None
        with pytest.raises(UserError, match="nowhere is not a directory"):
            reader.log_files(parent, tmp_path / "nowhere", "report")
        reader.log_file(parent, report / "table-3.md", "report/tables")
        assert reader.artifact(parent, "report/tables/table-3.md") is not None


# -- addresses


def test_a_missing_database_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"mlflow\.db does not exist"):
        StudyReader.open(default_tracking_uri(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_another_programs_database(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        database.execute("CREATE TABLE t (x)")
    with pytest.raises(UserError, match="another program"):
        StudyReader.open(default_tracking_uri(tmp_path))


def test_an_empty_database_has_no_studies(tracking_uri: str) -> None:
    with StudyReader.open(tracking_uri) as reader:
        assert reader.studies() == []
        assert reader.curves("0" * 32) == {}

"""Databases that were moved or copied with their artifacts: MLflow reads and writes where the database lies now."""

import shutil
from pathlib import Path

import pytest
from tune_command import contents

from msd_ray.tracking.relocation import former_directory, relocate_artifacts
from msd_ray.tracking.study import StudyTracker
from msd_ray.tracking.study_reader import StudyReader
from msd_ray.tracking.uri import default_tracking_uri

KEY = "final/best/seed-1"


@pytest.fixture
def storage(empty_database: Path, tmp_path: Path) -> Path:
    """A storage, with a name that URLs and SQL treat specially, in which a study has one run with an artifact."""
    (root := tmp_path / "it's 50%41_x" / "runs").mkdir(parents=True)
    shutil.copy(empty_database, root / "mlflow.db")
    log(root, "first")
    return root


def log(root: Path, text: str, *, key: str = KEY, artifacts: Path | None = None, database: Path | None = None) -> str:
    """Log a file into a run of the study, as a search does, and return the run's id."""
    tracker = StudyTracker.open(
        default_tracking_uri(database or root),
        dataset="sample",
        lang="ar",
        study="first",
        parameters={},
        tags={},
        artifact_root=artifacts or root / "mlartifacts",
    )
    run = tracker.child(key, name="f", parameters={}, tags={})
    file = root / f"{text}.txt"
    file.write_text(text)
    tracker.log_file(run, file, "files")
    file.unlink()
    return run


def texts(root: Path) -> set[str]:
    return {path.read_text() for path in (root / "mlartifacts").rglob("*.txt")}


def test_a_moved_storage_is_used_where_it_is(storage: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved % here"
    shutil.move(storage, moved)
    assert former_directory(default_tracking_uri(moved)) == storage
    with StudyReader.open(default_tracking_uri(moved)) as reader:
        ((run,),) = (study.runs for study in reader.studies())
        file = reader.artifact(run.run_id, "files/first.txt")
        assert file is not None
        assert file.read_text() == "first"
    assert log(moved, "second") == run.run_id
    log(moved, "third", key="final/best/seed-2")
    assert texts(moved) == {"first", "second", "third"}
    assert not storage.exists()
    assert former_directory(default_tracking_uri(moved)) is None


def test_a_copy_never_writes_into_the_original(storage: Path, tmp_path: Path) -> None:
    one, two = (Path(shutil.copytree(storage, tmp_path / name)) for name in ("one", "two"))
    before = contents(storage)
    log(one, "of one")
    log(one, "new of one", key="final/best/seed-2")
    assert contents(storage) == before
    log(two, "of two")
    assert contents(storage) == before
    assert (texts(one), texts(two)) == ({"first", "of one", "new of one"}, {"first", "of two"})
    again = Path(shutil.copytree(one, tmp_path / "again"))  # a copy of a copy
    before = contents(one)
    log(again, "of again")
    assert contents(one) == before


def test_a_copy_from_before_the_first_artifact(empty_database: Path, tmp_path: Path) -> None:
    (original := tmp_path / "original").mkdir()
    shutil.copy(empty_database, original / "mlflow.db")
    StudyTracker.open(
        default_tracking_uri(original), dataset="sample", lang="ar", study="first", parameters={}, tags={}
    )
    copy = Path(shutil.copytree(original, tmp_path / "copy"))
    log(original, "of the original")
    before = contents(original)
    log(copy, "of the copy")
    assert contents(original) == before
    assert texts(copy) == {"of the copy"}


def test_a_database_beside_its_storage_follows_the_storage(storage: Path, empty_database: Path, tmp_path: Path) -> None:
    """`--mlflow-uri` names a file elsewhere: its artifacts are in the storage, which is not a former directory."""
    (elsewhere := tmp_path / "elsewhere").mkdir()
    shutil.copy(empty_database, elsewhere / "mlflow.db")
    (own := tmp_path / "own").mkdir()
    uri = default_tracking_uri(elsewhere)
    log(own, "first", database=elsewhere)
    relocate_artifacts(uri)
    log(own, "second", database=elsewhere)
    assert texts(own) == {"first", "second"}
    assert not (elsewhere / "mlartifacts").exists()
    shutil.move(own, tmp_path / "moved")
    log(tmp_path / "moved", "third", database=elsewhere)
    assert texts(tmp_path / "moved") == {"first", "second", "third"}
    assert not own.exists()


def test_another_path_to_the_same_storage_changes_nothing(storage: Path, tmp_path: Path) -> None:
    (link := tmp_path / "link").symlink_to(storage)
    before = contents(storage)
    relocate_artifacts(f"sqlite:///{link}/mlflow.db")
    assert contents(storage) == before


def test_storages_that_use_a_database_from_elsewhere_keep_their_artifacts(
    storage: Path, empty_database: Path, tmp_path: Path
) -> None:
    """They may be on another machine, or not mounted; another storage's search must not take them for its own."""
    (shared := tmp_path / "shared").mkdir()
    shutil.copy(empty_database, shared / "mlflow.db")
    (own := tmp_path / "own").mkdir()
    log(own, "first", database=shared)
    own.rename(tmp_path / "not mounted")
    before = contents(shared)
    for artifacts in (None, storage / "mlartifacts"):
        relocate_artifacts(default_tracking_uri(shared), artifacts)
        assert contents(shared) == before
    (tmp_path / "not mounted").rename(own)
    log(own, "third", database=shared)
    assert texts(own) == {"first", "third"}

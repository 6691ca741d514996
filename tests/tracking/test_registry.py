"""The model registry: versions, promotion, and loading without this package."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from candidates import CANDIDATE, CHAMPION, NAME
from loads_without_package import assert_loads_without_package
from mlflow.entities.model_registry import ModelVersion
from mlflow.tracking import MlflowClient
from mlflow_server import mlflow_server
from students import exported

from msd_ray.cli.winner import content_digest
from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.tracking.champion import Candidate, registered_name
from msd_ray.tracking.references import Reference, downloaded
from msd_ray.tracking.registry import RegisteredVersion, register
from msd_ray.tracking.study import StudyTracker


@pytest.fixture(scope="session")
def students(tiny_encoder: EncoderFiles, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three exports of different weights; the third is decoded by Viterbi."""
    root = tmp_path_factory.mktemp("students")
    directories = [root / name for name in ("first", "second", "third")]
    for place, directory in enumerate(directories):
        exported(
            tiny_encoder, directory, noise=0.5 * place, decode="viterbi" if place == 2 else "argmax", max_length=512
        )
    return directories


class Registry:
    """Register students like a search's driver, each with its own run."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.client = MlflowClient(uri)
        self._tracker = StudyTracker.open(uri, dataset="sample", lang="tr", study="first", parameters={}, tags={})

    def register(self, directory: Path, dev_f1: float, *, candidate: Candidate = CANDIDATE) -> RegisteredVersion:
        run = self._tracker.child(f"final/best/{directory.name}", name="final", parameters={}, tags={})
        self._tracker.finish(run, state="COMPLETE")
        return register(
            self.uri,
            directory,
            replace(candidate, run_id=run, dev_f1=dev_f1, content_sha256=content_digest(directory)),
        )

    @property
    def champion(self) -> str:
        return str(self.client.get_registered_model(NAME).aliases["champion"])

    @property
    def versions(self) -> list[ModelVersion]:
        return sorted(self.client.search_model_versions(f"name = '{NAME}'"), key=lambda version: int(version.version))


@pytest.fixture
def registry(tracking_uri: str) -> Registry:
    return Registry(tracking_uri)


def test_the_first_student_is_champion_and_its_version_is_tagged(registry: Registry, students: list[Path]) -> None:
    found = registry.register(students[0], 0.5)
    reason = "Champion with dev F1 50.00: there was none before."
    assert found == RegisteredVersion(name=NAME, version="1", new=True, champion=True, reason=reason)
    assert found.tags() == {"registered": f"models:/{NAME}/1", "champion": "true", "champion_reason": reason}
    (version,) = registry.versions
    assert version.tags == {
        "study": "first",
        "row": "best",
        "configuration": "0a1b2c3d",
        "seed": "4",
        "encoder": "e5-small",
        "dataset": "sample",
        "lang": "tr",
        "zero_shot": "true",
        "content_sha256": content_digest(students[0]),
        "dev_f1": "0.5",
        "scored_split": "test",
        "dev_f1_mean": "0.45",
        "dev_f1_n": "3",
        "test_f1_mean": "0.4321",
        "test_f1_sd": "0.0123",
        "test_f1_n": "3",
        "data.source_train": "aa" * 32,
        "data.target_dev": "bb" * 32,
        "promoted": "true",
        "reason": reason,
    }
    assert version.run_id is not None
    run = registry.client.get_run(version.run_id)
    assert run.data.tags["key"] == "final/best/first"
    assert run.outputs is not None
    (model,) = run.outputs.model_outputs
    assert registry.client.get_logged_model(model.model_id).status == "READY"
    assert version.description is not None
    assert version.description.startswith(reason)
    for words in ("study first", "seed 4", "F1 on dev 50.00", "test F1 43.21 ± 1.23 over 3 seeds", version.run_id):
        assert words in version.description


def test_the_alias_moves_only_to_a_better_student(registry: Registry, students: list[Path]) -> None:
    registry.register(students[0], 0.5)
    worse = registry.register(students[1], 0.4999)
    assert (worse.version, worse.new, worse.champion) == ("2", True, False)
    assert worse.reason == "Not the champion: dev F1 49.99 does not beat the 50.00 of version 1."
    assert registry.champion == "1"
    better = registry.register(students[2], 0.6)
    assert (better.version, better.champion) == ("3", True)
    assert better.reason == "Champion with dev F1 60.00: it beats the 50.00 of version 1."
    assert registry.champion == "3"
    assert [version.tags["promoted"] for version in registry.versions] == ["true", "false", "true"]
    assert [version.tags["reason"] for version in registry.versions][1:] == [worse.reason, better.reason]
    with downloaded(registry.uri, CHAMPION) as directory:
        assert content_digest(directory) == content_digest(students[2])


def test_an_equal_score_does_not_move_the_alias(registry: Registry, students: list[Path]) -> None:
    registry.register(students[0], 0.5)
    assert not registry.register(students[1], 0.5).champion
    assert registry.champion == "1"


def test_registering_the_same_content_reuses_the_version(registry: Registry, students: list[Path]) -> None:
    first = registry.register(students[0], 0.5)
    registry.register(students[1], 0.4)
    before = [dict(version) for version in registry.versions]
    models = len(registry.client.search_logged_models(["1"]))
    assert registry.register(students[0], 0.5) == replace(first, new=False)
    again = registry.register(students[1], 0.4, candidate=replace(CANDIDATE, study="another"))
    assert (again.version, again.new, again.champion) == ("2", False, False)
    assert [dict(version) for version in registry.versions] == before
    assert len(registry.client.search_logged_models(["1"])) == models == 2
    registry.register(students[2], 0.6)
    late = registry.register(students[0], 0.5)
    assert (late.version, late.champion) == ("1", False)
    assert late.reason == "It was the champion; version 3 is now."
    assert registry.champion == "3"


def test_different_dev_sets_are_not_compared(registry: Registry, students: list[Path]) -> None:
    registry.register(students[0], 0.5)
    other = replace(CANDIDATE, encoder="another", data_digests={"target_dev": "cc" * 32})
    found = registry.register(students[1], 0.9, candidate=other)
    assert not found.champion
    assert "not measured on the dev set of version 1" in found.reason
    same = replace(CANDIDATE, encoder="another", data_digests={**CANDIDATE.data_digests, "source_train": "dd" * 32})
    assert registry.register(students[2], 0.8, candidate=same).champion


def test_a_student_that_saw_target_labels_is_never_champion(registry: Registry, students: list[Path]) -> None:
    found = registry.register(students[0], 0.9, candidate=replace(CANDIDATE, zero_shot=False))
    assert (found.new, found.champion) == (True, False)
    assert registry.client.get_registered_model(NAME).aliases == {}
    assert "NOT zero-shot" in str(registry.versions[0].description)
    assert registry.register(students[1], 0.1).champion


def test_a_champion_without_a_score_is_not_replaced(registry: Registry, students: list[Path]) -> None:
    registry.register(students[0], 0.5)
    registry.client.delete_model_version_tag(NAME, "1", "dev_f1")
    found = registry.register(students[1], 0.9)
    assert not found.champion
    assert "version 1, which is, has no dev F1" in found.reason


@pytest.mark.parametrize("left", [(), ("reason",), ("reason", "alias")])
def test_a_promotion_interrupted_by_a_kill_is_completed(
    registry: Registry, students: list[Path], left: Sequence[str]
) -> None:
    registry.register(students[0], 0.5)
    settled = registry.register(students[1], 0.6)
    registry.client.delete_model_version_tag(NAME, "2", "promoted")
    if "reason" not in left:
        registry.client.delete_model_version_tag(NAME, "2", "reason")
    if "alias" not in left:
        registry.client.set_registered_model_alias(NAME, "champion", "1")
    assert registry.register(students[1], 0.6) == replace(settled, new=False)
    assert registry.champion == "2"
    assert len(registry.versions) == 2
    assert registry.versions[1].tags["promoted"] == "true"


def test_a_failed_upload_leaves_no_version(registry: Registry, students: list[Path], tmp_path: Path) -> None:
    (tmp_path / "mlartifacts").write_text("in the way")
    with pytest.raises(UserError, match="does not work"):
        registry.register(students[0], 0.5)
    assert registry.versions == []
    assert [model.status for model in registry.client.search_logged_models(["1"])] == ["FAILED"]
    (tmp_path / "mlartifacts").unlink()
    assert registry.register(students[0], 0.5).version == "1"


def test_nothing_is_pickled(registry: Registry, students: list[Path], tmp_path: Path) -> None:
    registry.register(students[0], 0.5)
    files = {path for path in (tmp_path / "mlartifacts").rglob("*") if path.is_file()}
    assert {path.suffix for path in files} == {"", ".json", ".md", ".safetensors", ".txt", ".yaml"}
    assert {path.name for path in files if not path.suffix} == {"MLmodel"}
    (model,) = [path for path in files if path.name == "MLmodel"]
    assert "code: null" in model.read_text()
    assert "python_model" not in model.read_text()
    requirements = (model.parent / "requirements.txt").read_text()
    assert "transformers==" in requirements
    assert "msd" not in requirements
    assert "+" not in requirements, "no package index has local builds"


@pytest.mark.parametrize("place", [0, 2])
def test_versions_load_without_this_package(
    registry: Registry, students: list[Path], tmp_path: Path, place: int
) -> None:
    registry.register(students[place], 0.5)
    assert_loads_without_package(registry.uri, f"models:/{NAME}@champion", students[place], tmp_path)


@pytest.fixture
def served(tmp_path: Path, empty_database: Path) -> Iterator[str]:
    (tmp_path / "server.db").write_bytes(empty_database.read_bytes())
    with mlflow_server(tmp_path, tmp_path / "server.db") as (uri, _):
        yield uri


@pytest.mark.slow
def test_through_a_server(served: str, students: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    registry = Registry(served)
    assert registry.register(students[0], 0.5).champion
    assert registry.register(students[1], 0.4) == RegisteredVersion(
        name=NAME,
        version="2",
        new=True,
        champion=False,
        reason="Not the champion: dev F1 40.00 does not beat the 50.00 of version 1.",
    )
    assert not registry.register(students[0], 0.5).new
    with downloaded(served, Reference(name=NAME, alias=None, version="2")) as directory:
        assert {path.name: path.read_bytes() for path in directory.iterdir()} == {
            path.name: path.read_bytes() for path in students[1].iterdir()
        }
    assert not directory.exists()
    with pytest.raises(UserError, match="no such alias; it has versions 1, 2, aliases @champion"):
        _open(served, Reference(name=NAME, alias="best", version=None))
    assert_loads_without_package(served, f"models:/{NAME}/1", students[0], tmp_path)
    assert capfd.readouterr() == ("", "")


def _open(uri: str, reference: Reference) -> None:
    with downloaded(uri, reference):
        pass


@pytest.mark.parametrize("lang", ["tr/../..", "tr'", "tr:1", "t r", "tr\n", "tr@x", "ТР/"])
def test_hostile_names(lang: str, tracking_uri: str, students: list[Path]) -> None:
    assert registered_name("sample", "tr") == NAME
    with pytest.raises(UserError, match="not a valid name for a registered model"):
        register(tracking_uri, students[0], replace(CANDIDATE, lang=lang))


def test_what_is_not_there(registry: Registry, students: list[Path], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no registered model msd-sample-tr; it has none"):
        _open(registry.uri, CHAMPION)
    registry.register(students[0], 0.5)
    with pytest.raises(UserError, match="no registered model a' OR 'b; it has msd-sample-tr"):
        _open(registry.uri, Reference(name="a' OR 'b", alias="champion", version=None))
    with pytest.raises(UserError, match=r"no such alias; it has versions 1, aliases @champion \(version 1\)"):
        _open(registry.uri, replace(CHAMPION, alias="x" * 300))
    with pytest.raises(UserError, match="no such version; it has versions 1,"):
        _open(registry.uri, Reference(name=NAME, alias=None, version="999999999"))
    with pytest.raises(UserError, match=r"the MLflow database .* does not exist"):
        _open(f"sqlite:///{tmp_path}/nowhere/mlflow.db", CHAMPION)
    assert not (tmp_path / "nowhere").exists()


def test_a_foreign_model_is_rejected(registry: Registry, tmp_path: Path) -> None:
    registry.client.create_registered_model(NAME)
    (tmp_path / "model").mkdir()
    registry.client.create_model_version(NAME, source=str(tmp_path / "model"))
    with pytest.raises(UserError, match="not a student of msd_ray"):
        _open(registry.uri, Reference(name=NAME, alias=None, version="1"))

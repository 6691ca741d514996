"""Copies of objects on nodes that share an S3 server and nothing else; `test_storage_backends` has what nodes share."""

import json
import pickle
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from nodes import Nodes, epochs, prepared_at, warnings
from pyarrow import fs
from s3_server import BUCKET, CREDENTIALS, Front, client
from small_search import RUN, run_trials, student_plan, weights_of
from torch import Tensor

from msd_ray.common.errors import UserError
from msd_ray.common.manifest import new_content
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.sources import resolve
from msd_ray.method.checkpoints import TrainingDirectory, TrainingRecord
from msd_ray.search.plans import Experiment, TrialReport
from msd_ray.storage.artifacts import ensure_local
from msd_ray.storage.layout import Storage
from msd_ray.storage.object_store import ObjectStore
from msd_ray.storage.transfer import download_directory, upload_directory


@pytest.fixture
def nodes(s3: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Nodes:
    return Nodes(monkeypatch, tmp_path / "nodes")


@dataclass(frozen=True)
class Trained:
    """What node A left on the server after a student, and what it reported. Read-only; copy it."""

    place: str
    experiment: Experiment
    reports: list[TrialReport]


@pytest.fixture(scope="session")
def trained_on_a(
    s3_endpoint: str, tiny_encoder: EncoderFiles, small_corpora: Path, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": s3_endpoint}.items():
            patch.setenv(name, value)
        patch.setenv("MSD_RAY_CACHE", str(tmp_path_factory.mktemp("a")))
        place = f"s3://{BUCKET}/{uuid.uuid4().hex}"
        experiment = prepared_at(place, tiny_encoder, small_corpora)
        return Trained(place, experiment, run_trials(experiment, student_plan()))


@pytest.fixture
def copied(trained_on_a: Trained, s3: str, s3_endpoint: str) -> Experiment:
    """The experiment of `trained_on_a` with a copy of its objects, for another node."""
    store, place = ObjectStore.at(s3), trained_on_a.place.removeprefix("s3://")
    server = client(s3_endpoint)
    for info in server.get_file_info(fs.FileSelector(place, recursive=True)):
        if info.is_file:
            server.copy_file(info.path, store.path(info.path.removeprefix(f"{place}/")))
    experiment = trained_on_a.experiment
    return Experiment(storage=Storage.at(s3), encoder=experiment.encoder, corpora=experiment.corpora)


def objects(place: str, endpoint: str, below: str) -> list[str]:
    prefix = place.removeprefix("s3://")
    found = client(endpoint).get_file_info(fs.FileSelector(f"{prefix}/{below}", recursive=True, allow_not_found=True))
    return sorted(info.path.removeprefix(f"{prefix}/") for info in found if info.is_file)


def test_a_directory_is_uploaded_and_downloaded(s3: str, s3_endpoint: str, tmp_path: Path) -> None:
    store = ObjectStore.at(s3)
    with new_content(tmp_path / "here") as scratch:
        (scratch / "a").write_bytes(b"content")
    upload_directory(store, "features/key", tmp_path / "here")
    assert objects(s3, s3_endpoint, "features") == ["features/key/a", "features/key/manifest.json"]
    assert download_directory(store, "features/key", tmp_path / "there")
    assert {path.name: path.read_bytes() for path in (tmp_path / "there").iterdir()} == {
        path.name: path.read_bytes() for path in (tmp_path / "here").iterdir()
    }
    assert not download_directory(store, "features/other", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_node_without_the_encoder_gets_it_from_the_store(
    nodes: Nodes, s3: str, tiny_encoder: EncoderFiles, small_corpora: Path, tmp_path: Path
) -> None:
    own = tmp_path / "encoder-of-a"
    shutil.copytree(tiny_encoder.directory, own)
    nodes.on("a")
    experiment = prepared_at(s3, resolve(str(own)), small_corpora)
    travelled = pickle.dumps(experiment)
    shutil.rmtree(nodes.on("a"))
    shutil.rmtree(own)
    b = nodes.on("b")
    experiment = pickle.loads(travelled)
    assert experiment.storage.root.is_relative_to(b)
    weights_of(run_trials(experiment, student_plan(1, run=replace(RUN, seed=5))))
    assert (experiment.storage.encoder(experiment.encoder.digest) / "model.safetensors").is_file()


def flip(content: bytes) -> bytes:
    return bytes([*content[:-9], content[-9] ^ 1, *content[-8:]])


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize(
    ("pattern", "damage"),
    [
        ("teachers/*/weights/epoch-002.safetensors", flip),
        ("teachers/*/record.json", cut),
        ("outputs/*/soft_labels.npy", cut),
        ("outputs/*/source_cls.npy", None),
        ("students/*/weights/*", flip),
        ("students/*/weights/*", None),
    ],
)
def test_a_damaged_object_is_created_again(
    nodes: Nodes,
    copied: Experiment,
    trained_on_a: Trained,
    s3_endpoint: str,
    pattern: str,
    damage: Callable[[bytes], bytes] | None,
) -> None:
    store, place = copied.storage.store, copied.storage.place
    assert store is not None
    name = next(name for name in objects(place, s3_endpoint, "") if Path(name).match(pattern))
    whole = store.read(name)
    assert whole is not None
    if damage is None:
        store.delete(name)
    else:
        store.write(name, damage(whole))
    nodes.on("b")
    again = run_trials(copied, student_plan())
    assert weights_of(again) == weights_of(trained_on_a.reports)
    (told,) = warnings(again)
    assert told.startswith(f"{place}/{name} is {'missing' if damage is None else 'damaged'}")
    assert told.endswith("removed, will be created again")
    if not name.endswith(".json"):
        assert store.read(name) == whole
    nodes.on("c")
    assert warnings(run_trials(copied, student_plan())) == []


def test_an_incomplete_upload_is_not_used(
    nodes: Nodes, copied: Experiment, trained_on_a: Trained, s3_endpoint: str
) -> None:
    store = copied.storage.store
    assert store is not None
    for name in objects(copied.storage.place, s3_endpoint, ""):
        if name.startswith(("outputs/", "students/")) and name.endswith(("manifest.json", "record.json", "cls.npy")):
            store.delete(name)
    nodes.on("b")
    again = run_trials(copied, student_plan())
    assert "teacher outputs" in [report.stage for report in again]
    assert weights_of(again) == weights_of(trained_on_a.reports)
    assert warnings(again) == []


def test_a_damaged_copy_is_downloaded_again(nodes: Nodes, copied: Experiment, trained_on_a: Trained) -> None:
    nodes.on("b")
    first = run_trials(copied, student_plan())
    weights = copied.storage.root / first[-1].tags["weights"]
    weights.write_bytes(flip(weights.read_bytes()))
    features = ensure_local(copied.storage, copied.storage.features(copied.corpora.source_train)) / "input_ids.npy"
    whole = features.read_bytes()
    features.write_bytes(cut(whole))
    assert (ensure_local(copied.storage, features.parent) / features.name).read_bytes() == whole
    again = run_trials(copied, student_plan())
    assert epochs(again) == epochs(trained_on_a.reports)
    (told,) = warnings(again)
    assert told.endswith("is damaged: its SHA-256 is another: removed, downloaded again")


def test_epochs_that_could_not_be_sent_are_sent_later(
    nodes: Nodes, s3: str, tiny_encoder: EncoderFiles, small_corpora: Path, trained_on_a: Trained, s3_front: Front
) -> None:
    nodes.on("a")
    experiment = prepared_at(s3, tiny_encoder, small_corpora)
    hasty = ObjectStore(uri=s3, endpoint=s3_front.address, attempts=1)
    broken = Experiment(storage=Storage(store=hasty), encoder=experiment.encoder, corpora=experiment.corpora)

    def cut_off(report: TrialReport) -> None:
        if report.stage == "student epoch 1/2":
            s3_front.answer(always=500)

    with pytest.raises(UserError, match="HTTP status 500"):
        run_trials(broken, student_plan(), on_report=cut_off)
    s3_front.answer(503, 500)  # it is getting better
    assert weights_of(run_trials(experiment, student_plan())) == weights_of(trained_on_a.reports)
    nodes.on("b")
    assert epochs(run_trials(experiment, student_plan()))[-1].tags == trained_on_a.reports[-1].tags


def test_another_node_goes_on_within_an_epoch(
    nodes: Nodes,
    s3: str,
    s3_endpoint: str,
    tiny_encoder: EncoderFiles,
    small_corpora: Path,
    trained_on_a: Trained,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nodes.on("a")
    experiment = prepared_at(s3, tiny_encoder, small_corpora)
    commit, load = TrainingDirectory.commit_within_epoch, TrainingDirectory.load_state_within_epoch
    loaded: list[tuple[int, int]] = []

    def commit_and_die(self: TrainingDirectory, record: TrainingRecord, state: dict[str, Tensor]) -> None:
        commit(self, record, state)
        raise KeyboardInterrupt

    def load_and_tell(self: TrainingDirectory) -> dict[str, Tensor]:
        loaded.append(self.record().progress)
        return load(self)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingDirectory, "commit_within_epoch", commit_and_die)
        with pytest.raises(KeyboardInterrupt):
            run_trials(experiment, student_plan(), warned=lambda: True)
    assert any(
        name.endswith("state/epoch-001-step-000001.safetensors") for name in objects(s3, s3_endpoint, "teachers")
    )
    monkeypatch.setattr(TrainingDirectory, "load_state_within_epoch", load_and_tell)
    nodes.on("b")
    assert weights_of(run_trials(experiment, student_plan())) == weights_of(trained_on_a.reports)
    assert loaded == [(0, 1)]
    assert not any("-step-" in name for name in objects(s3, s3_endpoint, ""))


def test_a_record_is_json_with_the_digests_of_what_it_names(trained_on_a: Trained, s3: str) -> None:
    store = ObjectStore.at(trained_on_a.place)
    name = str(Path(trained_on_a.reports[-1].tags["weights"]).parents[1])
    text = store.read(f"{name}/record.json")
    assert text is not None
    files = json.loads(text)["files"]
    weights = trained_on_a.reports[-1].tags["weights"].removeprefix(f"{name}/")
    assert files[weights]["sha256"] == trained_on_a.reports[-1].tags["weights_sha256"]

"""Damaged artifacts are detected, reported, and created again with the same weights."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_search import (
    MakePrepared,
    StoppedError,
    data,
    run_trials,
    student_plan,
    weights_of,
)

from msd_ray.common.manifest import DamagedError, verify_directory
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.search.plans import Experiment, TrialReport
from msd_ray.search.prepare import prepare, prepare_test, read
from msd_ray.storage.layout import Storage


def only(directory: Path) -> Path:
    (found,) = (path for path in directory.iterdir() if path.is_dir())
    return found


def flip(path: Path) -> None:
    """One bit of one byte in the middle, as an ageing disk does."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def warnings(reports: list[TrialReport]) -> list[str]:
    return [report.warning for report in reports if report.warning is not None]


def without_digests(path: Path) -> None:
    """As the versions before wrote it."""
    content = json.loads(path.read_text())
    path.write_text(json.dumps({name: content[name] for name in ("epochs", "complete")}))


@dataclass(frozen=True)
class Finished:
    """A storage in which a student was trained, and the digest of its weights."""

    root: Path
    weights: str


@pytest.fixture(scope="session")
def finished(tiny_encoder: EncoderFiles, small_corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    where = data(small_corpora)
    storage = Storage.at(tmp_path_factory.mktemp("finished"))
    experiment = prepare(where, read(where), tiny_encoder, storage).experiment
    return Finished(storage.root, weights_of(run_trials(experiment, student_plan())))


@pytest.mark.parametrize(
    ("kind", "name", "damage"),
    [
        ("teachers", "weights/epoch-001.safetensors", flip),
        ("teachers", "weights/epoch-002.safetensors", cut),
        ("teachers", "weights/epoch-002.safetensors", Path.unlink),
        ("teachers", "record.json", flip),
        ("teachers", "record.json", cut),
        ("teachers", "record.json", without_digests),
        ("teachers", "targets/*/epoch-002.json", flip),
        ("outputs", "soft_labels.npy", flip),
        ("outputs", "source_cls.npy", cut),
        ("outputs", "manifest.json", Path.unlink),
        ("students", "weights/*.safetensors", flip),
        ("students", "record.json", cut),
    ],
)
def test_a_damaged_artifact_is_created_again(
    finished: Finished, experiment: Experiment, kind: str, name: str, damage: Callable[[Path], None]
) -> None:
    shutil.copytree(finished.root, experiment.storage.root, dirs_exist_ok=True)
    directory = only(experiment.storage.root / kind)
    file = next(directory.glob(name))
    whole = file.read_bytes()
    damage(file)
    again = run_trials(experiment, student_plan())
    assert weights_of(again) == finished.weights
    (told,) = warnings(again)
    assert str(directory) in told
    assert told.endswith("removed, will be created again")
    assert not list(directory.parent.glob(".*.tmp"))
    if file.suffix in {".safetensors", ".npy"}:
        assert next(directory.glob(name)).read_bytes() == whole
    assert warnings(run_trials(experiment, student_plan())) == []


def test_a_damaged_state_of_a_training_that_was_stopped(prepared: MakePrepared, tmp_path: Path) -> None:
    stopped, undisturbed = prepared().experiment, prepared(storage=tmp_path / "undisturbed").experiment

    def stop(report: TrialReport) -> None:
        if report.epoch == 1:
            raise StoppedError

    with pytest.raises(StoppedError):
        run_trials(stopped, student_plan(), on_report=stop)
    flip(only(stopped.storage.root / "students") / "state" / "epoch-001.safetensors")
    again = run_trials(stopped, student_plan())
    assert "state/epoch-001.safetensors is damaged" in warnings(again)[0]
    assert weights_of(again) == weights_of(run_trials(undisturbed, student_plan()))


def test_a_trial_does_not_read_damaged_features_and_the_driver_makes_them_again(
    prepared: MakePrepared, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment = prepared().experiment
    directory = experiment.storage.features(experiment.corpora.target_train)
    whole = (directory / "input_ids.npy").read_bytes()
    flip(directory / "input_ids.npy")
    with pytest.raises(DamagedError, match=r"input_ids\.npy is damaged.*\. Run the same command again"):
        run_trials(experiment, student_plan())
    dev = experiment.storage.features(experiment.corpora.dev)
    cut(dev / "labels.npy")
    assert prepared().experiment == experiment
    told = capsys.readouterr().err
    again = rf"warning: {dev}/labels\.npy has [\d,]+ bytes instead of [\d,]+: removed, will be created again\n"
    assert re.search(again, told), told
    assert (directory / "input_ids.npy").read_bytes() == whole
    weights_of(run_trials(experiment, student_plan()))


def test_words_and_results(prepared: MakePrepared, small_corpora: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = prepared()
    storage, scored = done.experiment.storage, prepare_test(data(small_corpora), done)
    before = run_trials(done.experiment, student_plan(scored=scored))
    assert before[-1].files is not None
    results = storage.root / before[-1].files
    table = (results / "predictions.parquet").read_bytes()
    flip(results / "predictions.parquet")
    flip(storage.words(scored.features) / "words.parquet")
    assert prepare_test(data(small_corpora), done) == scored
    assert "words.parquet is damaged" in capsys.readouterr().err
    again = run_trials(done.experiment, student_plan(scored=scored))
    assert "predictions.parquet is damaged" in warnings(again)[0]
    assert again[-1] == before[-1]
    assert (results / "predictions.parquet").read_bytes() == table
    verify_directory(results)

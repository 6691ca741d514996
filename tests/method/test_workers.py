"""Two processes train the same weights as one."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import prediction_driver
import pytest
import torch
from safetensors.torch import load_file
from small_trainings import SmallCorpora, untimed
from students import exported
from training_driver import exact_settings, train_one

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.method.checkpoints import EpochRecord, TrainingDirectory
from msd_ray.method.evaluate import TOKENS_A_BATCH
from msd_ray.method.parallel import Workers


def test_one_worker_needs_no_process_group() -> None:
    workers = Workers.current()
    assert (workers.rank, workers.size, workers.first) == (0, 1, True)
    rows = torch.rand(3, 2, requires_grad=True)
    assert workers.gather_rows(rows) is rows
    assert workers.gather_objects("x") == ["x"]
    assert workers.sum(rows) is rows
    assert list(range(5))[workers.share] == [0, 1, 2, 3, 4]


def test_shares_divide_a_sequence() -> None:
    shares = [list(range(7))[Workers(rank=rank, size=3).share] for rank in range(3)]
    assert shares == [[0, 3, 6], [1, 4], [2, 5]]


def start_two(driver: str, *arguments: str | Path, more: Sequence[str] = ()) -> None:
    """Run two processes of a driver beside this file to their ends, as workers 0 and 1."""
    command = [sys.executable, str(Path(__file__).with_name(driver)), *map(str, arguments)]
    processes = [subprocess.Popen([*command, str(rank), "2", *more], stdout=subprocess.DEVNULL) for rank in range(2)]
    try:
        assert [process.wait(timeout=300) for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()


def run_two(kind: str, what: str, corpora: SmallCorpora, outputs: Path, directory: Path) -> list[list[EpochRecord]]:
    """What each of two processes reported."""
    start_two("training_driver.py", kind, corpora.encoder.directory, outputs, directory, more=[what])
    return [
        [EpochRecord(**record) for record in json.loads(Path(f"{directory}-{rank}.json").read_text())]
        for rank in range(2)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("what", ["paper", "everything"])
@pytest.mark.parametrize("kind", ["teacher", "student"])
def test_two_workers(corpora: SmallCorpora, outputs_directory: Path, tmp_path: Path, kind: str, what: str) -> None:
    reported = run_two(kind, what, corpora, outputs_directory, tmp_path / "two")
    weights = [load_file(tmp_path / f"two-{rank}.safetensors") for rank in range(2)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    one = train_one(kind, corpora, outputs_directory, tmp_path / "one", exact_settings(what))
    assert ("averaged_epochs" in one.record.epochs[-1].metrics) == (what == "everything")
    for name, value in one.weights.items():
        np.testing.assert_allclose(weights[0][name], value, atol=5e-4, err_msg=name)

    record = TrainingDirectory(path=tmp_path / "two", keep=lambda epochs: []).record()
    assert list(record.epochs) == reported[0]
    for two_epochs in reported:
        for two, alone in zip(two_epochs, one.record.epochs, strict=True):
            found, expected = untimed(two), untimed(alone)
            assert found.keys() == expected.keys()
            losses = [name for name in found if name.startswith(("loss/", "gradient_norm", "layer_weight/"))]
            np.testing.assert_allclose([found[n] for n in losses], [expected[n] for n in losses], rtol=1e-5)
            assert found.get("learning_rate") == expected.get("learning_rate")
    files = {str(path.relative_to(tmp_path / "two")) for path in (tmp_path / "two").rglob("*") if path.is_file()}
    assert files == {
        str(path.relative_to(tmp_path / "one")) for path in (tmp_path / "one").rglob("*") if path.is_file()
    }


@pytest.mark.slow
def test_two_workers_predict_the_labels_that_one_does(
    tiny_encoder: EncoderFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(tiny_encoder, tmp_path / "student")
    start_two("prediction_driver.py", tmp_path / "student", tmp_path / "labels")
    monkeypatch.setitem(TOKENS_A_BATCH, "cpu", 100)
    expected = prediction_driver.labels(tmp_path / "student")
    assert expected["argmax"] != expected["viterbi"]
    for rank in range(2):
        assert json.loads((tmp_path / f"labels-{rank}.json").read_text()) == expected


@pytest.mark.slow("two processes, three times")
@pytest.mark.parametrize("kind", ["teacher", "student"])
def test_two_workers_go_on_within_an_epoch(
    corpora: SmallCorpora, outputs_directory: Path, tmp_path: Path, kind: str
) -> None:
    """Only one of them is warned; each has dropout of its own."""
    run_two(kind, "dropout", corpora, outputs_directory, tmp_path / "undisturbed")
    arguments = (kind, corpora.encoder.directory, outputs_directory, tmp_path / "warned")
    start_two("training_driver.py", *arguments, more=["warned"])
    assert TrainingDirectory(path=tmp_path / "warned", keep=lambda epochs: []).record().progress == (0, 1)
    (tmp_path / "warned-meeting").unlink(missing_ok=True)
    reported = run_two(kind, "dropout", corpora, outputs_directory, tmp_path / "warned")
    for rank in range(2):
        found, expected = (load_file(tmp_path / f"{name}-{rank}.safetensors") for name in ("warned", "undisturbed"))
        assert all(torch.equal(value, expected[name]) for name, value in found.items())
    record = TrainingDirectory(path=tmp_path / "undisturbed", keep=lambda epochs: []).record()
    assert [untimed(epoch) for epoch in reported[0]] == [untimed(epoch) for epoch in record.epochs]

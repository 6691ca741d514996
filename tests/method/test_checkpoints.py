"""Files of a training, and that stored values are restored."""

import json
from pathlib import Path

import pytest
import torch
from small_trainings import (
    RUN,
    SmallCorpora,
    killed_after,
    train_student,
    train_teacher,
)

from msd_ray.method.checkpoints import (
    EpochRecord,
    TrainingDirectory,
    TrainingRecord,
    chosen_epoch,
    random_state,
    restore_random_state,
)
from msd_ray.method.outputs import TeacherOutputs

WEIGHTS = {"w": torch.arange(3.0)}
STATE = {"w/step": torch.tensor(1.0)}


def files(path: Path) -> set[str]:
    return {str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()}


def weights(*epochs: int) -> set[str]:
    return {f"weights/epoch-{epoch:03d}.safetensors" for epoch in epochs}


def test_a_teacher_keeps_all_epochs(corpora: SmallCorpora, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_teacher(corpora, tmp_path, report=killed_after(2))
    assert files(tmp_path) == {"record.json", "state/epoch-002.safetensors", *weights(1, 2)}
    train_teacher(corpora, tmp_path)
    assert files(tmp_path) == {"record.json", *weights(1, 2, 3)}


def test_a_student_keeps_what_a_dev_set_chooses_and_the_last_while_it_is_trained(
    corpora: SmallCorpora, outputs: TeacherOutputs, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_student(corpora, outputs, tmp_path, report=killed_after(2))
    records = TrainingDirectory(path=tmp_path, keep=lambda epochs: []).record().epochs
    chosen = chosen_epoch(records, "target")
    assert files(tmp_path) == {"record.json", "state/epoch-002.safetensors", *weights(2, chosen)}
    complete = train_student(corpora, outputs, tmp_path).record
    assert files(tmp_path) == {"record.json", *weights(chosen_epoch(complete.epochs, "target"))}


def test_only_trained_parameters_are_stored_and_never_as_pickles(corpora: SmallCorpora, tmp_path: Path) -> None:
    trained = train_teacher(corpora, tmp_path)
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".json", ".safetensors"}
    stored = TrainingDirectory(path=tmp_path, keep=lambda epochs: []).load_weights(RUN.epochs)
    parameters = trained.model.trained_parameters()
    assert stored.keys() == parameters.keys()
    assert all(torch.equal(stored[name], parameter) for name, parameter in parameters.items())


@pytest.mark.parametrize(("kept", "expected"), [([], [3]), ([1], [1, 3]), ([3], [3]), ([1, 2], [1, 2, 3])], ids=str)
def test_retention(tmp_path: Path, kept: list[int], expected: list[int]) -> None:
    directory = TrainingDirectory(path=tmp_path, keep=lambda epochs: [e for e in kept if e <= len(epochs)])
    epochs: tuple[EpochRecord, ...] = ()
    for epoch in (1, 2, 3):
        epochs = (*epochs, EpochRecord(epoch=epoch, timestamp_ms=epoch * 1000, metrics={"f1": 0.1 * epoch}))
        directory.commit(TrainingRecord(epochs=epochs), WEIGHTS, STATE)
        assert directory.record() == TrainingRecord(epochs=epochs)
    assert files(tmp_path) == {"record.json", "state/epoch-003.safetensors", *weights(*expected)}
    final = EpochRecord(epoch=4, timestamp_ms=4000, metrics={"f1": 0.4})
    directory.commit(TrainingRecord(epochs=(*epochs, final), complete=True), WEIGHTS, STATE)
    assert directory.record().complete
    assert files(tmp_path) == {"record.json", *weights(*kept)}


def test_a_metric_that_json_cannot_hold_is_refused_before_the_record_changes(tmp_path: Path) -> None:
    directory = TrainingDirectory(path=tmp_path, keep=lambda epochs: [1])
    bad = EpochRecord(epoch=1, timestamp_ms=1, metrics={"loss": float("nan")})
    with pytest.raises(ValueError, match="not JSON compliant"):
        directory.commit(TrainingRecord(epochs=(bad,)), WEIGHTS, STATE)
    assert directory.record() == TrainingRecord()


def test_the_description_is_written_once(tmp_path: Path) -> None:
    directory = TrainingDirectory(path=tmp_path / "new", keep=lambda epochs: [])
    directory.describe({"kind": "teacher"})
    directory.describe({"kind": "student"})
    assert json.loads((tmp_path / "new" / "settings.json").read_text()) == {"kind": "teacher"}


def test_the_generator_comes_back() -> None:
    before = random_state(torch.device("cpu"))
    drawn = torch.rand(5)
    restore_random_state(before, torch.device("cpu"))
    assert torch.equal(torch.rand(5), drawn)

"""A training whose node is reclaimed after a warning goes on within the epoch, and ends as one without interruption."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from killed_writes import killed_before_file
from small_trainings import (
    ALL_RUN,
    ALL_STUDENT,
    ALL_TEACHER,
    RUN,
    STUDENT,
    TEACHER,
    SmallCorpora,
    Trained,
    assert_same_epochs,
    assert_same_weights,
    save_teacher_outputs,
    train_student,
    train_teacher,
)

from msd_ray.common.manifest import DamagedError
from msd_ray.method import within_epoch
from msd_ray.method.checkpoints import TrainingDirectory, TrainingRecord
from msd_ray.method.settings import RunSettings

BF16 = replace(RUN, precision="bf16", dropout_masks="fast", frozen_prefix="once")


def directory(path: Path) -> TrainingDirectory:
    return TrainingDirectory(path=path, keep=lambda epochs: [])


@pytest.fixture(autouse=True)
def ask_after_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(within_epoch, "MOST_STEPS", 1)


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class WarnedAt:
    """Warns from the `step`-th question on."""

    def __init__(self, step: int) -> None:
        self._step, self._asked = step, 0

    def __call__(self) -> bool:
        self._asked += 1
        return self._asked >= self._step


def interrupt(train: Callable[..., Trained], path: Path, step: int, monkeypatch: pytest.MonkeyPatch) -> TrainingRecord:
    """Train until a warning at this step of the training (as counted by questions), and die after its checkpoint."""
    commit = TrainingDirectory.commit_within_epoch

    def commit_and_die(self: TrainingDirectory, *arguments: object) -> None:
        commit(self, *arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(TrainingDirectory, "commit_within_epoch", commit_and_die)
        with pytest.raises(KeyboardInterrupt):
            train(path, warned=WarnedAt(step))
    return directory(path).record()


@pytest.mark.parametrize("count", [1, pytest.param(2, marks=pytest.mark.slow("threads wait for each other"))])
@pytest.mark.parametrize(
    ("run", "everything"), [(RUN, False), (ALL_RUN, True), (BF16, False), (replace(RUN, dropout_masks="fast"), False)]
)
def test_it_goes_on_at_the_step(
    corpora: SmallCorpora,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: RunSettings,
    everything: bool,
    count: int,
) -> None:
    """Seven steps per epoch of the teacher, six of which ask; interrupted in its first and in its second epoch."""
    with threads(count):
        teacher = partial(train_teacher, corpora, settings=ALL_TEACHER if everything else TEACHER, run=run)
        undisturbed = teacher(tmp_path / "teacher")
        outputs = save_teacher_outputs(corpora, undisturbed.model, tmp_path / "outputs", run)
        student = partial(train_student, corpora, outputs, settings=ALL_STUDENT if everything else STUDENT, run=run)
        for train, expected in ((teacher, undisturbed), (student, student(tmp_path / "student"))):
            for step in (2, 8):
                path = tmp_path / f"{expected.record.last}-{train.func.__name__}-{step}"
                found = interrupt(train, path, step, monkeypatch)
                assert found.steps > 0
                assert found.last == (step > 6)
                resumed = train(path)
                assert_same_weights(resumed.weights, expected.weights)
                assert_same_epochs(resumed.record, expected.record)
                assert not (path / "state").exists() or not list((path / "state").iterdir())


def test_training_goes_on_after_the_checkpoint(corpora: SmallCorpora, teacher: Trained, tmp_path: Path) -> None:
    """It writes one per epoch, and is the same with and without; only the last epoch's weights and record stay."""
    found: list[TrainingRecord] = []

    def warned() -> bool:
        found.append(directory(tmp_path).record())
        return True

    trained = train_teacher(corpora, tmp_path, warned=warned)
    assert [record.last for record in found] == [0, 1, 2]
    assert_same_weights(trained.weights, teacher.weights)
    assert_same_epochs(trained.record, teacher.record)
    assert not list((tmp_path / "state").iterdir())
    assert "steps" not in json.loads((tmp_path / "record.json").read_text())


def one_epoch_is_done(path: Path) -> bool:
    return directory(path).record().last == 1


def test_killed_before_a_file_is_in_place(
    corpora: SmallCorpora, teacher: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files: the first epoch's three, then state within the second and its record."""
    for moment, steps in ((3, 0), (4, 0), (5, 1)):
        path = tmp_path / str(moment)
        with killed_before_file(moment, monkeypatch):
            train_teacher(corpora, path, warned=partial(one_epoch_is_done, path))
        assert directory(path).record().progress == (1, steps)
        resumed = train_teacher(corpora, path)
        assert_same_weights(resumed.weights, teacher.weights)
        assert_same_epochs(resumed.record, teacher.record)


def test_a_damaged_checkpoint_is_noticed(
    corpora: SmallCorpora, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(partial(train_teacher, corpora), tmp_path, 2, monkeypatch)
    (state,) = (tmp_path / "state").iterdir()
    assert state.name == "epoch-001-step-000002.safetensors"
    directory(tmp_path).verify()
    state.write_bytes(state.read_bytes()[:-1])
    with pytest.raises(DamagedError):
        train_teacher(corpora, tmp_path)


def test_questions_are_about_a_second_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, asked = [0.0], []
    monkeypatch.setattr(within_epoch, "MOST_STEPS", 50)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def warned() -> bool:
        asked.append(clock[0])
        return clock[0] > 5

    check = within_epoch.WarningCheck(warned, 0)
    due = []
    for step in range(1, 100):
        clock[0] = step / 10
        due.append(check.is_due(step))
    assert asked == pytest.approx([0.1, 1.1, 2.1, 3.1, 4.1, 5.1], abs=0.6)
    assert due.count(True) == 1

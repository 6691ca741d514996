"""A training on disk: weights per epoch, the state to resume from, and the record that commits both.

    DIRECTORY/settings.json                 settings of the training (informational)
    DIRECTORY/weights/epoch-003.safetensors trained parameters after an epoch
    DIRECTORY/state/epoch-003.safetensors   AdamW's moments and the random states after the last epoch
    DIRECTORY/state/epoch-004-step-000120.safetensors
                                            weights and state within an epoch; only if its node was to be reclaimed
    DIRECTORY/record.json                   metrics of every finished epoch, size and SHA-256 of the files; written last

A checkpoint is committed once `record.json` names it: a process killed at any time leaves the previous one intact.
Files are verified against the record before they are read.
Data order and learning rate are functions of seed, epoch and step, so they are not stored.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from msd_ray.common.files import new_file, write_json
from msd_ray.common.manifest import DamagedError, FileDigest, parse_files, parse_sealed, verify_file, write_sealed

from .settings import SelectOn, dev_metric

RECORD = "record.json"


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """One finished epoch.

    Args:
        epoch: 1-based.
        timestamp_ms: Unix time of its end, stored so that repeated reports of the epoch are identical.
        metrics: flat names to finite numbers.
    """

    epoch: int
    timestamp_ms: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """Records of a training.

    Args:
        epochs: the finished epochs in order.
        complete: whether training has ended.
        steps: number of steps of the next epoch that a checkpoint within it holds; 0 without one.
    """

    epochs: tuple[EpochRecord, ...] = ()
    complete: bool = False
    steps: int = 0

    @property
    def last(self) -> int:
        """The last finished epoch; 0 before the first."""
        return len(self.epochs)

    @property
    def progress(self) -> tuple[int, int]:
        """Finished epochs, and steps of the next one; larger is later."""
        return self.last, self.steps


@dataclass(frozen=True, kw_only=True)
class TrainingDirectory:
    """The directory of one training.

    Args:
        path: the directory; created by the first commit.
        keep: given all records so far, returns the epochs whose weights are retained.
        resume_epochs: number of last epochs whose weights resuming needs, >= 1.
        committed: called after each commit.
    """

    path: Path
    keep: Callable[[tuple[EpochRecord, ...]], Collection[int]] = field(repr=False)
    resume_epochs: int = 1
    committed: Callable[[], None] = field(default=lambda: None, repr=False)

    def weights_file(self, epoch: int) -> Path:
        """Path of the trained parameters after this epoch."""
        return self.path / _weights(epoch)

    def describe(self, settings: Mapping[str, Any]) -> None:
        """Write `settings.json`, unless it exists."""
        if not (self.path / "settings.json").exists():
            write_json(self.path / "settings.json", settings)

    def record(self) -> TrainingRecord:
        """Read the record; empty before the first commit.

        Raises:
            DamagedError: the file is not what was written.
        """
        return self._read()[0]

    def verify(self) -> None:
        """Verify every file that resuming or using the training needs; each is read once per process.

        Files that were written but not committed are ignored.

        Raises:
            DamagedError: a file is missing or changed.
        """
        record, files = self._read()
        for name in self._needed(record):
            self._verified(name, files)

    def commit(self, record: TrainingRecord, weights: dict[str, Tensor], state: dict[str, Tensor]) -> None:
        """Store the last epoch of `record`, then remove files that are no longer needed."""
        epoch = record.last
        self._commit(record, {_weights(epoch): weights, **({} if record.complete else {_state(epoch): state})})

    def commit_within_epoch(self, record: TrainingRecord, state: dict[str, Tensor]) -> None:
        """Store weights and state after `record.steps` steps of the next epoch; the next commit removes them."""
        self._commit(record, {_state_within(record): state})

    def _commit(self, record: TrainingRecord, new: Mapping[str, dict[str, Tensor]]) -> None:
        files = self._read()[1]
        for name, tensors in new.items():
            _write_tensors(self.path / name, tensors)
            files[name] = FileDigest.of(self.path / name)
        needed = self._needed(record)
        digests = {name: asdict(digest) for name, digest in files.items() if name in needed}
        content = asdict(record)
        if not record.steps:
            del content["steps"]
        write_sealed(self.path / RECORD, {**content, "files": digests})
        self.committed()
        for directory in ("weights", "state"):
            _remove_others(self.path / directory, {self.path / name for name in needed})
        for scratch in self.path.glob(".*.tmp"):
            scratch.unlink()

    def load_weights(self, epoch: int) -> dict[str, Tensor]:
        """Trained parameters after this epoch, on the CPU.

        Raises:
            DamagedError: the file is missing or changed.
        """
        return load_file(self._verified(_weights(epoch), self._read()[1]))

    def load_state(self, epoch: int) -> dict[str, Tensor]:
        """AdamW's moments and random states after this epoch, on the CPU.

        Raises:
            DamagedError: the file is missing or changed.
        """
        return load_file(self._verified(_state(epoch), self._read()[1]))

    def load_state_within_epoch(self) -> dict[str, Tensor]:
        """What `commit_within_epoch` stored, on the CPU.

        Raises:
            DamagedError: the file is missing or changed.
        """
        record, files = self._read()
        return load_file(self._verified(_state_within(record), files))

    def weights_digest(self, epoch: int) -> str:
        """SHA-256 of the weights after this epoch.

        Raises:
            DamagedError: the file is missing or changed.
        """
        files = self._read()[1]
        self._verified(_weights(epoch), files)
        return files[_weights(epoch)].sha256

    def _read(self) -> tuple[TrainingRecord, dict[str, FileDigest]]:
        path = self.path / RECORD
        try:
            return parse_record(path.read_bytes(), str(path))
        except FileNotFoundError:
            return TrainingRecord(), {}

    def _needed(self, record: TrainingRecord) -> set[str]:
        """Files that a record needs: the retained weights, and what resuming needs."""
        resuming = {_state_within(record)} if record.steps else set()
        if not record.last:
            return resuming
        if not record.complete:
            first = max(1, record.last - self.resume_epochs + 1)
            resuming |= {_state(record.last), *(_weights(epoch) for epoch in range(first, record.last + 1))}
        return resuming | {_weights(epoch) for epoch in self.keep(record.epochs)}

    def _verified(self, name: str, files: Mapping[str, FileDigest]) -> Path:
        if name not in files:
            raise DamagedError(f"{self.path / RECORD} does not list {name}")
        verify_file(self.path / name, files[name])
        return self.path / name


def parse_record(text: bytes, where: str) -> tuple[TrainingRecord, dict[str, FileDigest]]:
    """Parse `record.json`; returns the record, and sizes and hashes of the files.

    Args:
        text: contents of the file.
        where: name of the file in messages.

    Raises:
        DamagedError: the contents are not what was written.
    """
    content = parse_sealed(text, where)
    try:
        epochs = tuple(EpochRecord(**epoch) for epoch in content["epochs"])
        record = TrainingRecord(epochs=epochs, complete=content["complete"], steps=content.get("steps", 0))
        return record, parse_files(content["files"])
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DamagedError(f"{where} is damaged") from error


def _weights(epoch: int) -> str:
    return f"weights/epoch-{epoch:03d}.safetensors"


def _state(epoch: int) -> str:
    return f"state/epoch-{epoch:03d}.safetensors"


def _state_within(record: TrainingRecord) -> str:
    return f"state/epoch-{record.last + 1:03d}-step-{record.steps:06d}.safetensors"


def chosen_epoch(epochs: Sequence[EpochRecord], select_on: SelectOn) -> int:
    """The epoch with the highest dev F1, the first of equal ones.

    With "none" it is the last one, which may be the mean of the last epochs (`RunSettings.average_epochs`).

    Raises:
        ValueError: `epochs` is empty.
    """
    if not epochs:
        raise ValueError("no epoch to choose from")
    if select_on == "none":
        return epochs[-1].epoch
    metric = dev_metric(select_on)
    return max(epochs, key=lambda record: record.metrics[metric]).epoch


def random_state(device: torch.device) -> dict[str, Tensor]:
    """States of the generators that dropout uses."""
    state = {"random/cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["random/cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Inverse of `random_state`."""
    torch.set_rng_state(state["random/cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["random/cuda"], device)


def _write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    with new_file(path) as scratch:
        save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, scratch)


def _remove_others(directory: Path, needed: Collection[Path]) -> None:
    if directory.is_dir():
        for path in directory.iterdir():
            if path not in needed:
                path.unlink()


def mean_weights(weights: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Mean of each tensor, computed in float64 and returned in the tensor's dtype.

    Raises:
        ValueError: `weights` is empty, or the taggers have different parameters.
    """
    if not weights:
        raise ValueError("no weights to average")
    first = weights[0]
    if any(other.keys() != first.keys() for other in weights):
        raise ValueError("cannot average the weights of different taggers: the parameters' names differ")
    return {
        name: torch.stack([other[name].double() for other in weights]).mean(dim=0).to(tensor.dtype)
        for name, tensor in first.items()
    }

"""A training on disk: weights of its epochs, the state to go on from, and the record that commits both.

    DIRECTORY/settings.json                 what is trained, for people
    DIRECTORY/weights/epoch-003.safetensors trained parameters after an epoch
    DIRECTORY/state/epoch-003.safetensors   AdamW's moments and the random states after the last epoch
    DIRECTORY/record.json                   every finished epoch's metrics, sizes and SHA-256 of the files; written last

An epoch counts once `record.json` names it: a process killed at any moment leaves the epoch before, whole. A file is
compared with the record before it is read.
Data order and learning rate are functions of seed, epoch and step, so nothing of them is stored.
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

RECORD = "record.json"


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """One finished epoch.

    epoch: 1-based. timestamp_ms: when it ended (Unix time), so that it is recorded alike however often it is
    reported. metrics: flat names to finite numbers.
    """

    epoch: int
    timestamp_ms: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """epochs: the finished ones in order. complete: whether training has ended."""

    epochs: tuple[EpochRecord, ...] = ()
    complete: bool = False

    @property
    def last(self) -> int:
        """The last finished epoch, 0 before the first."""
        return len(self.epochs)


@dataclass(frozen=True, kw_only=True)
class TrainingDirectory:
    """The directory of one training.

    keep: the epochs whose weights stay, given all records so far. going_on: last epochs whose weights a training that
    goes on needs, one or more. committed: called after an epoch has been.
    """

    path: Path
    keep: Callable[[tuple[EpochRecord, ...]], Collection[int]] = field(repr=False)
    going_on: int = 1
    committed: Callable[[], None] = field(default=lambda: None, repr=False)

    def weights_file(self, epoch: int) -> Path:
        """Where the trained parameters after this epoch are."""
        return self.path / _weights(epoch)

    def describe(self, settings: Mapping[str, Any]) -> None:
        """Write what is trained here beside it, once."""
        if not (self.path / "settings.json").exists():
            write_json(self.path / "settings.json", settings)

    def record(self) -> TrainingRecord:
        """What has been committed. Raises DamagedError for a record that is not what was written."""
        return self._read()[0]

    def verify(self) -> None:
        """Read every file that going on, or using the training, may need, the first time in this process.

        Raises DamagedError if one is missing or changed. Files that were written and not committed do not count.
        """
        record, files = self._read()
        for name in self._needed(record):
            self._verified(name, files)

    def commit(self, record: TrainingRecord, weights: dict[str, Tensor], state: dict[str, Tensor]) -> None:
        """Store the last epoch of `record`; afterwards remove what no longer counts."""
        epoch = record.last
        new = {_weights(epoch): weights, **({} if record.complete else {_state(epoch): state})}
        files = self._read()[1]
        for name, tensors in new.items():
            _write_tensors(self.path / name, tensors)
            files[name] = FileDigest.of(self.path / name)
        needed = self._needed(record)
        digests = {name: asdict(digest) for name, digest in files.items() if name in needed}
        write_sealed(self.path / RECORD, {**asdict(record), "files": digests})
        self.committed()
        for directory in ("weights", "state"):
            _remove_others(self.path / directory, {self.path / name for name in needed})
        for scratch in self.path.glob(".*.tmp"):
            scratch.unlink()

    def load_weights(self, epoch: int) -> dict[str, Tensor]:
        """Trained parameters after this epoch, on the host. Raises DamagedError."""
        return load_file(self._verified(_weights(epoch), self._read()[1]))

    def load_state(self, epoch: int) -> dict[str, Tensor]:
        """AdamW's moments and random states after this epoch, on the host. Raises DamagedError."""
        return load_file(self._verified(_state(epoch), self._read()[1]))

    def weights_digest(self, epoch: int) -> str:
        """SHA-256 of the weights after this epoch, as they are. Raises DamagedError."""
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
        """The files of a record: weights that are kept, and those and the state to go on from."""
        if not record.last:
            return set()
        going_on = set()
        if not record.complete:
            first = max(1, record.last - self.going_on + 1)
            going_on = {_state(record.last), *(_weights(epoch) for epoch in range(first, record.last + 1))}
        return going_on | {_weights(epoch) for epoch in self.keep(record.epochs)}

    def _verified(self, name: str, files: Mapping[str, FileDigest]) -> Path:
        if name not in files:
            raise DamagedError(f"{self.path / RECORD} names no {name}")
        verify_file(self.path / name, files[name])
        return self.path / name


def parse_record(text: bytes, where: str) -> tuple[TrainingRecord, dict[str, FileDigest]]:
    """The content of a `record.json`, and the files that it names. Raises DamagedError, with `where` as its name."""
    content = parse_sealed(text, where)
    try:
        epochs = tuple(EpochRecord(**epoch) for epoch in content["epochs"])
        return TrainingRecord(epochs=epochs, complete=content["complete"]), parse_files(content["files"])
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise DamagedError(f"{where} is damaged") from error


def _weights(epoch: int) -> str:
    return f"weights/epoch-{epoch:03d}.safetensors"


def _state(epoch: int) -> str:
    return f"state/epoch-{epoch:03d}.safetensors"


def optimizer_state(optimizer: torch.optim.AdamW, parameters: Mapping[str, torch.nn.Parameter]) -> dict[str, Tensor]:
    """AdamW's tensors by parameter name: `name/exp_avg`, `name/exp_avg_sq`, `name/step`."""
    return {
        f"{name}/{key}": value
        for name, parameter in parameters.items()
        for key, value in optimizer.state[parameter].items()
    }


def restore_optimizer(
    optimizer: torch.optim.AdamW, parameters: Mapping[str, torch.nn.Parameter], state: Mapping[str, Tensor]
) -> None:
    """The inverse of `optimizer_state`. Raises KeyError for a parameter without its tensors."""
    for name, parameter in parameters.items():
        optimizer.state[parameter] = {
            # A fused step wants its counter beside the parameter.
            key: state[f"{name}/{key}"].to(parameter.device)
            for key in ("step", "exp_avg", "exp_avg_sq")
        }


def random_state(device: torch.device) -> dict[str, Tensor]:
    """The generators that dropout draws from."""
    state = {"random/cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["random/cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """The inverse of `random_state`."""
    torch.set_rng_state(state["random/cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state["random/cuda"], device)


def _write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    with new_file(path) as scratch:
        save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, scratch)


def _remove_others(directory: Path, kept: Collection[Path]) -> None:
    if directory.is_dir():
        for path in directory.iterdir():
            if path not in kept:
                path.unlink()


def mean_weights(weights: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of each tensor, computed in float64, in the tensors' own types.

    Raises:
        ValueError: no weights, or weights of different taggers.
    """
    if not weights:
        raise ValueError("the mean of no weights")
    first = weights[0]
    if any(other.keys() != first.keys() for other in weights):
        raise ValueError("weights of different taggers have no mean")
    return {
        name: torch.stack([other[name].double() for other in weights]).mean(dim=0).to(tensor.dtype)
        for name, tensor in first.items()
    }

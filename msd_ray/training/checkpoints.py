"""A training on disk: weights of its epochs, the state to go on from, and the record that commits both.

    DIRECTORY/settings.json                 what is trained, for people
    DIRECTORY/weights/epoch-003.safetensors trained parameters after an epoch
    DIRECTORY/state/epoch-003.safetensors   AdamW's moments and the random states after the last epoch
    DIRECTORY/record.json                   every finished epoch's metrics; written last

An epoch counts once `record.json` names it: a process killed at any moment leaves the epoch before, whole.
Data order and learning rate are functions of seed, epoch and step, so nothing of them is stored.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..files import new_file, write_json


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
    """The directory of one training; `keep` names the epochs whose weights stay, given all records so far."""

    path: Path
    keep: Callable[[tuple[EpochRecord, ...]], Collection[int]] = field(repr=False)

    def weights_file(self, epoch: int) -> Path:
        """Where the trained parameters after this epoch are."""
        return self.path / "weights" / f"epoch-{epoch:03d}.safetensors"

    def _state_file(self, epoch: int) -> Path:
        return self.path / "state" / f"epoch-{epoch:03d}.safetensors"

    def describe(self, settings: Mapping[str, Any]) -> None:
        """Write what is trained here beside it, once."""
        if not (self.path / "settings.json").exists():
            write_json(self.path / "settings.json", settings)

    def record(self) -> TrainingRecord:
        """What has been committed."""
        try:
            content = json.loads((self.path / "record.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return TrainingRecord()
        return TrainingRecord(
            epochs=tuple(EpochRecord(**epoch) for epoch in content["epochs"]), complete=content["complete"]
        )

    def commit(self, record: TrainingRecord, weights: dict[str, Tensor], state: dict[str, Tensor]) -> None:
        """Store the last epoch of `record`; afterwards remove what no longer counts."""
        epoch = record.last
        _write_tensors(self.weights_file(epoch), weights)
        if not record.complete:
            _write_tensors(self._state_file(epoch), state)
        write_json(self.path / "record.json", asdict(record))
        kept = {self.weights_file(e) for e in {*self.keep(record.epochs), *([] if record.complete else [epoch])}}
        _remove_others(self.path / "weights", kept)
        _remove_others(self.path / "state", set() if record.complete else {self._state_file(epoch)})
        for scratch in self.path.glob(".*.tmp"):
            scratch.unlink()

    def load_weights(self, epoch: int) -> dict[str, Tensor]:
        """Trained parameters after this epoch, on the host."""
        return load_file(self.weights_file(epoch))

    def load_state(self, epoch: int) -> dict[str, Tensor]:
        """AdamW's moments and random states after this epoch, on the host."""
        return load_file(self._state_file(epoch))


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

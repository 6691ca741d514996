"""The options of `msd_ray.tune`: from the command line, presets and defaults to values that are in range."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msd_ray.common.errors import UserError
from msd_ray.common.limits import require_plain
from msd_ray.method.settings import DropoutMasks, FrozenPrefix, LossMean, Pairing, SelectOn
from msd_ray.method.variants import FINAL_ROWS

from .arguments import DEFAULTS, PRESETS, parser_of_tune
from .environment import ADDRESSES, check_address, from_environment

if TYPE_CHECKING:
    from msd_ray.method.decoding import Decode

SOURCE = "en"

# Smallest and largest value that makes sense.
BOUNDS: dict[str, tuple[float, float]] = {
    "trials": (1, 100_000),
    "teacher_trials": (1, 10_000),
    "epochs": (1, 1_000),
    "batch_size": (1, 4_096),
    "max_length": (8, 512),
    "frozen_layers": (0, 100),
    "limit": (1, 100_000_000),
    "seed": (0, 2**31 - 2_000),
    "seeds": (1, 1_000),
    "confirm": (1, 100),
    "dev_limit": (1, 100_000_000),
    "hours": (0.001, 100_000),
    "patience": (1, 100_000),
    "average_epochs": (1, 1_000),
    "grace_epochs": (1, 1_000),
    "warm_start_trials": (1, 1_000),
    "workers": (0, 1_024),
    "cpus_per_trial": (1, 1_024),
    "gpus_per_trial": (0, 64),
    "max_concurrent": (1, 10_000),
    "stall_minutes": (0.1, 10_000),
    "mlflow_minutes": (0, 10_000),
}


@dataclass(frozen=True, kw_only=True)
class TuneOptions:
    """The options of one call, presets and defaults filled in. None: decided later, from the machine or the space."""

    lang: tuple[str, ...]
    dataset: str
    data_dir: Path | None
    encoder: str
    space: str
    trials: int
    teacher_trials: int | None
    epochs: int
    batch_size: int
    max_length: int
    frozen_layers: int
    precision: str
    limit: int | None
    seed: int
    seeds: int
    rows: tuple[str, ...] | None
    confirm: int
    select_on: SelectOn
    dev_limit: int
    decode: "Decode"
    hours: float | None
    patience: int | None
    summary: Path | None
    average_epochs: int | None
    pairing: Pairing
    loss_mean: LossMean
    dropout_masks: DropoutMasks
    frozen_prefix: FrozenPrefix
    grace_epochs: int
    warm_start: tuple[str, ...] | None
    warm_start_trials: int
    retry_failed: bool
    storage: str
    mlflow_uri: str | None
    study_storage: str | None
    name: str | None
    workers: int
    cpus_per_trial: int
    gpus_per_trial: float | None
    max_concurrent: int | None
    stall_minutes: float
    mlflow_minutes: float
    dry_run: bool

    @property
    def final_rows(self) -> int:
        """How many taggers are trained with every seed, at most."""
        return len(self.rows or FINAL_ROWS) + self.confirm

    def study_name(self, lang: str) -> str:
        """The study of one language: `--name`, or data set and language."""
        if self.name is None:
            return f"{self.dataset}-{lang}"
        return self.name if len(self.lang) == 1 else f"{self.name}-{lang}"


def parse(arguments: Sequence[str] | None = None) -> TuneOptions:
    """Read the command line. Raises UserError for what is unknown, missing or out of range; SystemExit for --help."""
    return options_of(parser_of_tune().read(arguments))


def options_of(given: Mapping[str, Any]) -> TuneOptions:
    """The options that the values given make, with presets, the environment's and defaults.

    Raises UserError for what is out of range.
    """
    values = dict(given)
    preset = PRESETS.get(values.pop("preset", None), {})
    return TuneOptions(**complete({**DEFAULTS, **from_environment(DEFAULTS), **preset, **values}))


def complete(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of `TuneOptions` from those of the command line. Raises UserError for what is out of range."""
    warm_start = values["warm_start"]
    completed = {
        **values,
        "lang": tuple(values["lang"]),
        "warm_start": None if warm_start is None else tuple(warm_start),
        "rows": None if values["rows"] is None else tuple(values["rows"]),
    }
    _check(completed)
    return completed


def _check(values: Mapping[str, Any]) -> None:
    for name, (low, high) in BOUNDS.items():
        value = values[name]
        if value is not None and not low <= value <= high:
            raise UserError(f"--{name.replace('_', '-')} {value:g} is out of range: {low:g} to {high:g}")
    gpus = values["gpus_per_trial"]
    if gpus is not None and gpus > 1 and not float(gpus).is_integer():
        raise UserError(f"--gpus-per-trial {gpus:g}: above 1 a whole number, below 1 the share of one GPU")
    if values["workers"] > values["batch_size"]:
        raise UserError(f"--workers {values['workers']} is more than --batch-size {values['batch_size']}")
    if (values["average_epochs"] or 1) > values["epochs"]:
        raise UserError(
            f"--average-epochs {values['average_epochs']} is more than --epochs {values['epochs']}: give at most "
            f"--average-epochs {values['epochs']}"
        )
    for option in ADDRESSES:
        if values[option] is not None:
            check_address(f"--{option.replace('_', '-')}", values[option])
    langs = values["lang"]
    for lang in langs:  # before it becomes a part of any path
        require_plain(lang, "--lang")
    for option, names in (
        ("--lang", langs),
        ("--warm-start", values["warm_start"] or ()),
        ("--rows", values["rows"] or ()),
    ):
        if repeated := {name for name in names if names.count(name) > 1}:
            raise UserError(f"{option} names {', '.join(sorted(repeated))} more than once")
    if SOURCE in langs:
        raise UserError(f"--lang {SOURCE}: English is what teachers learn from; name another language")
    if values["name"] is not None:
        require_plain(values["name"], "--name")


assert {f.name for f in fields(TuneOptions)} == {*DEFAULTS, "lang"}

"""Options of `msd_ray.tune`: command line, presets and defaults merged and validated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msd_ray.common.errors import UserError
from msd_ray.common.limits import require_plain
from msd_ray.data.own_files import OwnFiles
from msd_ray.method.settings import DropoutMasks, FrozenPrefix, LossMean, Pairing, SelectOn
from msd_ray.method.variants import FINAL_ROWS

from .arguments import DEFAULTS, PRESETS, parser_of_tune
from .environment import ADDRESSES, check_address, from_environment
from .own_data import FILES, own_files, with_own_data
from .parser import BOUNDS, shown_range

if TYPE_CHECKING:
    from msd_ray.method.decoding import Decode

SOURCE = "en"


@dataclass(frozen=True, kw_only=True)
class TuneOptions:
    """Options of one command, presets and defaults filled in. None: resolved later, from the machine or the space."""

    lang: tuple[str, ...]
    dataset: str
    data_dir: Path | None
    source: Path | None
    source_dev: Path | None
    target_text: Path | None
    target_dev: Path | None
    target_test: Path | None
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
        """Upper bound on the number of taggers that are trained with every seed."""
        return len(self.rows or FINAL_ROWS) + self.confirm

    @property
    def own(self) -> OwnFiles | None:
        """The user's own files, if they are searched on."""
        return own_files({name: getattr(self, name) for name in FILES})

    def study_name(self, lang: str) -> str:
        """Name of the study of one language: `--name`, or DATASET-LANG."""
        if self.name is None:
            return f"{self.dataset}-{lang}"
        return self.name if len(self.lang) == 1 else f"{self.name}-{lang}"


def parse(arguments: Sequence[str] | None = None) -> TuneOptions:
    """Read the command line. Raises UserError for a wrong option or value, SystemExit for --help."""
    return options_of(parser_of_tune().read(arguments))


def options_of(given: Mapping[str, Any]) -> TuneOptions:
    """Merge the given values with those of preset, environment and defaults. Raises UserError for a wrong value."""
    values = dict(given)
    preset = PRESETS.get(values.pop("preset", None), {})
    given_values = with_own_data(values)
    return TuneOptions(**complete({**DEFAULTS, **from_environment(DEFAULTS), **preset, **given_values}))


def complete(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of `TuneOptions` from merged values. Raises UserError for a wrong value."""
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
            raise UserError(f"--{name.replace('_', '-')} {value:.12g} is out of range: {shown_range(name)}")
    gpus = values["gpus_per_trial"]
    if gpus is not None and gpus > 1 and not float(gpus).is_integer():
        raise UserError(f"--gpus-per-trial {gpus:g} is not a whole number. Give one, or the share of one GPU.")
    if values["workers"] > values["batch_size"]:
        raise UserError(
            f"--workers {values['workers']} is more than --batch-size {values['batch_size']}. "
            f"Give at most --workers {values['batch_size']}."
        )
    if (values["average_epochs"] or 1) > values["epochs"]:
        raise UserError(
            f"--average-epochs {values['average_epochs']} is more than --epochs {values['epochs']}. Give at most "
            f"--average-epochs {values['epochs']}."
        )
    for option in ADDRESSES:
        if values[option] is not None:
            check_address(f"--{option.replace('_', '-')}", values[option])
    langs = values["lang"]
    for lang in langs:  # before it becomes part of a path
        require_plain(lang, "--lang")
    for option, names in (
        ("--lang", langs),
        ("--warm-start", values["warm_start"] or ()),
        ("--rows", values["rows"] or ()),
    ):
        if repeated := {name for name in names if names.count(name) > 1}:
            raise UserError(f"{option} names {', '.join(sorted(repeated))} more than once. Name each once.")
    if SOURCE in langs:
        raise UserError(f"--lang {SOURCE}: English is the source language of teachers. Name another language.")
    if values["name"] is not None:
        require_plain(values["name"], "--name")


assert {f.name for f in fields(TuneOptions)} == {*DEFAULTS, "lang"}

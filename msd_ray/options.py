"""The command line of `msd_ray.tune`: what it takes, what presets set, and what is checked before anything starts."""

import argparse
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from .errors import UserError

DESCRIPTION = """\
Search the hyperparameters of a zero-shot named entity tagger for a target language, and test the best.

An English teacher is trained on labelled sentences and distilled into a student on unlabelled sentences of the
target language. Three phases: teacher trials, student trials (trial 0 is the paper's configuration), and final runs
of the best and of the paper's configuration with several seeds. Everything is recorded in MLflow.

Starting the same command again goes on where it stopped; a larger --trials extends the search."""

EXAMPLES = """\
examples:
  python -m msd_ray.tune --lang ar --preset quickstart
      the whole pipeline on the bundled sample corpus in a few minutes, nothing downloaded
  python -m msd_ray.tune --lang tr --dataset mlowner --data-dir data/multiconer --space student --trials 40
      a real search on MultiCoNER's Turkish
  python -m msd_ray.tune --lang ar hi zh --gpus-per-trial 0.5 --max-concurrent 16
      three WikiAnn languages on a cluster (RAY_ADDRESS names it), two trials a GPU
"""

PRESETS: dict[str, dict[str, Any]] = {
    # The paper's own experiment: its one configuration, five seeds.
    "paper": {"space": "paper", "trials": 1, "teacher_trials": 1, "epochs": 10, "seeds": 5},
    # Small enough for two processor cores and a few minutes.
    "quickstart": {
        "dataset": "sample",
        "encoder": "e5-small",
        "space": "quickstart",
        "trials": 4,
        "teacher_trials": 2,
        "epochs": 3,
        "limit": 480,
        "batch_size": 16,
        "seeds": 5,
    },
}
DEFAULTS: dict[str, Any] = {
    "dataset": "wikiann",
    "data_dir": None,
    "encoder": "google-bert/bert-base-multilingual-cased",
    "space": "student",
    "trials": 20,
    "teacher_trials": None,
    "epochs": 10,
    "batch_size": 32,
    "max_length": 128,
    "frozen_layers": 3,
    "precision": "auto",
    "limit": None,
    "seed": 0,
    "seeds": 5,
    "storage": Path("runs"),
    "mlflow_uri": None,
    "study_storage": None,
    "name": None,
    "workers": 1,
    "cpus_per_trial": 1,
    "gpus_per_trial": None,
    "max_concurrent": None,
    "stall_minutes": 60.0,
    "dry_run": False,
}
# Smallest and largest value that makes sense.
BOUNDS: dict[str, tuple[float, float]] = {
    "trials": (1, 100_000),
    "teacher_trials": (1, 10_000),
    "epochs": (1, 1_000),
    "batch_size": (1, 4_096),
    "max_length": (8, 512),
    "frozen_layers": (0, 100),
    "limit": (1, 100_000_000),
    "seed": (0, 2**31 - 1_000),
    "seeds": (1, 1_000),
    "workers": (0, 1_024),
    "cpus_per_trial": (1, 1_024),
    "gpus_per_trial": (0, 64),
    "max_concurrent": (1, 10_000),
    "stall_minutes": (0.1, 10_000),
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
    storage: Path
    mlflow_uri: str | None
    study_storage: str | None
    name: str | None
    workers: int
    cpus_per_trial: int
    gpus_per_trial: float | None
    max_concurrent: int | None
    stall_minutes: float
    dry_run: bool

    def study_name(self, lang: str) -> str:
        """The study of one language: `--name`, or data set and language."""
        if self.name is None:
            return f"{self.dataset}-{lang}"
        return self.name if len(self.lang) == 1 else f"{self.name}-{lang}"


def parse(arguments: list[str] | None = None) -> TuneOptions:
    """Read the command line. Raises UserError for a value out of range; argparse itself exits with 2."""
    given = vars(_parser().parse_args(arguments))
    preset = given.pop("preset", None)
    values = {**DEFAULTS, **PRESETS.get(preset, {}), **given}
    values["lang"] = tuple(values["lang"])
    for name, (low, high) in BOUNDS.items():
        value = values[name]
        if value is not None and not low <= value <= high:
            raise UserError(f"--{name.replace('_', '-')} {value:g} is out of range: {low:g} to {high:g}")
    if repeated := {lang for lang in values["lang"] if values["lang"].count(lang) > 1}:
        raise UserError(f"--lang names {', '.join(sorted(repeated))} more than once")
    if values["name"] is not None and not _is_plain(values["name"]):
        raise UserError(
            f"--name {values['name']!r}: use letters, digits, dot, dash and underscore, 80 at most, no dot first"
        )
    if values["workers"] > values["batch_size"]:
        raise UserError(f"--workers {values['workers']} is more than --batch-size {values['batch_size']}")
    return TuneOptions(**values)


def _is_plain(name: str) -> bool:
    return 0 < len(name) <= 80 and name[0] != "." and all(c.isascii() and (c.isalnum() or c in "._-") for c in name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m msd_ray.tune",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        # What is not given stays away, so that presets and defaults can fill it.
        argument_default=argparse.SUPPRESS,
    )
    add = parser.add_argument_group("what to search").add_argument
    add("--lang", nargs="+", required=True, metavar="CODE", help="target language, or several: ar, or ar hi zh")
    add("--preset", choices=sorted(PRESETS), help="a set of options; others given beside it win")
    add("--dataset", metavar="NAME", help=f"conll, wikiann, mlowner or sample ({_default('dataset')})")
    add("--data-dir", type=Path, metavar="DIR", help="where its files are; wikiann is fetched from the hub without it")
    add("--encoder", metavar="NAME", help=f"hub name, directory, or e5-small ({_default('encoder')})")
    add("--space", metavar="NAME", help=f"paper, student, joint, wide, or a YAML file ({_default('space')})")
    add("--trials", type=int, metavar="N", help=f"student trials ({_default('trials')})")
    add(
        "--teacher-trials",
        type=int,
        metavar="N",
        help="teacher trials (default: a quarter of --trials, where searched)",
    )
    add("--seeds", type=int, metavar="N", help=f"final runs of each configuration ({_default('seeds')})")
    add("--name", metavar="NAME", help="the study's name (default: DATASET-LANG); the same name goes on")

    add = parser.add_argument_group("training").add_argument
    add("--epochs", type=int, metavar="N", help=f"epochs of every training ({_default('epochs')})")
    add("--limit", type=int, metavar="N", help="use N training sentences of each language (default: all)")
    add("--batch-size", type=int, metavar="N", help=f"sentences a step ({_default('batch_size')})")
    add("--max-length", type=int, metavar="N", help=f"tokens a sentence ({_default('max_length')})")
    add("--frozen-layers", type=int, metavar="N", help=f"lowest layers not trained ({_default('frozen_layers')})")
    add("--precision", choices=["auto", "fp32", "bf16"], help="of matrix products (default: bf16 where it is faster)")
    add("--seed", type=int, metavar="N", help=f"of the search; final runs take the next ones ({_default('seed')})")

    add = parser.add_argument_group("where things go").add_argument
    add("--storage", type=Path, metavar="DIR", help=f"teachers, students, databases ({_default('storage')})")
    add("--mlflow-uri", metavar="URI", help="tracking server or database (default: sqlite in --storage)")
    add("--study-storage", metavar="URL", help="Optuna's database (default: sqlite in --storage)")

    add = parser.add_argument_group("resources (RAY_ADDRESS names a cluster; without it Ray starts here)").add_argument
    add(
        "--workers",
        type=int,
        metavar="N",
        help=f"Ray Train workers a trial; 0: its own process ({_default('workers')})",
    )
    add("--cpus-per-trial", type=int, metavar="N", help=f"CPUs of each worker ({_default('cpus_per_trial')})")
    add("--gpus-per-trial", type=float, metavar="X", help="GPUs of each worker, 0.5 for two on one (default: 1 if any)")
    add("--max-concurrent", type=int, metavar="N", help="trials at once (default: what fits)")
    add("--stall-minutes", type=float, metavar="X", help=f"give up without progress ({_default('stall_minutes')})")
    add("--dry-run", action="store_true", help="print what would run, and stop")
    return parser


def _default(name: str) -> str:
    value = DEFAULTS[name]
    return f"default: {value:g}" if isinstance(value, float) else f"default: {value}"


assert {f.name for f in fields(TuneOptions)} == {*DEFAULTS, "lang"}

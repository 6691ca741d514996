"""The command line of `msd_ray.tune`: its arguments and their help, defaults and presets."""

import argparse
import shutil
import textwrap
from pathlib import Path
from typing import Any, NoReturn

from .errors import UserError

COMMAND = "python -m msd_ray.tune"
DESCRIPTION = """\
Find the best zero-shot named entity tagger for a language that has no labelled
training sentences, and test it.

A teacher is trained on labelled English. A student learns from the teacher's
outputs on unlabelled sentences of the target language. Three phases:

  teacher   try hyperparameters of the teacher
  student   try hyperparameters of the student; trial 0 is the paper's
  final     train the best and the paper's configuration anew with several
            seeds, and score them on the test set

Every trial is recorded in MLflow. The same command started again goes on where
it stopped; with a larger --trials it extends the search."""

EXAMPLES = """\
examples:
  The whole pipeline on the bundled corpus in a few minutes, nothing downloaded:
    python -m msd_ray.tune --lang ar --preset quickstart
  A real search on MultiCoNER's Turkish:
    python -m msd_ray.tune --lang tr --dataset mlowner \\
        --data-dir data/multiconer --space student --trials 40
  Three WikiAnn languages on the cluster at RAY_ADDRESS, two trials a GPU:
    python -m msd_ray.tune --lang ar hi zh \\
        --gpus-per-trial 0.5 --max-concurrent 16
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
        "epochs": 2,
        "limit": 280,
        "batch_size": 8,
        # Trials of a minute: starting worker groups would take as long.
        "workers": 0,
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
    "warm_start": None,
    "warm_start_trials": 3,
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
# Where the space searches the teacher. No share of --trials: the teachers are part of what a student study is made
# with, so that a larger --trials could not extend it.
TEACHER_TRIALS = 5


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one message, like everything else, without twelve lines of usage before it."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (`{COMMAND} --help` explains all options)")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps names such as `bert-base` on one line, and lines short enough to read."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=min(shutil.get_terminal_size().columns, 112) - 2)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(text, width, break_on_hyphens=False)


def parser_of_tune() -> argparse.ArgumentParser:
    """The parser; what is not given is not in its namespace. It raises UserError where argparse would exit."""
    parser = _Parser(
        prog=COMMAND,
        usage=f"{COMMAND} --lang CODE [CODE ...] [options]",
        description=DESCRIPTION,
        epilog=f"{_presets()}\n{EXAMPLES}",
        formatter_class=_Formatter,
        # What is not given stays away, so that presets and defaults can fill it.
        argument_default=argparse.SUPPRESS,
        # An abbreviation of today is ambiguous or another option tomorrow.
        allow_abbrev=False,
        add_help=False,
    )
    _add_search(parser)
    _add_training(parser)
    _add_places(parser)
    _add_resources(parser)
    return parser


def _add_search(parser: argparse.ArgumentParser) -> None:
    """What is searched, and the options about the command itself."""
    add = parser.add_argument_group("what to search").add_argument
    add("--lang", nargs="+", required=True, type=_text, metavar="CODE", help="target language, or several: ar hi zh")
    add("--dataset", type=_text, metavar="NAME", help=f"conll, wikiann, mlowner or sample ({_default('dataset')})")
    add(
        "--data-dir",
        type=_path,
        metavar="DIR",
        help="the corpus files, for conll and mlowner; wikiann is fetched from the hub without it",
    )
    add(
        "--encoder",
        type=_text,
        metavar="NAME",
        help=f"name on the Hugging Face hub, directory, or e5-small, which needs no hub ({_default('encoder')})",
    )
    add(
        "--space",
        type=_text,
        metavar="NAME",
        help=f"what is searched: paper, quickstart, student, joint, wide, or a YAML file ({_default('space')})",
    )
    add("--trials", type=int, metavar="N", help=f"student trials in all ({_default('trials')})")
    add(
        "--teacher-trials",
        type=int,
        metavar="N",
        help=f"teacher trials in all (default: {TEACHER_TRIALS}, or 1 where the space fixes the teacher)",
    )
    add("--seeds", type=int, metavar="N", help=f"final runs of each of the two configurations ({_default('seeds')})")
    add(
        "--warm-start",
        nargs="+",
        type=_text,
        metavar="STUDY",
        help="begin with the best configurations of these studies, after the paper's; "
        "what is taken is stored when the search begins, whatever becomes of them later",
    )
    add(
        "--warm-start-trials",
        type=int,
        metavar="N",
        help=f"configurations to take of each of these studies and of each phase ({_default('warm_start_trials')})",
    )
    add("--preset", choices=sorted(PRESETS), help="set several options at once, see below; options given beside win")
    add("--dry-run", action="store_true", help="read and check everything, print what would run, and stop")
    add("-h", "--help", action="help", help="show this help, and stop")


def _add_training(parser: argparse.ArgumentParser) -> None:
    """How a training goes."""
    add = parser.add_argument_group("training").add_argument
    add("--epochs", type=int, metavar="N", help=f"epochs of every training ({_default('epochs')})")
    add("--limit", type=int, metavar="N", help="use N training sentences of each language (default: all)")
    add("--batch-size", type=int, metavar="N", help=f"sentences a step ({_default('batch_size')})")
    add("--max-length", type=int, metavar="N", help=f"tokens a sentence; the rest is cut ({_default('max_length')})")
    add("--frozen-layers", type=int, metavar="N", help=f"lowest layers, not trained ({_default('frozen_layers')})")
    add(
        "--precision",
        choices=["auto", "fp32", "bf16"],
        help="number format of matrix products (default: auto, which is bf16 where that is faster)",
    )
    add("--seed", type=int, metavar="N", help=f"of the search; final runs take the seeds after it ({_default('seed')})")


def _add_places(parser: argparse.ArgumentParser) -> None:
    """Where things go."""
    add = parser.add_argument_group("where things go").add_argument
    add("--name", type=_text, metavar="NAME", help="the study's name; the same name goes on (default: DATASET-LANG)")
    add("--storage", type=_path, metavar="DIR", help=f"teachers, students, results ({_default('storage')})")
    add(
        "--mlflow-uri",
        type=_text,
        metavar="URI",
        help="MLflow server (http://HOST:PORT) or database (default: mlflow.db in --storage)",
    )
    add(
        "--study-storage",
        type=_text,
        metavar="URL",
        help="Optuna's database, sqlite:///FILE or postgresql://... (default: studies.db in --storage)",
    )


def _add_resources(parser: argparse.ArgumentParser) -> None:
    """What trials run on."""
    add = parser.add_argument_group(
        "resources", "Trials run on the Ray cluster that RAY_ADDRESS names, else on this machine."
    ).add_argument
    add("--max-concurrent", type=int, metavar="N", help="trials at once (default: as many as fit)")
    add(
        "--workers",
        type=int,
        metavar="N",
        help=f"Ray Train workers a trial; 0: train in the trial's own process ({_default('workers')})",
    )
    add("--cpus-per-trial", type=int, metavar="N", help=f"CPUs of each worker ({_default('cpus_per_trial')})")
    add(
        "--gpus-per-trial",
        type=float,
        metavar="X",
        help="GPUs of each worker; 0.5: two trials share one (default: 1 if this machine has one, else 0)",
    )
    add(
        "--stall-minutes",
        type=float,
        metavar="X",
        help=f"stop when no trial makes progress for so long ({_default('stall_minutes')})",
    )


def _presets() -> str:
    lines = ["presets:"]
    for name, values in PRESETS.items():
        options = " ".join(f"--{option.replace('_', '-')}\xa0{value}" for option, value in values.items())
        lines += textwrap.wrap(
            f"{name:<11} {options}", width=78, initial_indent="  ", subsequent_indent=" " * 14, break_on_hyphens=False
        )
    return "\n".join(lines).replace("\xa0", " ") + "\n"


def _text(given: str) -> str:
    """An unset shell variable must not pass for a value that was left out."""
    if not given.strip():
        raise argparse.ArgumentTypeError("is empty")
    return given


def _path(given: str) -> Path:
    return Path(_text(given))


def _default(name: str) -> str:
    value = DEFAULTS[name]
    return f"default: {value:g}" if isinstance(value, float) else f"default: {value}"

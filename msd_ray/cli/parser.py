"""Argument parser, ranges of numeric options, and groups of options that several commands share."""

import argparse
import difflib
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from msd_ray.common.errors import UserError
from msd_ray.common.option_types import Names, path, place, text

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
"""Smallest and largest value of each option that `tune`, `ablate` and `doctor` share, both included."""


def shown_range(name: str) -> str:
    """The range of an option, such as `1 to 100000`."""
    low, high = BOUNDS[name]
    return f"{low:.12g} to {high:.12g}"


Defaults = Mapping[str, Any]


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Wraps at 110 columns at most, never at the hyphen of a name, and shows the ranges of numeric options."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=min(shutil.get_terminal_size().columns, 112) - 2)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        """Add the option's range to its help, in front of the default."""
        if not action.help or action.dest not in BOUNDS or action.type not in (int, float):
            return action.help
        explanation, bracket, rest = action.help.rpartition(" (default: ")
        if not bracket:
            return f"{action.help} ({shown_range(action.dest)})"
        return f"{explanation} ({shown_range(action.dest)}; default: {rest}"

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(text, width, break_on_hyphens=False)


class CommandParser(argparse.ArgumentParser):
    """Argument parser that reports errors as UserError, without printing its usage.

    Omitted options are absent from the namespace, so that presets and defaults can fill them in.
    """

    def __init__(self, command: str, *, description: str, epilog: str) -> None:
        super().__init__(
            prog=command,
            usage=f"{command} --lang CODE [CODE ...] [options]",
            description=description,
            epilog=epilog,
            formatter_class=_Formatter,
            argument_default=argparse.SUPPRESS,
            # A new option could make an abbreviation ambiguous, or change its meaning.
            allow_abbrev=False,
            add_help=False,
        )

    def error(self, message: str) -> NoReturn:
        """Raise UserError where argparse would print its usage and exit."""
        raise UserError(f"{message}. See `{self.prog} --help`.")

    def read(self, arguments: Sequence[str] | None) -> dict[str, Any]:
        """Values of the options given. Raises UserError for an unknown argument, suggesting the nearest option."""
        known, unknown = self.parse_known_args(arguments)
        if unknown:
            option = unknown[0].partition("=")[0]
            options = self._option_string_actions
            nearest = difflib.get_close_matches(option, options, n=1) if option[:1] == "-" else []
            hint = f" (did you mean {nearest[0]}?)" if nearest else ""
            raise UserError(f"unknown argument {unknown[0]!r}{hint}. See `{self.prog} --help`.")
        return vars(known)


def add_corpora(group: argparse._ArgumentGroup, defaults: Defaults, *, lang_required: bool = True) -> None:
    """Add the options that name corpora and encoder."""
    add = group.add_argument
    add(
        "--lang",
        nargs="+",
        action=Names,
        required=lang_required,
        type=text,
        metavar="CODE",
        help="target languages, separated by spaces or commas: ar hi zh",
    )
    add(
        "--dataset",
        type=text,
        metavar="NAME",
        help=f"data set: conll, wikiann, mlowner or sample ({default(defaults, 'dataset')})",
    )
    add(
        "--data-dir",
        type=path,
        metavar="DIR",
        help="directory of the corpus files; required for conll and mlowner; without it, wikiann is downloaded from "
        "the Hugging Face hub",
    )
    for name, metavar, text_of_help in (
        ("--source", "FILE|DIR", "own labelled English sentences, in place of a data set: docs/own-data.md"),
        ("--source-dev", "FILE", "own English sentences that select (default: a tenth of --source)"),
        ("--target-text", "FILE", "own text of the target language, raw or in words; its labels are not read"),
        ("--target-dev", "FILE", "own labelled sentences of the target that select (default: none)"),
        ("--target-test", "FILE", "own labelled sentences of the target to score final runs on (default: none)"),
    ):
        add(name, type=path, metavar=metavar, help=text_of_help)
    add(
        "--encoder",
        type=place,
        metavar="NAME",
        help="encoder: a name on the Hugging Face hub, a directory, or e5-small, which is not downloaded from the hub "
        f"({default(defaults, 'encoder')})",
    )


def add_about(group: argparse._ArgumentGroup) -> None:
    """Add --dry-run and --help."""
    add = group.add_argument
    add("--dry-run", action="store_true", help="read and check everything, print what would run, and exit")
    add("-h", "--help", action="help", help="show this help and exit")


def add_training(parser: argparse.ArgumentParser, defaults: Defaults) -> None:
    """Add the options of a training."""
    add = parser.add_argument_group("training").add_argument
    add("--epochs", type=int, metavar="N", help=f"epochs per training ({default(defaults, 'epochs')})")
    add("--limit", type=int, metavar="N", help="use only N training sentences per language (default: all)")
    add("--batch-size", type=int, metavar="N", help=f"sentences per step ({default(defaults, 'batch_size')})")
    add(
        "--max-length",
        type=int,
        metavar="N",
        help=f"tokens per sentence; longer sentences are truncated ({default(defaults, 'max_length')})",
    )
    add(
        "--frozen-layers",
        type=int,
        metavar="N",
        help=f"number of lowest layers that are not trained ({default(defaults, 'frozen_layers')})",
    )
    add(
        "--average-epochs",
        type=int,
        metavar="N",
        help="also score the mean of the weights of the last N epochs as a candidate; 1 turns this off "
        "(default: 3, or --epochs if that is less)",
    )
    add(
        "--pairing",
        choices=["length", "random"],
        help="source sentences to compare with each target batch in the MMD losses: of similar length, or random"
        f" ({default(defaults, 'pairing')})",
    )
    add(
        "--loss-mean",
        choices=["batch", "epoch"],
        help="divide a batch's loss by its own number of words, or by the epoch's mean number of words per batch, "
        f"which weights all words equally ({default(defaults, 'loss_mean')})",
    )
    add(
        "--dropout-masks",
        choices=["torch", "fast"],
        help="generator of dropout masks on CPUs: PyTorch's, or one about ten times as fast "
        f"({default(defaults, 'dropout_masks')})",
    )
    add(
        "--frozen-prefix",
        choices=["train", "once"],
        help="run embeddings and frozen layers in each training step, with dropout, or once per corpus, without dropout"
        f" ({default(defaults, 'frozen_prefix')})",
    )
    add(
        "--decode",
        choices=["argmax", "viterbi"],
        help="decode scores to valid BIO2 labels: the best label of each word, where an I- without a preceding label "
        "of its type becomes B-; or the best valid sequence "
        f"({default(defaults, 'decode')})",
    )
    add(
        "--precision",
        choices=["auto", "fp32", "bf16"],
        help="precision of matrix multiplications (default: auto, which is bf16 where the hardware is faster with it)",
    )
    add(
        "--seed",
        type=int,
        metavar="N",
        help=f"random seed of the search; final runs use the seeds that follow it ({default(defaults, 'seed')})",
    )


def add_places(parser: argparse.ArgumentParser, defaults: Defaults, *, name: str) -> None:
    """Add the options for storage, databases and the study's name."""
    add = parser.add_argument_group("storage and tracking").add_argument
    add("--name", type=text, metavar="NAME", help=f"name of the study; an existing study is resumed (default: {name})")
    add(
        "--storage",
        type=place,
        metavar="PLACE",
        help="storage of artifacts: a directory, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX "
        f"(default: MSD_RAY_STORAGE, else {defaults['storage']})",
    )
    add(
        "--mlflow-uri",
        type=text,
        metavar="URI",
        help="MLflow server (http://HOST:PORT) or database (default: MLFLOW_TRACKING_URI, else mlflow.db in --storage)",
    )
    add(
        "--mlflow-minutes",
        type=float,
        metavar="X",
        help=f"minutes to wait for an unavailable MLflow after training ({default(defaults, 'mlflow_minutes')})",
    )
    add(
        "--study-storage",
        type=text,
        metavar="URL",
        help="Optuna's database: sqlite:///FILE or postgresql://... "
        "(default: MSD_RAY_STUDY_STORAGE, else studies.db in --storage)",
    )


def add_resources(parser: argparse.ArgumentParser, defaults: Defaults) -> None:
    """Add the options for the resources of trials."""
    add = parser.add_argument_group(
        "resources", "Trials run on the Ray cluster at RAY_ADDRESS or, if unset, on this machine."
    ).add_argument
    add("--max-concurrent", type=int, metavar="N", help="maximum number of concurrent trials (default: as many as fit)")
    add(
        "--workers",
        type=int,
        metavar="N",
        help=f"Ray Train workers per trial; 0: train in the trial's own process ({default(defaults, 'workers')})",
    )
    add("--cpus-per-trial", type=int, metavar="N", help=f"CPUs per worker ({default(defaults, 'cpus_per_trial')})")
    add(
        "--gpus-per-trial",
        type=float,
        metavar="X",
        help="GPUs per worker; 0.5: two trials share a GPU (default: 1 if this machine has a GPU, else 0)",
    )
    add(
        "--stall-minutes",
        type=float,
        metavar="X",
        help="restart a trial that has reported no progress for X minutes, at most twice; stop the search if no trial "
        f"gets resources for X minutes, or none reports progress for 4X minutes ({default(defaults, 'stall_minutes')})",
    )


def default(defaults: Defaults, name: str) -> str:
    """`default: VALUE`, for the help of an option."""
    value = defaults[name]
    return f"default: {value:g}" if isinstance(value, float) else f"default: {value}"

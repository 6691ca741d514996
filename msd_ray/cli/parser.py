"""What the command lines of several commands share: the parser's manners and groups of options."""

import argparse
import difflib
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from msd_ray.common.errors import UserError

Defaults = Mapping[str, Any]


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps names such as `bert-base` on one line, and lines short enough to read."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=min(shutil.get_terminal_size().columns, 112) - 2)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(text, width, break_on_hyphens=False)


class CommandParser(argparse.ArgumentParser):
    """Says what is wrong in one message, like everything else, without twelve lines of usage before it.

    What is not given is not in its namespace, so that presets and defaults can fill it.
    """

    def __init__(self, command: str, *, description: str, epilog: str) -> None:
        super().__init__(
            prog=command,
            usage=f"{command} --lang CODE [CODE ...] [options]",
            description=description,
            epilog=epilog,
            formatter_class=_Formatter,
            argument_default=argparse.SUPPRESS,
            # An abbreviation of today is ambiguous or another option tomorrow.
            allow_abbrev=False,
            add_help=False,
        )

    def error(self, message: str) -> NoReturn:
        """Raise UserError where argparse would print its usage and exit."""
        raise UserError(f"{message} (`{self.prog} --help` explains all options)")

    def read(self, arguments: Sequence[str] | None) -> dict[str, Any]:
        """The values given. Raises UserError for an unknown argument, naming the option that was meant."""
        known, unknown = self.parse_known_args(arguments)
        if unknown:
            option = unknown[0].partition("=")[0]
            options = self._option_string_actions
            nearest = difflib.get_close_matches(option, options, n=1) if option[:1] == "-" else []
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            raise UserError(f"unknown argument {unknown[0]!r}{hint} (`{self.prog} --help` lists all)")
        return vars(known)


def add_corpora(group: argparse._ArgumentGroup, defaults: Defaults, *, lang_required: bool = True) -> None:
    """Which corpora, and the encoder that reads them."""
    add = group.add_argument
    add(
        "--lang",
        nargs="+",
        required=lang_required,
        type=text,
        metavar="CODE",
        help="target language, or several: ar hi zh",
    )
    add(
        "--dataset",
        type=text,
        metavar="NAME",
        help=f"conll, wikiann, mlowner or sample ({default(defaults, 'dataset')})",
    )
    add(
        "--data-dir",
        type=path,
        metavar="DIR",
        help="the corpus files, for conll and mlowner; wikiann is fetched from the hub without it",
    )
    add(
        "--encoder",
        type=text,
        metavar="NAME",
        help="name on the Hugging Face hub, directory, or e5-small, which needs no hub "
        f"({default(defaults, 'encoder')})",
    )


def add_about(group: argparse._ArgumentGroup) -> None:
    """The options about the command itself."""
    add = group.add_argument
    add("--dry-run", action="store_true", help="read and check everything, print what would run, and stop")
    add("-h", "--help", action="help", help="show this help, and stop")


def add_training(parser: argparse.ArgumentParser, defaults: Defaults) -> None:
    """How a training goes."""
    add = parser.add_argument_group("training").add_argument
    add("--epochs", type=int, metavar="N", help=f"epochs of every training ({default(defaults, 'epochs')})")
    add("--limit", type=int, metavar="N", help="use N training sentences of each language (default: all)")
    add("--batch-size", type=int, metavar="N", help=f"sentences a step ({default(defaults, 'batch_size')})")
    add(
        "--max-length",
        type=int,
        metavar="N",
        help=f"tokens a sentence; the rest is cut ({default(defaults, 'max_length')})",
    )
    add(
        "--frozen-layers",
        type=int,
        metavar="N",
        help=f"lowest layers, not trained ({default(defaults, 'frozen_layers')})",
    )
    add(
        "--average-epochs",
        type=int,
        metavar="N",
        help="let the mean of the last N epochs' weights compete with the single epochs "
        "(default: 3, or as many as --epochs; 1: it does not)",
    )
    add(
        "--pairing",
        choices=["length", "random"],
        help="source sentences beside each batch of target sentences, for the MMD losses: of like length, or any"
        f" ({default(defaults, 'pairing')})",
    )
    add(
        "--loss-mean",
        choices=["batch", "epoch"],
        help="divide a batch's loss by its own number of words, or by the epoch's mean number, so that each word "
        f"weighs the same ({default(defaults, 'loss_mean')})",
    )
    add(
        "--dropout-masks",
        choices=["torch", "fast"],
        help="which generator draws dropout masks on processors: torch's, or one that is about ten times as fast "
        f"({default(defaults, 'dropout_masks')})",
    )
    add(
        "--frozen-prefix",
        choices=["train", "once"],
        help="embeddings and frozen layers: run them in each training step, with dropout, or once for a corpus, without"
        f" ({default(defaults, 'frozen_prefix')})",
    )
    add(
        "--decode",
        choices=["argmax", "viterbi"],
        help="labels from scores, valid BIO2 either way: each word's best label, an I- without its beginning becomes "
        "B-; or the best valid sequence "
        f"({default(defaults, 'decode')})",
    )
    add(
        "--precision",
        choices=["auto", "fp32", "bf16"],
        help="number format of matrix products (default: auto, which is bf16 where that is faster)",
    )
    add(
        "--seed",
        type=int,
        metavar="N",
        help=f"of the search; final runs take the seeds after it ({default(defaults, 'seed')})",
    )


def add_places(parser: argparse.ArgumentParser, defaults: Defaults, *, name: str) -> None:
    """Where things go."""
    add = parser.add_argument_group("where things go").add_argument
    add("--name", type=text, metavar="NAME", help=f"the study's name; the same name goes on (default: {name})")
    add(
        "--storage",
        type=text,
        metavar="PLACE",
        help="teachers, students, results: a directory, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX "
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
        help="wait so long for an MLflow that does not answer when training is complete "
        f"({default(defaults, 'mlflow_minutes')})",
    )
    add(
        "--study-storage",
        type=text,
        metavar="URL",
        help="Optuna's database, sqlite:///FILE or postgresql://... "
        "(default: MSD_RAY_STUDY_STORAGE, else studies.db in --storage)",
    )


def add_resources(parser: argparse.ArgumentParser, defaults: Defaults) -> None:
    """What trials run on."""
    add = parser.add_argument_group(
        "resources", "Trials run on the Ray cluster that RAY_ADDRESS names, else on this machine."
    ).add_argument
    add("--max-concurrent", type=int, metavar="N", help="trials at once (default: as many as fit)")
    add(
        "--workers",
        type=int,
        metavar="N",
        help=f"Ray Train workers a trial; 0: train in the trial's own process ({default(defaults, 'workers')})",
    )
    add("--cpus-per-trial", type=int, metavar="N", help=f"CPUs of each worker ({default(defaults, 'cpus_per_trial')})")
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
        help="end a trial that gives no news for so long, and start it again, twice at most; stop when no trial gets "
        f"resources for so long, or none makes progress for four times as long ({default(defaults, 'stall_minutes')})",
    )


def text(given: str) -> str:
    """An unset shell variable must not pass for a value that was left out."""
    if not given.strip():
        raise argparse.ArgumentTypeError("is empty")
    return given


def path(given: str) -> Path:
    """A path that is not empty."""
    return Path(text(given))


def default(defaults: Defaults, name: str) -> str:
    """`default: VALUE`, for an option's help."""
    value = defaults[name]
    return f"default: {value:g}" if isinstance(value, float) else f"default: {value}"

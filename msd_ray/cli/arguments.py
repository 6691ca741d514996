"""The command line of `msd_ray.tune`: its arguments and their help, defaults and presets."""

import argparse
import textwrap
from typing import Any

from .parser import CommandParser, add_about, add_corpora, add_places, add_resources, add_training, default, path, text

COMMAND = "python -m msd_ray.tune"
DESCRIPTION = """\
Find the best zero-shot named entity tagger for a language that has no labelled
training sentences, and test it.

A teacher is trained on labelled English. A student learns from the teacher's
outputs on unlabelled sentences of the target language. The phases:

  teacher   try hyperparameters of the teacher
  student   try hyperparameters of the student, then run the best
            configurations again with more seeds (confirm)
  final     train the best configuration, and what it is compared with, anew
            with several seeds, and score them on the test set

Every trial is recorded in MLflow. The same command started again goes on where
it stopped; with a larger --trials, --hours or --patience it extends the search."""

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
    "paper": {
        "space": "paper",
        "trials": 1,
        "teacher_trials": 1,
        "epochs": 10,
        "average_epochs": 1,
        "dropout_masks": "torch",
        "seeds": 5,
        "confirm": 1,
        "rows": ("direct", "tsl", "paper", "best"),
    },
    # Small enough for two processor cores and a few minutes. No row of the paper's configuration: its learning rates
    # are for 6,250 steps, and in 252 nothing is learned with them.
    "quickstart": {
        "dataset": "sample",
        "encoder": "e5-small",
        "space": "quickstart",
        "trials": 4,
        "teacher_trials": 2,
        "epochs": 4,
        "average_epochs": 2,
        "limit": 500,
        "batch_size": 8,
        # No early stopping: of trials side by side, which one is stopped depends on the order of their reports.
        "grace_epochs": 4,
        # Trials of half a minute: starting worker groups would take as long.
        "workers": 0,
        "confirm": 1,
        "seeds": 5,
        "rows": ("direct", "tsl", "best"),
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
    "rows": None,
    "confirm": 3,
    "select_on": "target",
    "dev_limit": 2000,
    "decode": "argmax",
    "hours": None,
    "patience": None,
    "summary": None,
    "average_epochs": None,
    "pairing": "length",
    "loss_mean": "batch",
    "dropout_masks": "fast",
    "frozen_prefix": "train",
    "grace_epochs": 2,
    "warm_start": None,
    "warm_start_trials": 3,
    "retry_failed": False,
    "storage": "runs",
    "mlflow_uri": None,
    "study_storage": None,
    "name": None,
    "workers": 1,
    "cpus_per_trial": 1,
    "gpus_per_trial": None,
    "max_concurrent": None,
    "stall_minutes": 60.0,
    "mlflow_minutes": 10.0,
    "dry_run": False,
}
# Where the space searches the teacher. No share of --trials: the teachers are part of what a student study is made
# with, so that a larger --trials could not extend it.
TEACHER_TRIALS = 5


def parser_of_tune() -> CommandParser:
    """The parser; what is not given is not in its namespace. It raises UserError where argparse would exit."""
    parser = CommandParser(COMMAND, description=DESCRIPTION, epilog=f"{_presets()}\n{EXAMPLES}")
    add_about(add_options_of_tune(parser))
    return parser


def add_options_of_tune(parser: argparse.ArgumentParser, *, lang_required: bool = True) -> argparse._ArgumentGroup:
    """All options of a search; the group for those about the command itself."""
    group = _add_search(parser, lang_required=lang_required)
    add_training(parser, DEFAULTS)
    add_places(parser, DEFAULTS, name="DATASET-LANG")
    add_resources(parser, DEFAULTS)
    return group


def _add_search(parser: argparse.ArgumentParser, *, lang_required: bool) -> argparse._ArgumentGroup:
    """What is searched."""
    group = parser.add_argument_group("what to search")
    add_corpora(group, DEFAULTS, lang_required=lang_required)
    add = group.add_argument
    add(
        "--space",
        type=text,
        metavar="NAME",
        help="what is searched: paper, quickstart, student, joint, wide, or a YAML file "
        f"({default(DEFAULTS, 'space')})",
    )
    add("--trials", type=int, metavar="N", help=f"student trials in all ({default(DEFAULTS, 'trials')})")
    add(
        "--teacher-trials",
        type=int,
        metavar="N",
        help=f"teacher trials in all (default: {TEACHER_TRIALS}, or 1 where the space fixes the teacher)",
    )
    add(
        "--seeds",
        type=int,
        metavar="N",
        help=f"final runs of each row ({default(DEFAULTS, 'seeds')})",
    )
    add(
        "--rows",
        nargs="+",
        type=text,
        metavar="ROW",
        help="rows of the final table: direct (the teacher alone), tsl (plain distillation), paper (the paper's "
        "configuration), best, average (the weights of the best configurations' students averaged); default: all, "
        "average only where all students start at the encoder",
    )
    add(
        "--confirm",
        type=int,
        metavar="N",
        help="run the N best configurations with two more seeds before one is called best; as many are averaged "
        f"({default(DEFAULTS, 'confirm')}; 1: none)",
    )
    add(
        "--select-on",
        choices=["target", "source", "none"],
        help="what chooses epochs and configurations: the target's dev set, the source's, or none, which takes the "
        "last epochs' average and ranks configurations on the source's (default: target)",
    )
    add(
        "--dev-limit",
        type=int,
        metavar="N",
        help="score trials on N dev sentences, a fixed sample; final runs are scored on all "
        f"({default(DEFAULTS, 'dev_limit')})",
    )
    add(
        "--hours",
        type=float,
        metavar="X",
        help="begin no trial that would not end within X hours of wall clock, final runs included; they count over "
        "all starts of the search (default: no limit)",
    )
    add(
        "--patience",
        type=int,
        metavar="N",
        help="begin no more student trials when N in a row brought nothing (default: no limit)",
    )
    add("--summary", type=path, metavar="FILE", help="write the final table as JSON, too")
    add(
        "--grace-epochs",
        type=int,
        metavar="N",
        help="stop no trial early before its Nth epoch; as many as --epochs: stop none "
        f"({default(DEFAULTS, 'grace_epochs')})",
    )
    add(
        "--warm-start",
        nargs="+",
        type=text,
        metavar="STUDY",
        help="begin with the best configurations of these studies, after the paper's; "
        "what is taken is stored when the search begins, whatever becomes of them later",
    )
    add(
        "--warm-start-trials",
        type=int,
        metavar="N",
        help="configurations to take of each of these studies and of each phase "
        f"({default(DEFAULTS, 'warm_start_trials')})",
    )
    add(
        "--retry-failed",
        action="store_true",
        help="run the trials again that failed before; teachers only as long as no student was begun",
    )
    add("--preset", choices=sorted(PRESETS), help="set several options at once, see below; options given beside win")
    return group


def _shown(value: Any) -> str:
    return "\xa0".join(value) if isinstance(value, tuple) else str(value)


def _presets() -> str:
    lines = ["presets:"]
    for name, values in PRESETS.items():
        options = " ".join(f"--{option.replace('_', '-')}\xa0{_shown(value)}" for option, value in values.items())
        lines += textwrap.wrap(
            f"{name:<11} {options}", width=78, initial_indent="  ", subsequent_indent=" " * 14, break_on_hyphens=False
        )
    return "\n".join(lines).replace("\xa0", " ") + "\n"

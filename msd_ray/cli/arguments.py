"""Command line of `msd_ray.tune`: options with their help, defaults and presets."""

import argparse
import textwrap
from typing import Any

from msd_ray.common.option_types import Names, path, place, text

from .parser import CommandParser, add_about, add_corpora, add_places, add_resources, add_training, default

COMMAND = "python -m msd_ray.tune"
DESCRIPTION = """\
Search for the best zero-shot named entity tagger for a language without
labelled training sentences, and score it on the test set.

A teacher is trained on labelled English, a student on the teacher's outputs
for unlabelled sentences of the target language. Phases:

  teacher   search the teacher's hyperparameters
  student   search the student's hyperparameters, then repeat the best
            configurations with more seeds (confirm)
  final     train the best configuration and the baselines with several
            seeds, and score them on the test set

Every trial is recorded in MLflow. To resume a search, run the same command
again; to extend it, give a larger --trials, --hours or --patience."""

EXAMPLES = """\
examples:
  The whole pipeline on the bundled corpus, in a few minutes, without downloads:
    python -m msd_ray.tune --lang ar --preset quickstart
  A full search on MultiCoNER Turkish:
    python -m msd_ray.tune --lang tr --dataset mlowner \\
        --data-dir data/multiconer --space student --trials 40
  Three WikiAnn languages on the cluster at RAY_ADDRESS, two trials per GPU:
    python -m msd_ray.tune --lang ar hi zh \\
        --gpus-per-trial 0.5 --max-concurrent 16
"""

PRESETS: dict[str, dict[str, Any]] = {
    # The paper's experiment: one configuration, five seeds.
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
    # A few minutes on two CPU cores. Without the row `paper`: its learning rates assume 6,250 steps, and in 252 steps
    # the model barely learns.
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
        # No early stopping: which of several concurrent trials is pruned depends on the order of their reports.
        "grace_epochs": 4,
        # A trial takes half a minute; starting a worker group would take as long.
        "workers": 0,
        "confirm": 1,
        "seeds": 5,
        "rows": ("direct", "tsl", "best"),
    },
}
DEFAULTS: dict[str, Any] = {
    "dataset": "wikiann",
    "data_dir": None,
    "source": None,
    "source_dev": None,
    "target_text": None,
    "target_dev": None,
    "target_test": None,
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
TEACHER_TRIALS = 5
"""Teacher trials where the space searches the teacher.

Independent of --trials: a student study depends on its teachers, so a larger --trials could not extend it otherwise.
"""


def parser_of_tune() -> CommandParser:
    """The parser. Omitted options are absent from its namespace; errors raise UserError instead of exiting."""
    parser = CommandParser(COMMAND, description=DESCRIPTION, epilog=f"{_presets()}\n{EXAMPLES}")
    add_about(add_options_of_tune(parser))
    return parser


def add_options_of_tune(parser: argparse.ArgumentParser, *, lang_required: bool = True) -> argparse._ArgumentGroup:
    """Add all options of a search.

    Returns: the group that also takes the options about the command itself (`add_about`).
    """
    group = _add_search(parser, lang_required=lang_required)
    add_training(parser, DEFAULTS)
    add_places(parser, DEFAULTS, name="DATASET-LANG")
    add_resources(parser, DEFAULTS)
    return group


def _add_search(parser: argparse.ArgumentParser, *, lang_required: bool) -> argparse._ArgumentGroup:
    """Add the options that define the search."""
    group = parser.add_argument_group("search")
    add_corpora(group, DEFAULTS, lang_required=lang_required)
    add = group.add_argument
    add(
        "--space",
        type=place,
        metavar="NAME",
        help=f"search space: paper, quickstart, student, joint, wide, or a YAML file ({default(DEFAULTS, 'space')})",
    )
    add("--trials", type=int, metavar="N", help=f"total student trials ({default(DEFAULTS, 'trials')})")
    add(
        "--teacher-trials",
        type=int,
        metavar="N",
        help=f"total teacher trials (default: {TEACHER_TRIALS}, or 1 where the space fixes the teacher)",
    )
    add(
        "--seeds",
        type=int,
        metavar="N",
        help=f"seeds of each row of the final phase ({default(DEFAULTS, 'seeds')})",
    )
    add(
        "--rows",
        nargs="+",
        action=Names,
        type=text,
        metavar="ROW",
        help="rows of the final table: direct (the teacher), tsl (plain distillation), paper (the paper's "
        "configuration), best (required), average (mean of the weights of the best configurations' students); "
        "default: all, but average only if all students start from the encoder",
    )
    add(
        "--confirm",
        type=int,
        metavar="N",
        help="repeat the N best configurations with two more seeds before choosing the best; row average uses the same "
        f"N; 1 turns this off ({default(DEFAULTS, 'confirm')})",
    )
    add(
        "--select-on",
        choices=["target", "source", "none"],
        help="dev set that selects epochs and configurations: target or source; none: take the average of the last "
        "epochs and rank configurations on source dev (default: target)",
    )
    add(
        "--dev-limit",
        type=int,
        metavar="N",
        help="score trials on a fixed sample of N dev sentences; final runs use all "
        f"({default(DEFAULTS, 'dev_limit')})",
    )
    add(
        "--hours",
        type=float,
        metavar="X",
        help="limit of wall-clock time, final runs included, summed over all starts of the search: no trial starts "
        "that would exceed it (default: no limit)",
    )
    add(
        "--patience",
        type=int,
        metavar="N",
        help="start no more student trials after N in a row without improvement (default: no limit)",
    )
    add("--summary", type=path, metavar="FILE", help="also write the final table to FILE as JSON")
    add(
        "--grace-epochs",
        type=int,
        metavar="N",
        help="first epoch after which ASHA may prune a trial; N = --epochs: never prune "
        f"({default(DEFAULTS, 'grace_epochs')})",
    )
    add(
        "--warm-start",
        nargs="+",
        action=Names,
        type=text,
        metavar="STUDY",
        help="first try the best configurations of these studies, after the paper's; they are copied when the search "
        "starts",
    )
    add(
        "--warm-start-trials",
        type=int,
        metavar="N",
        help="configurations to take from each --warm-start study and phase "
        f"({default(DEFAULTS, 'warm_start_trials')})",
    )
    add(
        "--retry-failed",
        action="store_true",
        help="retry failed trials; teacher trials only if no student trial has started",
    )
    add(
        "--preset",
        choices=sorted(PRESETS),
        help="set several options at once, see below; options on the command line override it",
    )
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

"""The command line of `msd_ray.ablate`: its own options, and those that it shares with `msd_ray.tune`."""

from collections.abc import Sequence
from dataclasses import dataclass

from msd_ray.method.variants import VARIANTS, ZERO_SHOT, Variant, variants_named

from .arguments import DEFAULTS
from .environment import from_environment
from .options import TuneOptions, complete
from .parser import CommandParser, add_about, add_corpora, add_places, add_resources, add_training, default, text

COMMAND = "python -m msd_ray.ablate"
DESCRIPTION = """\
Train and score every variant of the method that the paper compares, with the
same seeds, batches and teachers.

Every run is recorded in MLflow. The same command started again goes on where it
stopped; more seeds or variants add runs, and none is made twice."""

EXAMPLES = """\
examples:
  The paper's comparison on MultiCoNER's Korean and Turkish:
    python -m msd_ray.ablate --lang ko tr --dataset mlowner --data-dir data/multiconer
  What distillers bring, and how much of that gold target labels would explain:
    python -m msd_ray.ablate --lang ar --allow-target-labels \\
        --variants msd no-distillers gold-aux
"""


@dataclass(frozen=True, kw_only=True)
class AblateOptions(TuneOptions):
    """space: the configuration, a search space with one value for each hyperparameter."""

    variants: tuple[Variant, ...]

    @property
    def final_rows(self) -> int:
        """How many variants are trained with every seed."""
        return len(self.variants)

    def study_name(self, lang: str) -> str:
        """The study of one language: `--name`, or data set, language and `ablation`."""
        name = super().study_name(lang)
        return name if self.name is not None else f"{name}-ablation"


def parse(arguments: Sequence[str] | None = None) -> AblateOptions:
    """Read the command line. Raises UserError for what is unknown, missing or out of range; SystemExit for --help."""
    given = _parser().read(arguments)
    allowed = given.pop("allow_target_labels", False)
    names = given.pop("variants", list(ZERO_SHOT))
    values = {**DEFAULTS, "space": "paper", "trials": 1, "teacher_trials": 1, **from_environment(DEFAULTS), **given}
    return AblateOptions(
        **complete(values),
        variants=variants_named(names, target_labels_allowed=allowed),
    )


def _parser() -> CommandParser:
    parser = CommandParser(COMMAND, description=DESCRIPTION, epilog=f"{_variants()}\n{EXAMPLES}")
    group = parser.add_argument_group("what to compare")
    add_corpora(group, DEFAULTS)
    add = group.add_argument
    add(
        "--variants",
        nargs="+",
        type=text,
        metavar="NAME",
        help="rows of the comparison, see below (default: all but gold-aux)",
    )
    add(
        "--allow-target-labels",
        action="store_true",
        help="let --variants name gold-aux, which trains on gold labels of the target language: not zero-shot",
    )
    add(
        "--configuration",
        dest="space",
        type=text,
        metavar="NAME",
        help="hyperparameters of MSD, which the variants are variants of: paper, or a search space in YAML "
        "with one value for each (default: paper)",
    )
    add("--seeds", type=int, metavar="N", help=f"runs of each variant ({default(DEFAULTS, 'seeds')})")
    add_about(group)
    add_training(parser, DEFAULTS)
    add_places(parser, DEFAULTS, name="DATASET-LANG-ablation")
    add_resources(parser, DEFAULTS)
    return parser


def _variants() -> str:
    return "\n".join(["variants:", *(f"  {variant.name:<14} {variant.label}" for variant in VARIANTS.values()), ""])

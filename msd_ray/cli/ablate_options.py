"""Command line of `msd_ray.ablate`: its own options, and those it shares with `msd_ray.tune`."""

from collections.abc import Sequence
from dataclasses import dataclass

from msd_ray.common.errors import UserError
from msd_ray.common.option_types import Names, place, text
from msd_ray.data.catalogue import OWN
from msd_ray.method.variants import VARIANTS, ZERO_SHOT, Variant, variants_named

from .arguments import DEFAULTS
from .environment import from_environment
from .options import TuneOptions, complete
from .own_data import with_own_data
from .parser import CommandParser, add_about, add_corpora, add_places, add_resources, add_training, default

COMMAND = "python -m msd_ray.ablate"
DESCRIPTION = """\
Train and score every variant of the method that the paper compares, with the
same seeds, batches and teachers.

Every run is recorded in MLflow. To resume, run the same command again. More seeds
or variants add runs; finished runs are not repeated."""

EXAMPLES = """\
examples:
  The paper's comparison on MultiCoNER Korean and Turkish:
    python -m msd_ray.ablate --lang ko tr --dataset mlowner --data-dir data/multiconer
  The effect of the distillers, and a control trained on gold target labels:
    python -m msd_ray.ablate --lang ar --allow-target-labels \\
        --variants msd no-distillers gold-aux
"""


@dataclass(frozen=True, kw_only=True)
class AblateOptions(TuneOptions):
    """Options of one ablation. space: the configuration, a search space with one value per hyperparameter."""

    variants: tuple[Variant, ...]

    @property
    def final_rows(self) -> int:
        """Number of variants; each is trained with every seed."""
        return len(self.variants)

    def study_name(self, lang: str) -> str:
        """Name of the study of one language: `--name`, or DATASET-LANG-ablation."""
        name = super().study_name(lang)
        return name if self.name is not None else f"{name}-ablation"


def parse(arguments: Sequence[str] | None = None) -> AblateOptions:
    """Read the command line. Raises UserError for a wrong option or value, SystemExit for --help."""
    given = _parser().read(arguments)
    allowed = given.pop("allow_target_labels", False)
    names = given.pop("variants", list(ZERO_SHOT))
    given = with_own_data(given)
    values = {**DEFAULTS, "space": "paper", "trials": 1, "teacher_trials": 1, **from_environment(DEFAULTS), **given}
    variants = variants_named(names, target_labels_allowed=allowed)
    if values["dataset"] == OWN and not all(variant.zero_shot for variant in variants):
        raise UserError("--variants gold-aux needs labels of the target text, and of own files none are read. Omit it.")
    return AblateOptions(**complete(values), variants=variants)


def _parser() -> CommandParser:
    parser = CommandParser(COMMAND, description=DESCRIPTION, epilog=f"{_variants()}\n{EXAMPLES}")
    group = parser.add_argument_group("comparison")
    add_corpora(group, DEFAULTS)
    add = group.add_argument
    add(
        "--variants",
        nargs="+",
        action=Names,
        type=text,
        metavar="NAME",
        help="variants to compare, see below (default: all but gold-aux)",
    )
    add(
        "--allow-target-labels",
        action="store_true",
        help="allow the variant gold-aux, which trains on gold labels of the target language (not zero-shot)",
    )
    add(
        "--configuration",
        dest="space",
        type=place,
        metavar="NAME",
        help="hyperparameters of MSD, shared by all variants: paper, or a YAML search space with one value per "
        "hyperparameter (default: paper)",
    )
    add("--seeds", type=int, metavar="N", help=f"seeds of each variant ({default(DEFAULTS, 'seeds')})")
    add_about(group)
    add_training(parser, DEFAULTS)
    add_places(parser, DEFAULTS, name="DATASET-LANG-ablation")
    add_resources(parser, DEFAULTS)
    return parser


def _variants() -> str:
    return "\n".join(["variants:", *(f"  {variant.name:<14} {variant.label}" for variant in VARIANTS.values()), ""])

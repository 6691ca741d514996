"""Options of `msd_ray.ablate`: its own, and those it shares with `msd_ray.tune`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from msd_ray.common.errors import UserError
from msd_ray.common.option_types import place
from msd_ray.method.variants import VARIANTS, ZERO_SHOT, Variant, variants_named

from .declaration import option
from .option_table import Study
from .options import SHARED, TuneOptions, add_settings, given_values, schema_of
from .parser import CommandParser, add_help, add_schema

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
class Comparison:
    """What is compared. space: the configuration, a search space with one value per hyperparameter."""

    variants: tuple[str, ...] = option(
        ZERO_SHOT, "variants to compare, see below", metavar="NAME", shown_default="all but gold-aux"
    )
    allow_target_labels: bool = option(
        False, "allow the variant gold-aux, which trains on gold labels of the target language (not zero-shot)"
    )
    space: str = option(
        "paper",
        "hyperparameters of MSD, shared by all variants: paper, or a YAML search space with one value per "
        "hyperparameter",
        flag="--configuration",
        type=place,
        metavar="NAME",
    )


@dataclass(frozen=True, kw_only=True)
class AblateOptions(Comparison, TuneOptions):
    """Options of one ablation. Those of `Search` that are not in `Comparison` keep their defaults."""

    groups: ClassVar[tuple[type, ...]] = (Study, Comparison, *SHARED)
    trials: int = 1
    teacher_trials: int | None = 1

    def __post_init__(self) -> None:
        """Raise UserError for a wrong value."""
        super().__post_init__()
        zero_shot = all(variant.zero_shot for variant in self.compared)  # raises for an unknown variant
        if self.own is not None and not zero_shot:
            raise UserError(
                "--variants gold-aux needs labels of the target text, and of own files none are read. Omit it."
            )

    @property
    def compared(self) -> tuple[Variant, ...]:
        """The variants, in the paper's order."""
        return variants_named(self.variants, target_labels_allowed=self.allow_target_labels)

    @property
    def final_rows(self) -> int:
        """Number of variants; each is trained with every seed."""
        return len(self.variants)

    @property
    def scores_source(self) -> bool:
        """Whether final runs are scored on the source's test set, too: teachers are variants, and tag both."""
        return True

    def study_name(self, lang: str) -> str:
        """Name of the study of one language: `--name`, or DATASET-LANG-ablation."""
        name = super().study_name(lang)
        return name if self.name is not None else f"{name}-ablation"


def parse(arguments: Sequence[str] | None = None) -> AblateOptions:
    """Read the command line. Raises UserError for a wrong option or value, SystemExit for --help."""
    return AblateOptions(**given_values(command_line(), AblateOptions, arguments))


def command_line() -> CommandParser:
    """The parser."""
    variants = "\n".join(f"  {variant.name:<14} {variant.label}" for variant in VARIANTS.values())
    parser = CommandParser(COMMAND, description=DESCRIPTION, epilog=f"variants:\n{variants}\n\n{EXAMPLES}")
    section = parser.add_options("comparison", AblateOptions, Study, Comparison)
    add_settings(parser, AblateOptions)
    add_schema(section, lambda: schema_of(AblateOptions))
    add_help(section)
    return parser

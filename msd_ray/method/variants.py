"""What the paper compares, as settings: every variant is MSD with some of its weights set to nothing, or more.

| variant         | teacher                        | student                             | in the paper           |
|-----------------|--------------------------------|-------------------------------------|------------------------|
| `msd`           | all channels                   | all channels, both MMD losses       | MSD                    |
| `no-distillers` | main channel alone             | main channel alone, both MMD losses | MSD w/o. distillers    |
| `no-mmd-lang`   | all channels                   | no cross-language MMD (Eq. 14)      | MSD w/o. L_MMD^L       |
| `no-mmd-model`  | all channels                   | no cross-model MMD (Eq. 13)         | MSD w/o. L_MMD^M       |
| `no-mmd`        | all channels                   | all channels, no MMD                | Figure 3b, no score    |
| `no-all`        | main channel alone             | main channel alone, no MMD          | MSD w/o. all, TSL      |
| `tsl-mmd`       | main channel; MMD of languages | main channel alone, no MMD          | TSL w. MMD (5.6.3)     |
| `direct`        | main channel alone             | none: the teacher tags the target   | BS                     |
| `mixture`       | all channels                   | none: the teacher tags the target   | mixture (Table 5)      |
| `gold-aux`      | all channels                   | gold labels in Eq. 12's L_aux       | not there; a control   |

`gold-aux` is no variant of the method but a control: the authors' released code feeds the gold labels of the target's
training sentences into the student's auxiliary loss, and this row measures what that is worth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from msd_ray.common.errors import UserError

from .settings import StudentSettings, TeacherSettings

FINAL_ROWS = ("direct", "tsl", "paper", "best", "average")
"""The rows of a search's table: a plain teacher, plain distillation, the paper's configuration, what was found."""
GOLD_AUXILIARY_WEIGHT = 0.1
"""beta of `gold-aux`: the weight of the gold labels' loss in the authors' released code."""
TEACHER_MMD_WEIGHT = 0.05
"""Of the MMD within the teacher of `tsl-mmd`: the authors' released code divides it by 20. The paper names none."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One row of the comparison.

    label: for people. zero_shot: False for a row that target labels reach. student: whether it has a student.
    distillers: whether channels below the main one are trained. mmd_model, mmd_language: the losses of Eq. 13, 14.
    teacher_mmd: MMD between source and target within the teacher. gold_auxiliary: see `gold-aux` above.
    """

    name: str
    label: str
    zero_shot: bool = True
    student: bool = True
    distillers: bool = True
    mmd_model: bool = True
    mmd_language: bool = True
    teacher_mmd: bool = False
    gold_auxiliary: bool = False

    def teacher_settings(self, teacher: TeacherSettings) -> TeacherSettings:
        """The variant of a teacher."""
        return replace(
            teacher,
            alpha=teacher.alpha if self.distillers else 0.0,
            mmd=TEACHER_MMD_WEIGHT if self.teacher_mmd else 0.0,
        )

    def student_settings(self, student: StudentSettings) -> StudentSettings | None:
        """The variant of a student; None where the teacher itself tags the target."""
        if not self.student:
            return None
        beta = GOLD_AUXILIARY_WEIGHT if self.gold_auxiliary else student.beta
        return replace(
            student,
            beta=beta if self.distillers else 0.0,
            alpha_prime=student.alpha_prime if self.mmd_model else 0.0,
            beta_prime=student.beta_prime if self.mmd_language else 0.0,
            auxiliary="gold labels" if self.gold_auxiliary else "soft labels",
        )


_ALL = (
    Variant(name="msd", label="MSD"),
    Variant(name="no-distillers", label="MSD w/o distillers", distillers=False),
    Variant(name="no-mmd-lang", label="MSD w/o MMD-L", mmd_language=False),
    Variant(name="no-mmd-model", label="MSD w/o MMD-M", mmd_model=False),
    Variant(name="no-mmd", label="MSD w/o MMD", mmd_model=False, mmd_language=False),
    Variant(name="no-all", label="MSD w/o all (TSL)", distillers=False, mmd_model=False, mmd_language=False),
    Variant(
        name="tsl-mmd",
        label="TSL w. MMD",
        distillers=False,
        mmd_model=False,
        mmd_language=False,
        teacher_mmd=True,
    ),
    Variant(name="direct", label="direct (BS)", student=False, distillers=False),
    Variant(name="mixture", label="mixture (teacher)", student=False),
    Variant(name="gold-aux", label="gold-aux (NOT zero-shot)", zero_shot=False, gold_auxiliary=True),
)
VARIANTS: Mapping[str, Variant] = {variant.name: variant for variant in _ALL}
ZERO_SHOT: tuple[str, ...] = tuple(variant.name for variant in _ALL if variant.zero_shot)


def variants_named(names: Sequence[str], *, target_labels_allowed: bool) -> tuple[Variant, ...]:
    """The variants with these names, in the paper's order whatever the order of the names.

    Raises UserError for an unknown or repeated name, and for a variant that is not zero-shot unless it is allowed.
    """
    for name in names:
        if name not in VARIANTS:
            raise UserError(f"--variants {name}: unknown; choose from {', '.join(VARIANTS)}")
        if names.count(name) > 1:
            raise UserError(f"--variants names {name} more than once")
        if not VARIANTS[name].zero_shot and not target_labels_allowed:
            raise UserError(
                f"--variants {name}: it trains on gold labels of the target language, so its scores are not zero-shot; "
                "give --allow-target-labels too if that is what you want to measure"
            )
    return tuple(variant for variant in _ALL if variant.name in names)

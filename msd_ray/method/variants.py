"""The configurations that the paper compares: MSD with some loss weights set to zero or added.

| variant         | teacher                          | student                             | in the paper          |
|-----------------|----------------------------------|-------------------------------------|-----------------------|
| `msd`           | all channels                     | all channels, both MMD losses       | MSD                   |
| `no-distillers` | main channel only                | main channel only, both MMD losses  | MSD w/o. distillers   |
| `no-mmd-lang`   | all channels                     | no cross-language MMD (Eq. 14)      | MSD w/o. L_MMD^L      |
| `no-mmd-model`  | all channels                     | no cross-model MMD (Eq. 13)         | MSD w/o. L_MMD^M      |
| `no-mmd`        | all channels                     | all channels, no MMD                | Figure 3b, no score   |
| `no-all`        | main channel only                | main channel only, no MMD           | MSD w/o. all, TSL     |
| `tsl-mmd`       | main channel, cross-language MMD | main channel only, no MMD           | TSL w. MMD (5.6.3)    |
| `direct`        | main channel only                | none: the teacher tags the target   | BS                    |
| `mixture`       | all channels                     | none: the teacher tags the target   | mixture (Table 5)     |
| `gold-aux`      | all channels                     | gold labels in L_aux of Eq. 12      | not in it; a control  |

`gold-aux` is a control and no variant of the method: the authors' released code feeds gold labels of the target's
training sentences into the student's auxiliary loss. This row measures their effect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from msd_ray.common.errors import UserError

from .settings import StudentSettings, TeacherSettings

FINAL_ROWS = ("direct", "tsl", "paper", "best", "average")
"""Rows of a search's table: teacher without student, plain distillation, the paper's configuration, the search's."""
GOLD_AUXILIARY_WEIGHT = 0.1
"""beta of `gold-aux`, from the authors' released code."""
TEACHER_MMD_WEIGHT = 0.05
"""Weight of the MMD in the teacher of `tsl-mmd`: 1/20 in the authors' released code; the paper names none."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One row of the comparison.

    Args:
        name: value of `--variants`.
        label: name in tables and figures.
        zero_shot: False if target labels are used.
        student: whether a student is trained.
        distillers: whether the auxiliary channels are trained.
        mmd_model: whether the student has the loss of Eq. 13.
        mmd_language: whether the student has the loss of Eq. 14.
        teacher_mmd: whether the teacher has an MMD between source and target sentences.
        gold_auxiliary: whether the auxiliary channels learn from gold labels (`gold-aux`).
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
        """The teacher's settings in this variant."""
        return replace(
            teacher,
            alpha=teacher.alpha if self.distillers else 0.0,
            mmd=TEACHER_MMD_WEIGHT if self.teacher_mmd else 0.0,
        )

    def student_settings(self, student: StudentSettings) -> StudentSettings | None:
        """The student's settings in this variant; None if the teacher tags the target."""
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
    Variant(name="direct", label="direct transfer (teacher)", student=False, distillers=False),
    Variant(name="mixture", label="mixture (teacher)", student=False),
    Variant(name="gold-aux", label="gold-aux (NOT zero-shot)", zero_shot=False, gold_auxiliary=True),
)
VARIANTS: Mapping[str, Variant] = {variant.name: variant for variant in _ALL}
ZERO_SHOT: tuple[str, ...] = tuple(variant.name for variant in _ALL if variant.zero_shot)


def variants_named(names: Sequence[str], *, target_labels_allowed: bool) -> tuple[Variant, ...]:
    """Variants by name, in the paper's order.

    Raises:
        UserError: a name is unknown or repeated, or a variant is not zero-shot and `target_labels_allowed` is False.
    """
    for name in names:
        if name not in VARIANTS:
            raise UserError(f"--variants {name}: unknown variant. Choose from {', '.join(VARIANTS)}.")
        if names.count(name) > 1:
            raise UserError(f"--variants names {name} more than once")
        if not VARIANTS[name].zero_shot and not target_labels_allowed:
            raise UserError(
                f"--variants {name}: trains on gold labels of the target language, so its scores are not zero-shot. "
                "To measure that, add --allow-target-labels."
            )
    return tuple(variant for variant in _ALL if variant.name in names)

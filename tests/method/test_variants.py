"""Variants as settings: what each changes, and which need permission."""

import pytest

from msd_ray.common.errors import UserError
from msd_ray.method.settings import StudentSettings, TeacherSettings
from msd_ray.method.variants import VARIANTS, ZERO_SHOT, variants_named

TEACHER = TeacherSettings(alpha=0.3)
STUDENT = StudentSettings(beta=0.4, alpha_prime=0.01, beta_prime=0.02)


def changes(name: str) -> dict[str, object]:
    """Settings of the variant that differ from MSD's, such as `teacher.alpha`."""
    variant = VARIANTS[name]
    teacher, student = variant.teacher_settings(TEACHER), variant.student_settings(STUDENT)
    found: dict[str, object] = {
        f"teacher.{key}": value for key, value in vars(teacher).items() if value != getattr(TEACHER, key)
    }
    if student is None:
        return {**found, "student": None}
    return {
        **found,
        **{f"student.{key}": value for key, value in vars(student).items() if value != getattr(STUDENT, key)},
    }


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("msd", {}),
        ("no-distillers", {"teacher.alpha": 0.0, "student.beta": 0.0}),
        ("no-mmd-lang", {"student.beta_prime": 0.0}),
        ("no-mmd-model", {"student.alpha_prime": 0.0}),
        ("no-mmd", {"student.alpha_prime": 0.0, "student.beta_prime": 0.0}),
        (
            "no-all",
            {"teacher.alpha": 0.0, "student.beta": 0.0, "student.alpha_prime": 0.0, "student.beta_prime": 0.0},
        ),
        (
            "tsl-mmd",
            {
                "teacher.alpha": 0.0,
                "teacher.mmd": 0.05,  # the authors' MMD / 20
                "student.beta": 0.0,
                "student.alpha_prime": 0.0,
                "student.beta_prime": 0.0,
            },
        ),
        ("direct", {"teacher.alpha": 0.0, "student": None}),
        ("mixture", {"student": None}),
        ("gold-aux", {"student.beta": 0.1, "student.auxiliary": "gold labels"}),
    ],
)
def test_a_variant_changes_this_and_nothing_else(name: str, changed: dict[str, object]) -> None:
    assert changes(name) == changed


def test_all_variants_are_tested_above() -> None:
    assert len(VARIANTS) == 10
    assert [name for name in VARIANTS if name not in ZERO_SHOT] == ["gold-aux"]
    assert "NOT zero-shot" in VARIANTS["gold-aux"].label


def test_variants_come_in_the_papers_order() -> None:
    named = variants_named(["direct", "no-all", "msd"], target_labels_allowed=False)
    assert [variant.name for variant in named] == ["msd", "no-all", "direct"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["msd", "bsd"], "--variants bsd: unknown variant. Choose from msd, no-distillers"),
        (["msd", "direct", "msd"], "--variants names msd more than once"),
        (["gold-aux"], "gold labels of the target language.*--allow-target-labels"),
    ],
)
def test_what_is_refused(names: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        variants_named(names, target_labels_allowed=False)


def test_the_control_needs_leave() -> None:
    assert variants_named(["gold-aux"], target_labels_allowed=True)[0].name == "gold-aux"

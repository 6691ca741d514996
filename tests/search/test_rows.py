"""The rows of a search's table, from its best configurations."""

from dataclasses import replace

import pytest

from msd_ray.method.settings import Configuration, RunSettings, StudentSettings, TeacherSettings
from msd_ray.method.variants import FINAL_ROWS
from msd_ray.search.configuration import PAPER_CONFIGURATION, final_rows, row_digest, settings_of
from msd_ray.search.final import confirm_seeds, final_seeds, remaining
from msd_ray.search.search import SearchSettings
from msd_ray.search.spaces import PAPER_STUDENT, load_space

FIRST = Configuration(
    teachers=(TeacherSettings(alpha=0.5, learning_rate=2e-4), TeacherSettings(alpha=0.1)),
    student=StudentSettings(beta=0.5, alpha_prime=0.1, beta_prime=0.2, kd_loss="soft-cross-entropy", rounds=2),
)
SECOND = replace(FIRST, teachers=FIRST.teachers[:1])


def test_each_row_is_what_it_says() -> None:
    rows = final_rows(FINAL_ROWS, [FIRST, SECOND])
    assert tuple(rows) == FINAL_ROWS
    assert rows["best"] == (FIRST,)
    assert rows["average"] == (FIRST, SECOND)
    assert rows["paper"] == (PAPER_CONFIGURATION,)
    (direct,) = rows["direct"]
    assert direct == Configuration(teachers=(replace(FIRST.teachers[0], alpha=0.0),), student=None)
    (tsl,) = rows["tsl"]
    assert tsl.teachers == FIRST.teachers
    assert tsl.student == replace(FIRST.student, beta=0.0, alpha_prime=0.0, beta_prime=0.0)  # type: ignore[type-var]


def test_the_rows_that_are_asked_for_in_the_tables_order() -> None:
    assert list(final_rows(("best", "direct"), [FIRST, SECOND])) == ["direct", "best"]
    assert list(final_rows(FINAL_ROWS, [FIRST])) == ["direct", "tsl", "paper", "best"]


def test_the_papers_configuration_has_everything_else_off() -> None:
    assert Configuration(teachers=(TeacherSettings(),), student=StudentSettings()) == PAPER_CONFIGURATION
    assert settings_of(StudentSettings, {**PAPER_STUDENT, "rounds": 2.0}).rounds == 2


def test_digests_of_rows() -> None:
    assert row_digest((FIRST,)) == FIRST.digest
    both = row_digest((FIRST, SECOND))
    assert len(both) == 8
    assert len({both, row_digest((SECOND, FIRST)), FIRST.digest, SECOND.digest}) == 4


def test_no_seed_chooses_and_scores() -> None:
    run = RunSettings(seed=7)
    assert final_seeds(run, 3) == [8, 9, 10]
    assert confirm_seeds(run) == [1008, 1009]
    assert not {run.seed, *confirm_seeds(run)} & set(final_seeds(run, 1000))


@pytest.mark.parametrize(
    ("rows", "confirm", "trials", "teachers", "students"),
    [
        (("best",), 1, 9, 4 * 3, 4),  # four seeds with three teachers
        (("direct", "best"), 1, 9, 4 * (3 + 1), 4),
        (("direct",), 1, 9, 4, 0),
        # Three configurations confirmed with two seeds: one of them may be the paper's, which has its own teacher.
        (("tsl", "best"), 3, 9, 2 * (3 + 1) + 4 * 3, 2 * 3 + 4 * 2),
        (("best",), 3, 1, 4 * 3, 4),  # one trial has nothing to be compared with
        (FINAL_ROWS, 3, 9, 2 * (3 + 1) + 4 * (3 + 2), 2 * 3 + 4 * (3 + 2)),
    ],
)
def test_what_remains_after_the_student_phase(
    rows: tuple[str, ...], confirm: int, trials: int, teachers: int, students: int
) -> None:
    settings = SearchSettings(
        name="x",
        space=load_space("joint"),
        run=RunSettings(),
        trials=trials,
        teacher_trials=5,
        seeds=4,
        rows=rows,
        confirm=confirm,
    )
    left = remaining(settings)
    assert (left.teachers, left.students) == (teachers, students)

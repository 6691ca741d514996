"""Where in the small search a fault may strike.

The search has two teachers (trainings 0 and 1), three students (2 to 4), and final runs: a teacher and the students
that learn from it (5, 6, ...). Some trials are stopped early after their first epoch, the same ones each time.
"""

import random

from disturbed_search import Place
from small_search import SmallSearch
from stored_runs import trials

TEACHERS, STUDENTS = 2, 3
FIRST_STUDENT = TEACHERS
FINAL_TEACHER = TEACHERS + STUDENTS
FINAL_STUDENT = FINAL_TEACHER + 1


def full(undisturbed: SmallSearch, phase: str) -> list[int]:
    """The trainings of a phase's trials that are not stopped early."""
    first = {"teacher": 0, "student": FIRST_STUDENT}[phase]
    found = [trial for trial in trials(undisturbed.root) if trial.study.endswith(f"/{phase}")]
    return [first + trial.number for trial in found if trial.state == "COMPLETE"]


def somewhere(dice: random.Random, undisturbed: SmallSearch, training: int) -> Place:
    """A place in the training: before or after its first checkpoint, or before the second."""
    whole = {*full(undisturbed, "teacher"), *full(undisturbed, "student"), FINAL_TEACHER, FINAL_STUDENT}
    epoch, after = dice.choice([(1, False), (1, True), (2, False)]) if training in whole else (1, False)
    return Place(training=training, epoch=epoch, after=after)


def four_places(dice: random.Random, undisturbed: SmallSearch) -> list[Place]:
    """One in each of: the two teachers, in any order; a student that is not stopped early; the first final runs."""
    teachers = dice.sample(range(TEACHERS), TEACHERS)
    student = dice.choice(full(undisturbed, "student"))
    final = dice.choice([FINAL_TEACHER, FINAL_STUDENT])
    return [somewhere(dice, undisturbed, training) for training in (*teachers, student, final)]

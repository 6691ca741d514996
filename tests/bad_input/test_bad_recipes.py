"""Settings of the recipe that make no sense: one message before anything starts."""

from pathlib import Path

import pytest
from tune_command import message, run

TEACHER = "{learning_rate: {low: 1e-5, high: 1e-4}, alpha: 0.1}"


@pytest.fixture
def space(tmp_path: Path) -> Path:
    return tmp_path / "own.yaml"


def write(space: Path, student: str, teacher: str = TEACHER) -> list[str]:
    """The option that names a space with this line in its student's section, which is the fourth."""
    space.write_text(
        f"description: own\nteacher: {teacher}\nstudent:\n  {student}\n"
        "  learning_rate: {low: 1e-5, high: 1e-4}\n  beta: 1\n  alpha_prime: 0\n  beta_prime: 0\n"
    )
    return ["--space", str(space)]


def test_more_teachers_than_there_are(small: list[str], runs: Path, space: Path) -> None:
    text = message([*small, *write(space, "teachers: 3"), "--teacher-trials", "1"])
    assert "lets students learn from 3 teachers, but 1 is trained: give --teacher-trials 3" in text
    fixed = message([*small, *write(space, "teachers: 2", "{learning_rate: 5e-5, alpha: 0.1}")])
    assert f"{space}:4: `student.teachers`: given 2, but the teacher section has a single configuration" in fixed
    assert not runs.exists()


@pytest.mark.parametrize(
    ("student", "expected"),
    [
        ("temperature: 0", "`student.temperature`: given 0, must be greater than 0"),
        ("temperature: {low: 0, high: 1}", "`student.temperature.low`: given 0, must be greater than 0"),
        ("confidence: 1", "`student.confidence`: given 1, must be less than 1"),
        ("rounds: 0", "`student.rounds`: given 0, must be greater than or equal to 1"),
        ("first: [{temperature: 0}]", "`student.first[0].temperature`: given 0, must be greater than 0"),
        ("first: [{tempreature: 1}]", "`student.first[0].tempreature`: unknown key; did you mean `temperature`?"),
    ],
)
def test_hyperparameters_out_of_range(small: list[str], runs: Path, space: Path, student: str, expected: str) -> None:
    assert message([*small, *write(space, student)]).startswith(f"{space}:4: {expected}")
    assert not runs.exists()


def test_an_average_of_students_that_do_not_share_first_weights(small: list[str], runs: Path, space: Path) -> None:
    own = write(space, "init: {choices: [encoder, teacher]}")
    text = message([*small, *own, "--rows", "best", "average"])
    assert text.startswith("--rows average: the search space own lets students start at their teachers (`init`)")
    alone = message([*small, "--rows", "best", "average", "--confirm", "1"])
    assert alone.startswith("--rows average: --confirm 1 leaves one configuration")
    assert not runs.exists()


def test_hours_in_which_nothing_fits(small: list[str], runs: Path) -> None:
    text = message([*small, "--hours", "0.001", "--epochs", "1000"])
    assert text.startswith("--hours 0.001 is too short: one teacher, one student, the confirmation runs")
    # Corpora are read and measured, and no study is begun.
    assert not (runs / "studies.db").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--epochs", "2", "--average-epochs", "3"], "error: --average-epochs 3 is more than --epochs 2"),
        (["--rows", "direct"], "error: --rows direct: best is what the search is for"),
    ],
)
def test_told_like_any_other_mistake(small: list[str], runs: Path, arguments: list[str], said: str) -> None:
    done = run([*small, *arguments])
    assert done.returncode == 2
    assert done.stderr.startswith(said)
    assert len(done.stderr.splitlines()) == 1
    assert not runs.exists()

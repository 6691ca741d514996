"""Configurations: hash, and whether they are zero-shot."""

import json
from dataclasses import replace

from msd_ray.method.settings import Configuration, RunSettings, StudentSettings, TeacherSettings, to_json

ONE = Configuration(teachers=(TeacherSettings(),), student=StudentSettings())


def test_as_plain_values() -> None:
    two = Configuration(teachers=(TeacherSettings(alpha=0.1), TeacherSettings(alpha=0.2)), student=StudentSettings())
    content = json.loads(json.dumps(two.to_json()))
    assert [teacher["alpha"] for teacher in content["teachers"]] == [0.1, 0.2]
    assert StudentSettings(**content["student"]) == two.student
    assert tuple(TeacherSettings(**teacher) for teacher in content["teachers"]) == two.teachers
    assert replace(ONE, student=None).to_json()["student"] is None


def test_the_digest_is_of_every_value_and_of_the_teachers_order() -> None:
    first, second = TeacherSettings(alpha=0.1), TeacherSettings(alpha=0.2)
    others = [
        ONE,
        replace(ONE, student=None),
        replace(ONE, student=StudentSettings(temperature=0.5)),
        replace(ONE, student=StudentSettings(omega_learning_rate=2.0)),
        replace(ONE, teachers=(first,)),
        replace(ONE, teachers=(first, second)),
        replace(ONE, teachers=(second, first)),
        replace(ONE, teachers=(first, first)),
    ]
    assert len({configuration.digest for configuration in others}) == len(others)
    assert ONE.digest == Configuration(teachers=(TeacherSettings(),), student=StudentSettings()).digest
    assert len(ONE.digest) == 8


def test_zero_shot() -> None:
    assert ONE.zero_shot
    assert replace(ONE, student=None).zero_shot
    assert not replace(ONE, student=StudentSettings(auxiliary="gold labels")).zero_shot


def test_candidates() -> None:
    assert [RunSettings(epochs=5, average_epochs=number).candidates for number in (1, 2, 9)] == [5, 6, 6]


def test_students_have_a_number_of_epochs_of_their_own() -> None:
    run = RunSettings(epochs=4, average_epochs=3, student_epochs=2)
    assert run.of_teacher == RunSettings(epochs=4, average_epochs=3)
    assert run.of_student == RunSettings(epochs=2, average_epochs=2)
    assert run.of_student.candidates == 3
    longer = replace(run, student_epochs=9)
    assert longer.of_student == RunSettings(epochs=9, average_epochs=3)
    assert replace(run, student_epochs=None).of_student == RunSettings(epochs=4, average_epochs=3)


def test_what_is_not_set_is_in_no_hash() -> None:
    assert "student_epochs" not in to_json(RunSettings())
    assert to_json(RunSettings(student_epochs=2))["student_epochs"] == 2

"""Teacher and student learn."""

from dataclasses import replace
from pathlib import Path

import pytest
from small_trainings import RUN, STUDENT, TEACHER, SmallCorpora, save_teacher_outputs, train_student, train_teacher


@pytest.mark.slow
def test_teacher_and_student_learn(corpora: SmallCorpora, tmp_path: Path) -> None:
    """On the sentences that they are trained on: a tiny encoder with random weights knows nothing of others."""
    run = replace(RUN, epochs=18)
    teacher = train_teacher(
        corpora, tmp_path / "teacher", settings=replace(TEACHER, learning_rate=1e-2, dropout=0.0), run=run
    )
    first, last = teacher.record.epochs[0].metrics, teacher.record.epochs[-1].metrics
    assert corpora.source_scores(corpora.tagger())["dev_source/f1"] < 0.3
    assert corpora.source_scores(teacher.model)["dev_source/f1"] > 0.8
    assert last["loss/total"] < 0.3 * first["loss/total"]
    assert all(last[f"loss/channel_{layer}"] < first[f"loss/channel_{layer}"] for layer in range(3, 7))

    outputs = save_teacher_outputs(corpora, teacher.model, tmp_path / "outputs")
    settings = replace(STUDENT, learning_rate=1e-2, dropout=0.0)
    student = train_student(corpora, outputs, tmp_path / "student", settings=settings, run=run)
    first, last = student.record.epochs[0].metrics, student.record.epochs[-1].metrics
    assert last["loss/main"] < 0.5 * first["loss/main"]
    assert last["loss/auxiliary"] < 0.5 * first["loss/auxiliary"]
    assert last["loss/mmd_model"] < first["loss/mmd_model"]
    assert last["loss/mmd_language"] < first["loss/mmd_language"]
    assert last["dev_target/f1"] > first["dev_target/f1"]

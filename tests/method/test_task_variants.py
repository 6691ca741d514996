"""Tasks beside the paper's: gold labels below the main channel, an MMD within the teacher, random pairs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_trainings import ALL_STUDENT, LABELS, RUN, STUDENT, TEACHER, SmallCorpora, unlabelled
from task_twins import StudentTwin, forward_twin, mmd2_twin, softmax_twin, teacher_word_losses, words_of

from msd_ray.data.batches import paired_batches
from msd_ray.method.outputs import TeacherOutputs
from msd_ray.method.settings import LossMean, Pairing, RunSettings, StudentSettings
from msd_ray.method.student import StudentTask
from msd_ray.method.teacher import TeacherTask

NO_DOMAINS = replace(STUDENT, alpha_prime=0.0, beta_prime=0.0, dropout=0.0, auxiliary="gold labels")
ALL_ON = replace(ALL_STUDENT, alpha_prime=0.0, beta_prime=0.0, dropout=0.0, auxiliary="gold labels")
MEANS: list[LossMean] = ["batch", "epoch"]
PAIRINGS: list[Pairing] = ["length", "random"]


def mmd_task(corpora: SmallCorpora, run: RunSettings = RUN) -> TeacherTask:
    return TeacherTask(
        settings=replace(TEACHER, dropout=0.0, mmd=0.3),
        run=run,
        train=corpora.tensors(corpora.source),
        target=corpora.tensors(corpora.target),
    )


@pytest.mark.parametrize("settings", [NO_DOMAINS, ALL_ON], ids=["the paper's distance", "everything else"])
@pytest.mark.parametrize("loss_mean", MEANS)
def test_gold_labels_below_the_main_channel(
    corpora: SmallCorpora, outputs: TeacherOutputs, settings: StudentSettings, loss_mean: LossMean
) -> None:
    """The words that carry a loss are the same in all channels."""
    gold = np.random.default_rng(0).integers(len(LABELS), size=len(outputs.soft_labels))
    task = StudentTask(
        settings=settings,
        run=replace(RUN, loss_mean=loss_mean),
        target=corpora.tensors(corpora.target),
        source=corpora.tensors(unlabelled(corpora.source)),
        teacher=outputs,
        dev={},
        gold=torch.from_numpy(gold),
    )
    model = corpora.tagger(settings)
    step = task.steps(1)[0]
    parts = task.loss(model, step).parts
    auxiliary = []
    for sentence in step[0].tolist():
        logits, _ = forward_twin(model, corpora.target, sentence)
        for scores, row in zip(logits, words_of(corpora.target, sentence), strict=True):
            if float(outputs.soft_labels[row, -1].max()) >= settings.confidence:
                auxiliary.append([-np.log(softmax_twin(scores[k])[gold[row]]) for k in range(3)])
    main = StudentTwin(corpora, outputs, model, settings).word_losses(step[0].tolist())[:, -1]
    assert len(main) == len(auxiliary)
    words = (outputs.soft_labels[:, -1].amax(dim=-1) >= settings.confidence).sum()
    count = len(main) if loss_mean == "batch" else int(words) / task.steps_per_epoch
    found = [float(parts[f"loss/channel_{3 + k}"]) for k in range(4)]
    np.testing.assert_allclose(found, [*np.sum(auxiliary, axis=0) / count, main.sum() / count], rtol=1e-4)


@pytest.mark.parametrize("loss_mean", MEANS)
def test_the_mmd_within_a_teacher(corpora: SmallCorpora, loss_mean: LossMean) -> None:
    """A mean of its own beside the words' mean."""
    task = mmd_task(corpora, replace(RUN, loss_mean=loss_mean))
    model = corpora.tagger(task.settings)
    source, target = task.steps(1)[0]
    assert target is not None
    loss = task.loss(model, (source, target))
    mmd = mmd2_twin(
        np.array([forward_twin(model, corpora.source, sentence)[1] for sentence in source.tolist()]),
        np.array([forward_twin(model, corpora.target, sentence)[1] for sentence in target.tolist()]),
    )
    words = teacher_word_losses(corpora, model, source.tolist())
    count = len(words) if loss_mean == "batch" else task.train.words / task.steps_per_epoch
    assert float(loss.parts["loss/mmd_teacher"]) == pytest.approx(mmd, rel=1e-4)
    assert float(loss.parts["loss/main"]) == pytest.approx(words[:, -1].sum() / count, rel=1e-4)
    labelled = float(loss.parts["loss/main"] + task.settings.alpha * loss.parts["loss/auxiliary"])
    assert float(loss.total.detach()) == pytest.approx(labelled + 0.3 * mmd, rel=1e-4)


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_pairs_are_those_that_the_run_asks_for(
    corpora: SmallCorpora, outputs: TeacherOutputs, pairing: Pairing
) -> None:
    run = replace(RUN, pairing=pairing)
    teacher, student = mmd_task(corpora, run), corpora.student_task(outputs, STUDENT, run)
    source, target = corpora.source.lengths, corpora.target.lengths
    for task, lengths, others in ((teacher, source, target), (student, target, source)):
        for epoch in (1, 2):
            expected = paired_batches(lengths, others, RUN.batch_size, seed=RUN.seed, epoch=epoch, pairing=pairing)
            assert [[batch.tolist() for batch in step if batch is not None] for step in task.steps(epoch)] == [
                [batch.tolist() for batch in pair] for pair in expected
            ]
    other = corpora.student_task(outputs, STUDENT, replace(run, pairing=PAIRINGS[pairing == "length"])).steps(1)
    assert [step[1].tolist() for step in other] != [step[1].tolist() for step in student.steps(1)]

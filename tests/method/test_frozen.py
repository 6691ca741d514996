"""Frozen layers that run once per corpus: equal states, no dropout, no second run, bit-equal after resuming."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_trainings import (
    CPU,
    RUN,
    THREADS,
    SmallCorpora,
    Trained,
    assert_same_epochs,
    assert_same_weights,
    killed_after,
    save_teacher_outputs,
    train_student,
    train_teacher,
)

from msd_ray.data.encode import EncodedSentences
from msd_ray.data.tensors import TextBatch
from msd_ray.method.frozen import frozen_states, load_frozen_states, save_frozen_states
from msd_ray.method.outputs import TeacherOutputs
from msd_ray.method.settings import Precision, RunSettings
from msd_ray.method.tagger import MultiChannelTagger

ONCE = replace(RUN, epochs=2, dropout_masks="fast", frozen_prefix="once")
FEW = np.array([3, 0, 17, 8])  # of different lengths


def with_and_without(corpora: SmallCorpora, run: RunSettings = ONCE) -> tuple[TextBatch, TextBatch]:
    once, each = (corpora.tensors(corpora.source, one).batch(FEW) for one in (run, RUN))
    assert each.frozen_states is None
    assert each.attention_mask is not None, "a batch with padding"
    return once, each


def states_of(tagger: MultiChannelTagger, batch: TextBatch) -> torch.Tensor:
    """(B, T, H): of the encoder's own layers, called as transformers has them."""
    hidden = tagger.encoder(
        input_ids=batch.input_ids, attention_mask=batch.attention_mask, output_hidden_states=True
    ).hidden_states
    state = hidden[RUN.frozen_layers]
    assert isinstance(state, torch.Tensor)
    return state


def test_states_are_the_encoders(corpora: SmallCorpora) -> None:
    once, each = with_and_without(corpora)
    assert once.frozen_states is not None
    assert each.attention_mask is not None
    inside = each.attention_mask.bool()
    with torch.inference_mode():
        expected = states_of(corpora.tagger().eval(), each)
    torch.testing.assert_close(once.frozen_states[inside], expected[inside], atol=1e-5, rtol=1e-5)
    assert torch.isfinite(once.frozen_states).all(), "padding too"


def test_outputs_are_the_same_without_dropout(corpora: SmallCorpora) -> None:
    once, each = with_and_without(corpora)
    tagger = corpora.tagger().eval()
    with torch.inference_mode():
        found, expected = tagger(*once.inputs), tagger(*each.inputs)
        vectors = tagger.cls_vectors(*once.inputs)
    torch.testing.assert_close(found.logits[:, each.word_mask], expected.logits[:, each.word_mask], atol=1e-4, rtol=0)
    torch.testing.assert_close(found.cls, expected.cls, atol=1e-4, rtol=0)
    assert torch.equal(vectors, found.cls)


def test_frozen_layers_do_not_run(corpora: SmallCorpora) -> None:
    once, each = with_and_without(corpora)
    tagger = corpora.tagger().train()
    for parameter in tagger.parameters():
        if not parameter.requires_grad:
            parameter.data.fill_(float("nan"))
    assert tagger(*each.inputs).logits.isnan().all()
    assert not tagger(*once.inputs).logits.isnan().any()
    assert not tagger.cls_vectors(*once.inputs).isnan().any()


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 0.0), ("bf16", 2.0**-8)])
def test_states_on_disk(corpora: SmallCorpora, tmp_path: Path, precision: Precision, tolerance: float) -> None:
    text, tagger = corpora.tensors(corpora.source), corpora.tagger().eval()
    with torch.inference_mode():
        save_frozen_states(tmp_path / "states", tagger, text, precision)
        expected = frozen_states(tagger, text, "fp32")
    found = load_frozen_states(tmp_path / "states", CPU)
    assert found.shape == (text.tokens, tagger.encoder.config.hidden_size)
    assert found.dtype == {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    torch.testing.assert_close(found.float(), expected, atol=1e-6, rtol=tolerance)


def test_tokens_of_sentences_in_any_order(corpora: SmallCorpora) -> None:
    text = corpora.tensors(corpora.source)
    starts = corpora.source.offsets
    expected = [place for sentence in FEW for place in range(starts[sentence], starts[sentence + 1])]
    assert text.places(FEW).tolist() == expected
    assert text.tokens == len(corpora.source.input_ids)


def test_a_taggers_scores_are_the_same(corpora: SmallCorpora, teacher: Trained) -> None:
    """Of a dev set, whose frozen layers run once too."""

    def predicted(text: EncodedSentences, run: RunSettings) -> torch.Tensor:
        batch = corpora.tensors(text, run).batch(np.arange(len(text)))
        with torch.inference_mode():
            logits: torch.Tensor = teacher.model.eval()(*batch.inputs).logits[-1]
        return logits[batch.word_mask].argmax(dim=-1)

    assert torch.equal(predicted(corpora.target_dev, ONCE), predicted(corpora.target_dev, RUN))


def test_trainings_are_alike_but_for_dropout(corpora: SmallCorpora, outputs: TeacherOutputs, tmp_path: Path) -> None:
    run = replace(ONCE, dropout_masks="torch", epochs=RUN.epochs)
    once = train_student(corpora, outputs, tmp_path / "once", run=run)
    each = train_student(corpora, outputs, tmp_path / "train", run=replace(run, frozen_prefix="train"))
    losses = [[epoch.metrics["loss/total"] for epoch in trained.record.epochs] for trained in (once, each)]
    assert losses[0] == pytest.approx(losses[1], rel=0.25)
    assert losses[0] != losses[1]
    assert once.weights.keys() == each.weights.keys(), "checkpoints of either load into either"


@pytest.mark.usefixtures("restored_threads")
@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_teacher_and_student_resume_bit_equal(
    corpora: SmallCorpora, tmp_path: Path, threads: int, precision: Precision
) -> None:
    torch.set_num_threads(threads)
    run = replace(ONCE, precision=precision)
    teachers = [train_teacher(corpora, tmp_path / "teacher", run=run)]
    with pytest.raises(KeyboardInterrupt):
        train_teacher(corpora, tmp_path / "killed teacher", run=run, report=killed_after(1))
    teachers.append(train_teacher(corpora, tmp_path / "killed teacher", run=run))
    assert_same_weights(teachers[0].weights, teachers[1].weights)
    assert_same_epochs(teachers[0].record, teachers[1].record)
    outputs = save_teacher_outputs(corpora, teachers[0].model, tmp_path / "outputs", run)
    students = [train_student(corpora, outputs, tmp_path / "student", run=run)]
    with pytest.raises(KeyboardInterrupt):
        train_student(corpora, outputs, tmp_path / "killed student", run=run, report=killed_after(1))
    students.append(train_student(corpora, outputs, tmp_path / "killed student", run=run))
    assert_same_weights(students[0].weights, students[1].weights)
    assert_same_epochs(students[0].record, students[1].record)


def test_the_default_is_the_papers() -> None:
    assert RunSettings().frozen_prefix == "train"

"""Trainings with the fast dropout masks: resumed bit-equal at any number of threads, and unchanged masks of torch."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_trainings import (
    CPU,
    RUN,
    TEACHER,
    THREADS,
    SmallCorpora,
    Trained,
    assert_same_epochs,
    assert_same_weights,
    killed_after,
    train_student,
    train_teacher,
)

from msd_ray.method.device import draws_fast_masks
from msd_ray.method.dropout import FastDropout
from msd_ray.method.outputs import TeacherOutputs
from msd_ray.method.settings import RunSettings

FAST = replace(RUN, epochs=2, dropout_masks="fast")


@pytest.mark.usefixtures("restored_threads")
@pytest.mark.parametrize("threads", THREADS)
def test_a_teacher_resumes_bit_equal(corpora: SmallCorpora, tmp_path: Path, threads: int) -> None:
    torch.set_num_threads(threads)
    undisturbed = train_teacher(corpora, tmp_path / "undisturbed", run=FAST)
    with pytest.raises(KeyboardInterrupt):
        train_teacher(corpora, tmp_path / "killed", run=FAST, report=killed_after(1))
    torch.manual_seed(12345)
    resumed = train_teacher(corpora, tmp_path / "killed", run=FAST)
    assert_same_weights(resumed.weights, undisturbed.weights)
    assert_same_epochs(resumed.record, undisturbed.record)


@pytest.mark.usefixtures("restored_threads")
@pytest.mark.parametrize("threads", THREADS)
def test_a_student_resumes_bit_equal(
    corpora: SmallCorpora, outputs: TeacherOutputs, tmp_path: Path, threads: int
) -> None:
    torch.set_num_threads(threads)
    run = replace(FAST, precision="bf16")
    undisturbed = train_student(corpora, outputs, tmp_path / "undisturbed", run=run)
    with pytest.raises(KeyboardInterrupt):
        train_student(corpora, outputs, tmp_path / "killed", run=run, report=killed_after(1))
    resumed = train_student(corpora, outputs, tmp_path / "killed", run=run)
    assert_same_weights(resumed.weights, undisturbed.weights)
    assert_same_epochs(resumed.record, undisturbed.record)


def test_seeds_and_dropout_matter(corpora: SmallCorpora, teacher: Trained, tmp_path: Path) -> None:
    run = replace(FAST, epochs=RUN.epochs)
    fast = train_teacher(corpora, tmp_path / "dropout", run=run)
    assert not torch.equal(fast.model.terminal_weight, teacher.model.terminal_weight)
    losses = [[epoch.metrics["loss/total"] for epoch in trained.record.epochs] for trained in (fast, teacher)]
    assert losses[0] == pytest.approx(losses[1], rel=0.1)
    none = replace(TEACHER, dropout=0.0)
    without = [
        train_teacher(corpora, tmp_path / masks, settings=none, run=replace(run, dropout_masks=masks)).weights
        for masks in ("torch", "fast")
    ]
    assert_same_weights(*without)


def test_the_default_is_torchs() -> None:
    assert RunSettings().dropout_masks == "torch"
    assert not draws_fast_masks("torch", CPU)
    assert draws_fast_masks("fast", CPU)
    assert not draws_fast_masks("fast", torch.device("cuda"))


def test_a_taggers_masks_and_its_evaluation(corpora: SmallCorpora) -> None:
    torch_masks, fast = corpora.tagger(), corpora.tagger(run=FAST)
    assert not any(isinstance(module, FastDropout) for module in torch_masks.modules())
    assert torch_masks.encoder.config._attn_implementation == "eager"
    assert isinstance(fast.dropout, FastDropout)
    assert_same_weights(fast.state_dict(), torch_masks.state_dict())
    batch = corpora.tensors(corpora.source).batch(torch.arange(8).numpy())
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        ours, theirs = (model.eval()(batch.input_ids, batch.attention_mask) for model in (fast, torch_masks))
    assert torch.equal(ours.logits, theirs.logits)
    assert torch.equal(ours.cls, theirs.cls)

"""benchmarks.training: all loops get the same task, and the command prints their speeds."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import dropout_masks, flops, step_profile, straightforward
from benchmarks.training import main
from msd_ray.common.errors import UserError
from msd_ray.data.catalogue import label_names
from msd_ray.data.encode import encode_sentences
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.loading import load_encoder, load_tokenizer
from msd_ray.data.load import load_source, load_target
from msd_ray.data.tensors import TextTensors
from msd_ray.method.loop import SpreadSteps, StepLoss
from msd_ray.method.settings import OptimizerSettings, RunSettings, StudentSettings, TeacherSettings
from msd_ray.method.tagger import MultiChannelTagger

CPU = torch.device("cpu")
LABELS = label_names("sample")
RUN = RunSettings(batch_size=8, max_length=64)


def test_both_models_compute_the_same(tiny_encoder: EncoderFiles) -> None:
    ours = MultiChannelTagger(load_encoder(tiny_encoder, dropout=0.0), len(LABELS), dropout=0.0)
    theirs = straightforward.LayerClassifiers(
        load_encoder(tiny_encoder, dropout=0.0), len(LABELS), frozen_layers=3, dropout=0.0
    )
    with torch.no_grad():
        for channel, classifier in enumerate(theirs.classifiers):
            assert isinstance(classifier, torch.nn.Linear)
            ours.terminal_weight[channel] = classifier.weight
            ours.terminal_bias[channel] = classifier.bias
    ids = torch.randint(5, 100, (4, 12))
    mask = torch.ones_like(ids)
    mask[1, 7:] = 0
    logits, cls = theirs(ids, mask)
    expected = ours(ids, mask)
    torch.testing.assert_close(logits, expected.logits)
    torch.testing.assert_close(cls, expected.cls)
    counts = [sum(p.numel() for p in model.parameters() if p.requires_grad) for model in (ours, theirs)]
    assert counts[0] == counts[1]


def test_both_loops_see_the_same_labels(tiny_encoder: EncoderFiles) -> None:
    tokenizer = load_tokenizer(tiny_encoder)
    sentences = load_source("sample", None, limit=8).train
    ids, mask, labels = next(straightforward.padded_batches(sentences, tokenizer, LABELS, RUN))
    assert ids.shape == (8, RUN.max_length)
    assert isinstance(tokenizer.pad_token_id, int)
    encoded = encode_sentences(sentences, tokenizer, LABELS, max_length=RUN.max_length)
    ours = TextTensors(encoded, tokenizer.pad_token_id, CPU).batch(np.arange(8))
    assert ours.labels is not None
    assert ours.attention_mask is not None
    expected = {
        tuple(row[seen].tolist()): of_row[seen].tolist()
        for row, of_row, seen in zip(ours.input_ids, ours.labels, ours.attention_mask.bool(), strict=True)
    }
    found = {
        tuple(row[seen].tolist()): of_row[seen].tolist()
        for row, of_row, seen in zip(ids, labels, mask.bool(), strict=True)
    }
    assert found == expected
    assert (labels[mask == 0] == straightforward.IGNORED).all()


def test_straightforward_loop_learns(tiny_encoder: EncoderFiles) -> None:
    torch.manual_seed(0)
    tokenizer = load_tokenizer(tiny_encoder)
    source, target = load_source("sample", None, limit=8), load_target("sample", "de", None, limit=8)
    batch = next(straightforward.padded_batches(source.train, tokenizer, LABELS, RUN))
    unlabelled = next(straightforward.padded_batches(target.train, tokenizer, LABELS, RUN))

    def start(settings: OptimizerSettings) -> straightforward.Training:
        return straightforward.Training.start(tiny_encoder, len(LABELS), settings, RUN, CPU)

    teacher_settings = TeacherSettings(learning_rate=0.02, dropout=0.0)
    teacher = start(teacher_settings)
    losses = [straightforward.teacher_step(teacher, batch, teacher_settings) for _ in range(30)]
    assert losses[-1] < 0.8 * losses[0]
    before = {name: value.clone() for name, value in teacher.model.state_dict().items()}
    settings = StudentSettings(learning_rate=0.02, dropout=0.0)
    student = start(settings)
    losses = [straightforward.student_step(student, teacher.model, unlabelled, batch, settings) for _ in range(30)]
    assert losses[-1] < 0.8 * losses[0]
    assert all(torch.equal(before[name], value) for name, value in teacher.model.state_dict().items())


class _Lengths:
    """A task whose steps are numbers."""

    steps_per_epoch = 100

    def steps(self, epoch: int) -> list[int]:
        return [int(step) for step in np.random.default_rng(epoch).permutation(100)]

    def loss(self, model: MultiChannelTagger, step: int) -> StepLoss:
        raise AssertionError("no step is taken here")

    def scores(self, model: MultiChannelTagger) -> dict[str, float]:
        raise AssertionError("nothing is scored here")


def test_steps_are_spread_over_the_lengths() -> None:
    assert SpreadSteps(_Lengths(), lambda step: step, 4).steps(1) == [12, 37, 62, 87]
    assert len(SpreadSteps(_Lengths(), lambda step: step, 1000).steps(1)) == 100


@pytest.fixture
def small_benchmark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An empty cache, short measurements of products, and unchanged torch threads."""
    monkeypatch.setenv("MSD_RAY_CACHE", str(tmp_path))
    monkeypatch.setattr(flops, "SECONDS", 0.0)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def _options(encoder: EncoderFiles) -> list[str]:
    text = ["--dataset", "sample", "--lang", "de", "--encoder", str(encoder.directory), "--sentences", "64"]
    return [*text, "--steps", "2", "--threads", "1", "--square", "64"]


@pytest.mark.usefixtures("small_benchmark")
def test_command_prints_speeds_ratios_and_padding(
    tiny_encoder: EncoderFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*_options(tiny_encoder), "--rounds", "2"]) == 0
    printed = capsys.readouterr().out
    assert "text      sample, en and de, 64 and 64 training sentences" in printed
    for kind in ("teacher", "student"):
        row = re.search(
            rf"^{kind} +([\d.]+) +([\d.]+) +([\d.]+) \(([\d.]+)-([\d.]+)\) +([\d.]+)% and ([\d.]+)%$", printed, re.M
        )
        assert row is not None, printed
        ours, theirs, ratio, lowest, highest, padding, straightforward_padding = map(float, row.groups())
        assert ours > 0
        assert theirs > 0
        assert lowest <= ratio <= highest
        assert 0 <= padding < straightforward_padding < 100
        row = re.search(rf"^{kind} +([\d.]+) +([\d.]+) \(([\d.]+)-([\d.]+)\) % +64 x 64 x 64: \d+; ", printed, re.M)
        assert row is not None, printed
        rate, share, lowest, highest = map(float, row.groups())
        assert rate > 0
        assert lowest <= share <= highest
    assert re.search(r"^transformers.Trainer, teacher: [\d.]+ sentences per second, padding [\d.]+%; ", printed, re.M)
    assert "It trains one classifier, ours one per layer above the frozen ones." in printed
    assert "share of processor time" not in printed


@pytest.mark.usefixtures("small_benchmark")
def test_command_prints_profiles(
    tiny_encoder: EncoderFiles, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_profile, "ROWS", 1000)
    assert main([*_options(tiny_encoder), "--rounds", "1", "--profile"]) == 0
    _, teacher, student = capsys.readouterr().out.split(": share of processor time, calls\n")
    for profile in (teacher, student):
        rows = re.findall(r"^  (.+?) +([\d.]+)% +(\d+)$", profile, re.M)
        shares = [float(share) for _, share, _ in rows]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(100, abs=0.05 * len(shares))
        calls = {name: int(count) for name, _, count in rows}
        assert calls["Optimizer.step#AdamW.step"] == 2  # without those that warm up
        assert calls["aten::addmm"] > 0


@pytest.mark.usefixtures("small_benchmark")
def test_dropout_masks_are_compared_and_profiled(
    tiny_encoder: EncoderFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dropout_masks.main([*_options(tiny_encoder), "--rounds", "1", "--profile"]) == 0
    printed = capsys.readouterr().out
    for kind in ("teacher", "student"):
        assert re.search(rf"^{kind} +[\d.]+ +[\d.]+ +[\d.]+ \([\d.]+-[\d.]+\)", printed, re.M), printed
        profiles = printed.split(f"{kind}, ")[1:]
        assert [profile.startswith(masks) for profile, masks in zip(profiles, ("torch", "fast"), strict=True)]
        assert "aten::bernoulli_" in profiles[0]


@pytest.mark.parametrize(
    ("option", "least"), [("sentences", 32), ("rounds", 1), ("steps", 1), ("threads", 1), ("square", 1)]
)
def test_a_count_too_low_is_rejected(option: str, least: int) -> None:
    with pytest.raises(UserError, match=f"--{option} must be {least} or more, not {least - 1}"):
        main([f"--{option}", str(least - 1)])

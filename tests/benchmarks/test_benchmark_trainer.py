"""Trainer gets the teacher's task: its sentences, labels and frozen layers, batches with little padding."""

from collections.abc import Iterator

import pytest
import torch

from benchmarks.speeds import TEACHER, Bench
from benchmarks.straightforward import IGNORED
from benchmarks.trainer import TrainerRounds
from msd_ray.data.catalogue import label_names
from msd_ray.data.encode import encode_sentences
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.loading import load_tokenizer
from msd_ray.data.load import load_source, load_target
from msd_ray.method.settings import RunSettings

STEPS, BATCH = 3, 8


@pytest.fixture
def bench(tiny_encoder: EncoderFiles) -> Bench:
    return Bench(
        encoder=tiny_encoder,
        source=load_source("sample", None, limit=100),
        target=load_target("sample", "de", None, limit=8),
        labels=label_names("sample"),
        run=RunSettings(batch_size=BATCH),
        rounds=1,
        steps=STEPS,
        square=8,
        device=torch.device("cpu"),
    )


@pytest.fixture
def rounds(bench: Bench) -> Iterator[TrainerRounds]:
    with TrainerRounds(bench, TEACHER) as rounds:
        yield rounds


def test_batches_hold_labelled_sentences_padded_to_the_longest(bench: Bench, rounds: TrainerRounds) -> None:
    seen: list[dict[str, torch.Tensor]] = []
    rounds.model.register_forward_pre_hook(lambda *inputs: seen.append(inputs[2]), with_kwargs=True)
    assert rounds.sentences_per_second() > 0
    assert rounds.sentences_per_second() > 0
    assert len(seen) == 2 * STEPS
    encoded = encode_sentences(bench.source.train, load_tokenizer(bench.encoder), bench.labels, max_length=128)
    starts, words = encoded.offsets, encoded.word_counts.cumsum()
    expected = {
        tuple(encoded.input_ids[starts[i] : starts[i + 1]].tolist()): encoded.labels[words[i - 1] * (i > 0) : words[i]]
        for i in range(len(encoded))
    }
    for batch in seen:
        mask = batch["attention_mask"].bool()
        assert mask.shape[0] == BATCH
        assert mask.all(dim=1).any()
        assert (batch["labels"][~mask] == IGNORED).all()
        for ids, labels, tokens in zip(batch["input_ids"], batch["labels"], mask, strict=True):
            assert labels[labels != IGNORED].tolist() == expected[tuple(ids[tokens].tolist())].tolist()
    lengths = [int(batch["attention_mask"].sum()) for batch in seen[:STEPS]]
    assert lengths == sorted(lengths)
    assert lengths[0] < lengths[-1]


def test_what_is_frozen_stays_and_all_else_learns(bench: Bench, rounds: TrainerRounds) -> None:
    before = {name: value.clone() for name, value in rounds.model.named_parameters()}
    rounds.sentences_per_second()
    changed = {name for name, value in rounds.model.named_parameters() if not torch.equal(value, before[name])}
    assert changed == {name for name, value in rounds.model.named_parameters() if value.requires_grad}
    frozen = before.keys() - changed
    assert frozen == {
        name
        for name in before
        if ".embeddings." in name or any(f".layer.{layer}." in name for layer in range(bench.run.frozen_layers))
    }
    assert rounds.model.training


def test_sentences_of_similar_length_go_together(bench: Bench, rounds: TrainerRounds) -> None:
    encoded = encode_sentences(bench.source.train, load_tokenizer(bench.encoder), bench.labels, max_length=128)
    lengths = encoded.lengths[: len(encoded) // BATCH * BATCH].reshape(-1, BATCH)
    in_order = 1 - lengths.sum() / (BATCH * lengths.max(axis=1).sum())
    assert 0 < rounds.padding < 0.7 * in_order

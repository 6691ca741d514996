"""Predicted labels against one sentence at a time, words without a token, and scores."""

import copy
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch
from small_trainings import CPU, LABELS, SmallCorpora, Trained

from msd_ray.data.encode import EncodedSentences, encode_sentences
from msd_ray.data.encoders.loading import load_tokenizer
from msd_ray.data.load import load_source
from msd_ray.data.sentences import Sentence
from msd_ray.data.tensors import TextTensors
from msd_ray.method import evaluate
from msd_ray.method.decoding import Decode, by_sentence, decode_labels
from msd_ray.method.entity_scores import entity_scores
from msd_ray.method.evaluate import gold_labels, predict_labels, score, word_scores
from msd_ray.method.scores import ScoredSet, dev_metrics
from msd_ray.method.tagger import MultiChannelTagger


@pytest.fixture(scope="module")
def sentences() -> list[Sentence]:
    """Some cut, some with words of which normalisation leaves nothing."""
    chosen = list(load_source("sample", None, limit=30).train)
    chosen[4] = Sentence(("\u200b", *chosen[4].tokens, "\u200b"), ("B-PER", *chosen[4].labels, "O"))
    chosen[7] = Sentence(("\u200b",), ("B-LOC",))
    return chosen


@pytest.fixture(scope="module")
def encoded(corpora: SmallCorpora, sentences: list[Sentence]) -> EncodedSentences:
    return encode_sentences(sentences, load_tokenizer(corpora.encoder), LABELS, max_length=40)


@pytest.fixture(scope="module")
def drawn(teacher: Trained) -> MultiChannelTagger:
    """The teacher with drawn terminals, which give many an I- without its beginning."""
    model = copy.deepcopy(teacher.model).eval()
    weight = torch.randn(model.terminal_weight.shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        model.terminal_weight.copy_(weight)
    return model


@pytest.fixture(autouse=True)
def _inference(teacher: Trained) -> Iterator[None]:
    teacher.model.eval()
    with torch.inference_mode():
        yield


def repaired(labels: Sequence[str]) -> list[str]:
    """I-X after anything but B-X and I-X becomes B-X."""
    before = ("O", *labels)
    return [f"B{b[1:]}" if b[0] == "I" and a[1:] != b[1:] else b for a, b in zip(before, labels, strict=False)]


def predict_twin(model: MultiChannelTagger, text: EncodedSentences) -> list[list[str]]:
    """The best label of each word, without a repair."""
    found = []
    for i, (start, end) in enumerate(zip(text.offsets[:-1], text.offsets[1:], strict=True)):
        ids = torch.from_numpy(text.input_ids[start:end].astype(np.int64))[None]
        scores = model(ids, torch.ones_like(ids)).logits[-1, 0]
        labels = ["O"] * int(text.word_counts[i])
        for place, word in enumerate(text.words[start:end]):
            if word >= 0:
                labels[word] = LABELS[int(scores[place].argmax())]
        found.append(labels)
    return found


def repaired_twin(model: MultiChannelTagger, text: EncodedSentences) -> list[list[str]]:
    return list(map(repaired, predict_twin(model, text)))


@pytest.mark.parametrize("tokens", [64, 500, 100_000])
def test_predictions(
    drawn: MultiChannelTagger, encoded: EncodedSentences, monkeypatch: pytest.MonkeyPatch, tokens: int
) -> None:
    monkeypatch.setitem(evaluate.TOKENS_A_BATCH, "cpu", tokens)
    assert encoded.cut_words > 3
    predicted = predict_labels(drawn, encoded, TextTensors(encoded, 0, CPU), LABELS)
    twin = predict_twin(drawn, encoded)
    assert predicted == list(map(repaired, twin))
    assert predicted != twin, "some are repaired"
    assert score(predicted, encoded, LABELS) == score(twin, encoded, LABELS)


def test_viterbi_over_all_words_of_a_sentence(drawn: MultiChannelTagger, encoded: EncodedSentences) -> None:
    tensors = TextTensors(encoded, 0, CPU)
    scores = word_scores(drawn, encoded, tensors, LABELS)
    predicted = predict_labels(drawn, encoded, tensors, LABELS, decode="viterbi")
    assert predicted == decode_labels(scores, encoded.word_counts, LABELS, "viterbi")
    assert predicted != predict_labels(drawn, encoded, tensors, LABELS)
    assert ScoredSet.load(encoded, LABELS, pad_id=0, device=CPU, decode="viterbi").predicted(drawn) == predicted


def test_scores_in_bf16_are_decoded_in_float32(drawn: MultiChannelTagger, encoded: EncodedSentences) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert word_scores(drawn, encoded, TextTensors(encoded, 0, CPU), LABELS).dtype == np.float32


@pytest.mark.parametrize("decode", ["argmax", "viterbi"])
def test_no_sequence_is_invalid(corpora: SmallCorpora, drawn: MultiChannelTagger, decode: Decode) -> None:
    many = encode_sentences(load_source("sample", None).train, load_tokenizer(corpora.encoder), LABELS, max_length=24)
    assert many.cut_words > 1000
    tensors = TextTensors(many, 0, CPU)
    best = np.array(LABELS, dtype=object)[word_scores(drawn, many, tensors, LABELS).argmax(axis=1)]
    assert sum(labels != repaired(labels) for labels in by_sentence(best, many.word_counts)) > 100, "without a decoder"
    predicted = predict_labels(drawn, many, tensors, LABELS, decode=decode)
    assert sum(labels != repaired(labels) for labels in predicted) == 0


def test_words_without_a_token_are_o(teacher: Trained, sentences: list[Sentence], encoded: EncodedSentences) -> None:
    teacher_bias = teacher.model.terminal_bias.detach().clone()
    try:
        teacher.model.terminal_bias[-1, 1] += 1000  # whatever has a token is B-PER
        predicted = predict_labels(teacher.model, encoded, TextTensors(encoded, 0, CPU), LABELS)
    finally:
        teacher.model.terminal_bias.copy_(teacher_bias)
    assert [len(labels) for labels in predicted] == [len(sentence.tokens) for sentence in sentences]
    assert predicted[7] == ["O"]
    assert predicted[4][0] == predicted[4][-1] == "O"
    assert predicted[4][1] == "B-PER"
    assert sum(labels.count("O") for labels in predicted) == encoded.cut_words


def test_gold_labels_are_the_sentences_own(sentences: list[Sentence], encoded: EncodedSentences) -> None:
    assert gold_labels(encoded, LABELS) == [list(sentence.labels) for sentence in sentences]


def test_score_counts_entities_that_were_cut(sentences: list[Sentence], encoded: EncodedSentences) -> None:
    gold = [list(sentence.labels) for sentence in sentences]
    perfect = score(gold, encoded, LABELS)
    assert (perfect.precision, perfect.recall, perfect.f1) == (1.0, 1.0, 1.0)
    without_first = [["O"] * len(gold[0]), *gold[1:]]
    assert score(without_first, encoded, LABELS) == entity_scores(gold, without_first)


def test_dev_metrics(corpora: SmallCorpora, teacher: Trained, encoded: EncodedSentences) -> None:
    scored = ScoredSet.load(encoded, LABELS, pad_id=0, device=CPU)
    metrics = dev_metrics(teacher.model, {"target": scored, "source": scored})
    expected = entity_scores(gold_labels(encoded, LABELS), repaired_twin(teacher.model, encoded))
    for name in ("precision", "recall", "f1"):
        assert metrics[f"dev_target/{name}"] == metrics[f"dev_source/{name}"] == getattr(expected, name)
    assert metrics["dev_target/PER/recall"] == expected.per_type["PER"].recall
    assert not any(name.startswith("dev_source/PER") for name in metrics)


def test_scores_without_repeated_sentences(teacher: Trained, encoded: EncodedSentences) -> None:
    left_out = np.arange(len(encoded)) % 3 == 0
    scored = ScoredSet.load(encoded, LABELS, pad_id=0, device=CPU)
    metrics = scored.metrics(scored.predicted(teacher.model), "test", leave_out=left_out)
    gold, predicted = gold_labels(encoded, LABELS), repaired_twin(teacher.model, encoded)
    kept = [i for i in range(len(encoded)) if i % 3 != 0]
    assert metrics["test/f1"] == entity_scores(gold, predicted).f1
    assert metrics["test/f1_deduplicated"] == entity_scores([gold[i] for i in kept], [predicted[i] for i in kept]).f1
    assert (metrics["test/sentences"], metrics["test/sentences_deduplicated"]) == (30, 20)

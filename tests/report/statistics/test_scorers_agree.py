"""Our F1 and that of strict scorers: equal on BIO2; otherwise they differ in entities that begin with I-.

The lenient scorers (conlleval, seqeval by default, seqscore with repair="conlleval") are compared in
tests/method/test_entity_scores.py.
"""

import importlib
from collections.abc import Callable
from typing import Any

import pytest
from seqeval.metrics import classification_report, f1_score, precision_score, recall_score
from seqeval.scheme import IOB2

from msd_ray.method.entity_scores import EntityScores, entities, entity_scores

Sentences = list[list[str]]
Draw = Callable[..., tuple[Sentences, Sentences]]
STRICT: dict[str, Any] = {"mode": "strict", "scheme": IOB2, "zero_division": 0}


def without_dangling(labels: list[str]) -> list[str]:
    """Return the labels with O for every I- that continues no entity."""
    cleaned: list[str] = []
    for label in labels:
        continues = bool(cleaned) and cleaned[-1] in (f"B{label[1:]}", f"I{label[1:]}")
        cleaned.append("O" if label[0] == "I" and not continues else label)
    return cleaned


def seqscore_counts(gold: Sentences, predicted: Sentences, repair: str | None) -> tuple[int, int, int]:
    scoring = importlib.import_module("seqscore.scoring")
    scores, _ = scoring.score_label_sequences(predicted, gold, "BIO", repair=repair)
    return scores.true_pos, scores.total_pos, scores.total_ref


def counts(scores: EntityScores) -> tuple[int, int, int]:
    return scores.correct, scores.predicted, scores.gold


def assert_seqeval_strict(scores: EntityScores, gold: Sentences, predicted: Sentences) -> None:
    assert scores.precision == pytest.approx(precision_score(gold, predicted, **STRICT), abs=1e-12)
    assert scores.recall == pytest.approx(recall_score(gold, predicted, **STRICT), abs=1e-12)
    assert scores.f1 == pytest.approx(f1_score(gold, predicted, **STRICT), abs=1e-12)
    report = classification_report(gold, predicted, output_dict=True, **STRICT)
    assert set(report) - {"micro avg", "macro avg", "weighted avg"} == set(scores.per_type)
    for name, of_type in scores.per_type.items():
        assert of_type.precision == pytest.approx(report[name]["precision"], abs=1e-12)
        assert of_type.recall == pytest.approx(report[name]["recall"], abs=1e-12)
        assert of_type.f1 == pytest.approx(report[name]["f1-score"], abs=1e-12)
        assert of_type.gold == report[name]["support"]


@pytest.mark.parametrize("seed", range(10))
def test_on_bio2_every_scorer_agrees(random_sentences: Draw, seed: int) -> None:
    gold, predicted = random_sentences(seed, valid=True)
    scores = entity_scores(gold, predicted)
    assert 0.2 < scores.f1 < 1
    assert_seqeval_strict(scores, gold, predicted)
    for repair in (None, "conlleval", "discard"):
        assert seqscore_counts(gold, predicted, repair) == counts(scores)


@pytest.mark.parametrize("seed", range(10))
def test_the_strict_scorers_drop_entities_that_begin_with_i(random_sentences: Draw, seed: int) -> None:
    gold, predicted = random_sentences(seed)
    clean_gold, clean_predicted = map(without_dangling, gold), map(without_dangling, predicted)
    strict, lenient = entity_scores(list(clean_gold), list(clean_predicted)), entity_scores(gold, predicted)
    assert strict.correct > 5
    assert_seqeval_strict(strict, gold, predicted)
    assert seqscore_counts(gold, predicted, "discard") == counts(strict)
    assert all(ours > theirs for ours, theirs in zip(counts(lenient), counts(strict), strict=True))


def test_seqscore_rejects_a_stray_i_without_a_repair() -> None:
    with pytest.raises(
        importlib.import_module("seqscore.encoding").EncodingError, match="Invalid transition 'O' -> 'I-PER'"
    ):
        seqscore_counts([["O", "I-PER"]], [["O", "B-PER"]], None)


@pytest.mark.parametrize(
    ("labels", "lenient", "strict"),
    [
        ("O I-PER I-PER", [("PER", 1, 3)], []),
        ("B-PER I-LOC", [("PER", 0, 1), ("LOC", 1, 2)], [("PER", 0, 1)]),
        ("B-PER I-PER", [("PER", 0, 2)], [("PER", 0, 2)]),
    ],
)
def test_the_documented_differences(
    labels: str, lenient: list[tuple[str, int, int]], strict: list[tuple[str, int, int]]
) -> None:
    """The table in the statistics package's docstring, row by row."""
    scheme = importlib.import_module("seqeval.scheme")
    sentence = labels.split()
    assert entities(sentence) == lenient
    assert [(e.tag, e.start, e.end) for e in scheme.Entities([sentence], IOB2).entities[0]] == strict
    assert entities(without_dangling(sentence)) == strict
    assert seqscore_counts([sentence], [sentence], "conlleval")[2] == len(lenient)
    assert seqscore_counts([sentence], [sentence], "discard")[2] == len(strict)


def test_a_gold_entity_that_begins_with_i_counts_for_us_and_not_for_them() -> None:
    """One of two gold entities is found, with labels as in WikiAnn zh; strict scorers count only a wrong entity."""
    gold, predicted = [["I-LOC", "I-LOC", "O", "B-PER"]], [["B-LOC", "I-LOC", "O", "O"]]
    assert counts(entity_scores(gold, predicted)) == (1, 1, 2)
    assert seqscore_counts(gold, predicted, "discard") == (0, 1, 1)
    assert f1_score(gold, predicted, **STRICT) == 0
    assert entity_scores(gold, predicted).f1 == f1_score(gold, predicted) == pytest.approx(2 / 3)

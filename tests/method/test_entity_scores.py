"""Entity scores against conlleval's rules transcribed, seqeval and seqscore, on random label sequences."""

import importlib
import random
import time
from collections import Counter

import pytest
from seqeval.metrics import classification_report, f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities

from msd_ray.method.entity_scores import EntityScores, entities, entity_scores

Sentences = list[list[str]]

TYPES = ("PER", "LOC", "MISC", "Medical-Term")
LABELS = ("O", *(f"{prefix}-{name}" for name in TYPES for prefix in "BI"))


def random_labels(rng: random.Random, length: int) -> list[str]:
    """Any order of BIO labels, most of them not allowed by BIO2."""
    return [rng.choice(("O", *LABELS)) for _ in range(length)]


def random_valid_labels(rng: random.Random, length: int) -> list[str]:
    labels: list[str] = []
    while len(labels) < length:
        if rng.random() < 0.5:
            labels.append("O")
        else:
            name = rng.choice(TYPES)
            labels += [f"B-{name}", *[f"I-{name}"] * rng.randrange(3)]
    return labels[:length]


def random_corpus(seed: int, *, valid: bool = False, agreement: float = 0.6) -> tuple[Sentences, Sentences]:
    """Gold and predicted labels that agree in long enough stretches to have entities in common."""
    rng = random.Random(seed)
    gold, predicted = [], []
    for _ in range(60):
        make = random_valid_labels if valid else random_labels
        labels = make(rng, rng.randrange(13))
        gold.append(labels)
        if valid:
            predicted.append(labels if rng.random() < agreement else make(rng, len(labels)))
        else:
            predicted.append([label if rng.random() < agreement else rng.choice(LABELS) for label in labels])
    return gold, predicted


def conlleval(gold: Sentences, predicted: Sentences) -> dict[str, Counter[str]]:
    """conlleval's counting as published: one pass over the file, two chunk states side by side.

    A sentence ends with a line of two `O` labels. A chunk starts at B, at I after O, and at any label of
    another type than the one before; it ends before B, before O, and before any label of another type.
    """

    def split(label: str) -> tuple[str, str]:
        prefix, _, name = label.partition("-")
        return prefix, name

    def chunk_ends(before: str, now: str) -> bool:
        (last_prefix, last_type), (prefix, name) = split(before), split(now)
        ends = False
        if last_prefix == "B" and prefix == "B":
            ends = True
        if last_prefix == "B" and prefix == "O":
            ends = True
        if last_prefix == "I" and prefix == "B":
            ends = True
        if last_prefix == "I" and prefix == "O":
            ends = True
        if last_prefix != "O" and last_type != name:
            ends = True
        return ends

    def chunk_starts(before: str, now: str) -> bool:
        (last_prefix, last_type), (prefix, name) = split(before), split(now)
        starts = False
        if last_prefix == "B" and prefix == "B":
            starts = True
        if last_prefix == "I" and prefix == "B":
            starts = True
        if last_prefix == "O" and prefix == "B":
            starts = True
        if last_prefix == "O" and prefix == "I":
            starts = True
        if prefix != "O" and last_type != name:
            starts = True
        return starts

    counts: dict[str, Counter[str]] = {"gold": Counter(), "predicted": Counter(), "correct": Counter()}
    lines = [line for pair in zip(gold, predicted, strict=True) for line in [*zip(*pair, strict=True), ("O", "O")]]
    last_gold = last_predicted = "O"
    in_correct = False
    for now_gold, now_predicted in lines:
        gold_ends = chunk_ends(last_gold, now_gold)
        predicted_ends = chunk_ends(last_predicted, now_predicted)
        same_type = split(now_gold)[1] == split(now_predicted)[1]
        if in_correct:
            if gold_ends and predicted_ends and split(last_gold)[1] == split(last_predicted)[1]:
                in_correct = False
                counts["correct"][split(last_gold)[1]] += 1
            elif gold_ends != predicted_ends or not same_type:
                in_correct = False
        gold_starts = chunk_starts(last_gold, now_gold)
        predicted_starts = chunk_starts(last_predicted, now_predicted)
        if gold_starts and predicted_starts and same_type:
            in_correct = True
        if gold_starts:
            counts["gold"][split(now_gold)[1]] += 1
        if predicted_starts:
            counts["predicted"][split(now_predicted)[1]] += 1
        last_gold, last_predicted = now_gold, now_predicted
    return counts


def spans_twin(labels: list[str]) -> set[tuple[str, int, int]]:
    """Every token joins the entity before it or begins one; the labels need not be valid BIO2."""
    found: list[tuple[str, int, int]] = []
    for position, label in enumerate(labels):
        if label == "O":
            continue
        prefix, name = label.split("-", maxsplit=1)
        if prefix == "I" and found and found[-1][0] == name and found[-1][2] == position:
            found[-1] = (name, found[-1][1], position + 1)
        else:
            found.append((name, position, position + 1))
    return set(found)


def scores_twin(gold: Sentences, predicted: Sentences, name: str | None = None) -> tuple[float, float, float]:
    """Precision, recall and F1 of all entities, or of one type, from the three counts only."""
    in_gold, in_predicted = (
        {(index, *span) for index, labels in enumerate(side) for span in spans_twin(labels) if name in (None, span[0])}
        for side in (gold, predicted)
    )
    correct = len(in_gold & in_predicted)
    return (
        correct / len(in_predicted) if in_predicted else 0.0,
        correct / len(in_gold) if in_gold else 0.0,
        2 * correct / (len(in_gold) + len(in_predicted)) if correct else 0.0,
    )


def type_counts(scores: EntityScores, field: str) -> dict[str, int]:
    return {name: getattr(of_type, field) for name, of_type in scores.per_type.items()}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("valid", [False, True])
def test_counts_are_conllevals(seed: int, valid: bool) -> None:
    gold, predicted = random_corpus(seed, valid=valid)
    scores, expected = entity_scores(gold, predicted), conlleval(gold, predicted)
    assert expected["correct"].total() > 5
    for field in ("gold", "predicted", "correct"):
        assert getattr(scores, field) == expected[field].total()
        assert +Counter(type_counts(scores, field)) == expected[field]


@pytest.mark.parametrize("seed", range(100))
@pytest.mark.parametrize("valid", [False, True])
def test_scores_are_the_twins_to_the_last_bit(seed: int, valid: bool) -> None:
    gold, predicted = random_corpus(seed, valid=valid)
    scores = entity_scores(gold, predicted)
    assert (scores.precision, scores.recall, scores.f1) == scores_twin(gold, predicted)
    for name, of_type in scores.per_type.items():
        assert (of_type.precision, of_type.recall, of_type.f1) == scores_twin(gold, predicted, name)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("valid", [False, True])
def test_scores_are_seqevals(seed: int, valid: bool) -> None:
    gold, predicted = random_corpus(seed, valid=valid)
    scores = entity_scores(gold, predicted)
    assert scores.precision == pytest.approx(precision_score(gold, predicted), abs=1e-12)
    assert scores.recall == pytest.approx(recall_score(gold, predicted), abs=1e-12)
    assert scores.f1 == pytest.approx(f1_score(gold, predicted), abs=1e-12)
    report = classification_report(gold, predicted, output_dict=True, zero_division=0)
    for name, of_type in scores.per_type.items():
        assert of_type.precision == pytest.approx(report[name]["precision"], abs=1e-12)
        assert of_type.recall == pytest.approx(report[name]["recall"], abs=1e-12)
        assert of_type.f1 == pytest.approx(report[name]["f1-score"], abs=1e-12)
        assert of_type.gold == report[name]["support"]
    assert set(report) - {"micro avg", "macro avg", "weighted avg"} == set(scores.per_type)


@pytest.mark.parametrize("seed", range(20))
def test_entities_are_seqevals(seed: int) -> None:
    labels = random_labels(random.Random(seed), 40)
    inclusive = [(name, start, end - 1) for name, start, end in entities(labels)]
    assert inclusive == get_entities(labels)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("valid", [False, True])
def test_counts_are_seqscores(seed: int, valid: bool) -> None:
    """seqscore rejects invalid sequences unless it repairs them as conlleval reads them."""
    scoring = importlib.import_module("seqscore.scoring")
    gold, predicted = random_corpus(seed, valid=valid)
    repair = None if valid else "conlleval"
    expected, _ = scoring.score_label_sequences(predicted, gold, "BIO", repair=repair)
    scores = entity_scores(gold, predicted)
    assert (scores.correct, scores.predicted, scores.gold) == (
        expected.true_pos,
        expected.total_pos,
        expected.total_ref,
    )
    assert type_counts(scores, "correct") == {
        name: of_type.true_pos for name, of_type in sorted(expected.type_scores.items())
    }


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([], []),
        (["O", "O"], []),
        (["B-PER"], [("PER", 0, 1)]),
        (["I-PER", "I-PER", "O"], [("PER", 0, 2)]),  # I- at the beginning opens an entity
        (["O", "I-PER", "O"], [("PER", 1, 2)]),
        (["B-PER", "I-LOC", "I-LOC"], [("PER", 0, 1), ("LOC", 1, 3)]),  # so does a change of type
        (["I-PER", "I-LOC"], [("PER", 0, 1), ("LOC", 1, 2)]),
        (["B-PER", "B-PER", "I-PER"], [("PER", 0, 1), ("PER", 1, 3)]),
        (["I-PER", "B-PER"], [("PER", 0, 1), ("PER", 1, 2)]),
        (["B-PER", "O", "I-PER"], [("PER", 0, 1), ("PER", 2, 3)]),
        (["B-Medical-Term", "I-Medical-Term"], [("Medical-Term", 0, 2)]),
    ],
)
def test_entities(labels: list[str], expected: list[tuple[str, int, int]]) -> None:
    assert entities(labels) == expected


def test_a_score_by_hand() -> None:
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["B-LOC", "O"]]
    predicted = [["B-PER", "I-PER", "O", "B-PER"], ["O", "B-LOC"]]
    scores = entity_scores(gold, predicted)
    assert (scores.gold, scores.predicted, scores.correct) == (3, 3, 1)
    assert scores.precision == scores.recall == scores.f1 == pytest.approx(1 / 3)
    assert list(scores.per_type) == ["LOC", "PER"]
    person, place = scores.per_type["PER"], scores.per_type["LOC"]
    assert (person.precision, person.recall) == (0.5, 1.0)
    assert person.f1 == pytest.approx(2 / 3)
    assert (place.gold, place.predicted, place.correct, place.f1) == (2, 1, 0, 0.0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("gold", "predicted"), [([], []), ([[]], [[]]), ([["O"]], [["O"]]), ([["B-PER"]], [["O"]]), ([["O"]], [["B-PER"]])]
)
def test_undefined_scores_are_zero(gold: Sentences, predicted: Sentences) -> None:
    scores = entity_scores(gold, predicted)
    assert (scores.precision, scores.recall, scores.f1) == (0.0, 0.0, 0.0)


def test_entities_do_not_run_across_sentences() -> None:
    scores = entity_scores([["B-PER"], ["I-PER"]], [["B-PER"], ["I-PER"]])
    assert (scores.gold, scores.correct) == (2, 2)


def test_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 2 predicted sentences, one per gold sentence, found 1"):
        entity_scores([["O"], ["O"]], [["O"]])
    with pytest.raises(ValueError, match="sentence 1: expected 2 predicted labels, found 1"):
        entity_scores([["O"], ["O", "O"]], [["O"], ["O"]])


@pytest.mark.parametrize("label", ["B", "I-", "S-PER", "PER", "b-PER", "", "O-PER", "_"])
def test_labels_that_are_not_bio_are_refused(label: str) -> None:
    with pytest.raises(ValueError, match=r"is not O, B-TYPE or I-TYPE"):
        entities(["O", label])
    for gold, predicted in ((["O", label], ["O", "O"]), (["O", "O"], ["O", label])):
        with pytest.raises(ValueError, match=r"is not O, B-TYPE or I-TYPE"):
            entity_scores([gold], [predicted])


def test_label_sequences_of_any_kind_are_scored() -> None:
    assert entity_scores([("B-PER", "I-PER")], (("B-PER", "I-PER"),)) == entity_scores(
        [["B-PER", "I-PER"]], [["B-PER", "I-PER"]]
    )


def test_two_thousand_sentences_take_a_fraction_of_a_second() -> None:
    rng = random.Random(0)
    gold = [random_valid_labels(rng, 20) for _ in range(2_000)]
    predicted = [random_valid_labels(rng, 20) for _ in range(2_000)]
    entity_scores([], [])  # imports seqeval
    start = time.process_time()
    entity_scores(gold, predicted)
    assert time.process_time() - start < 0.5

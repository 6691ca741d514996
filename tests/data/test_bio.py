import random

import pytest
from seqeval.metrics.sequence_labeling import get_entities

from msd_ray.data.bio import bio2, count_entities, entity_begins, is_iob1
from msd_ray.data.sentences import Sentence


def to_iob1(labels: list[str]) -> tuple[str, ...]:
    """The slow inverse: B- only where an entity touches the one before it of its own type."""
    result = []
    for i, label in enumerate(labels):
        touches = i > 0 and labels[i - 1][1:] == label[1:] and labels[i - 1] != "O"
        result.append(label if label == "O" or (label[0] == "B" and touches) else f"I{label[1:]}")
    return tuple(result)


def random_bio2(source: random.Random) -> list[str]:
    labels: list[str] = []
    for _ in range(source.randint(1, 6)):
        kind = source.choice(["PER", "LOC", "MISC"])
        labels += ["O"] * source.choice([0, 0, 1, 2])
        labels += [f"B-{kind}", *[f"I-{kind}"] * source.randint(0, 2)]
    return labels


def test_iob1_becomes_the_bio2_it_came_from() -> None:
    source = random.Random(1)
    rows = [tuple(random_bio2(source)) for _ in range(300)]
    iob1 = [to_iob1(list(row)) for row in rows]
    assert iob1 != rows
    assert is_iob1(iob1)
    assert bio2(iob1) == rows
    assert bio2(rows) == rows


def test_touching_entities() -> None:
    rows = [("I-PER", "B-PER", "I-PER", "I-LOC", "O", "I-LOC")]
    assert bio2(rows) == [("B-PER", "B-PER", "I-PER", "B-LOC", "O", "B-LOC")]


def test_bio2_with_an_oddity_stays_as_it_is() -> None:
    rows = [("B-PER", "I-PER", "O"), ("O", "B-LOC"), ("I-LOC", "O")]
    assert not is_iob1(rows)
    assert bio2(rows) == rows


def test_no_entities_at_all() -> None:
    assert bio2([("O", "O")]) == [("O", "O")]
    assert bio2([]) == []


@pytest.mark.parametrize(
    ("labels", "begins"),
    [
        (["B-PER", "I-PER", "B-PER"], [0, 2]),
        (["I-PER", "I-LOC", "I-LOC"], [0, 1]),
        (["O", "I-PER", "O", "I-PER"], [1, 3]),
        (["B-ORG", "I-LOC", "O"], [0, 1]),
        (["O"], []),
    ],
)
def test_where_entities_begin(labels: list[str], begins: list[int]) -> None:
    assert list(entity_begins(labels)) == begins


def test_counts_agree_with_seqeval() -> None:
    source = random.Random(2)
    names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    rows = [[source.choice(names) for _ in range(source.randint(1, 12))] for _ in range(300)]
    count = count_entities([Sentence(tuple("x" * len(row)), tuple(row)) for row in rows])
    assert count.total == sum(len(get_entities(row)) for row in rows)
    assert count.begin_b == sum(label[0] == "B" for row in rows for label in row)
    assert count.begin_i > 0

"""Gold and predicted entities of a sentence with their verdicts."""

import random

import pytest

from msd_ray.method.entity_scores import entities
from msd_ray.report.marked_sentences import TaggedSentence, gold_pieces, join, predicted_pieces


def sentence(text: str, gold: str, predicted: str) -> TaggedSentence:
    return TaggedSentence(tokens=tuple(text.split()), gold=tuple(gold.split()), predicted=tuple(predicted.split()))


@pytest.mark.parametrize(
    ("gold", "predicted", "of_gold", "of_predicted"),
    [
        ("O B-LOC O", "O B-LOC O", ["correct"], ["correct"]),
        ("O B-LOC O", "O B-PER O", ["type"], ["type"]),
        ("B-LOC I-LOC O", "B-LOC O O", ["boundary"], ["boundary"]),
        ("B-LOC I-LOC O", "B-PER O O", ["boundary and type"], ["boundary and type"]),
        ("B-LOC O O", "O O B-LOC", ["missed"], ["spurious"]),
        ("B-LOC I-LOC I-LOC", "B-LOC B-PER O", ["boundary"], ["boundary", "boundary and type"]),
        ("I-LOC I-LOC O", "B-LOC I-LOC O", ["correct"], ["correct"]),  # read as conlleval reads them
        ("O O O", "O O O", [], []),
    ],
)
def test_verdicts(gold: str, predicted: str, of_gold: list[str], of_predicted: list[str]) -> None:
    tagged = sentence("a b c", gold, predicted)
    assert [piece.verdict for piece in gold_pieces(tagged) if piece.verdict] == of_gold
    assert [piece.verdict for piece in predicted_pieces(tagged) if piece.verdict] == of_predicted


def test_pieces_make_up_the_sentence_and_its_entities() -> None:
    chance = random.Random(3)
    labels = ["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    for _ in range(500):
        length = chance.randrange(0, 9)
        tokens = tuple(chance.choice(["ab", "x", "京", "ไทย", "محمد", "。", "9"]) for _ in range(length))
        gold, predicted = (tuple(chance.choices(labels, k=length)) for _ in range(2))
        tagged = TaggedSentence(tokens=tokens, gold=gold, predicted=predicted)
        for pieces, tags in ((gold_pieces(tagged), gold), (predicted_pieces(tagged), predicted)):
            assert "".join(piece.text for piece in pieces) == join(tokens)
            found = [(piece.type, piece.text) for piece in pieces if piece.type]
            assert found == [(kind, join(tokens[start:end])) for kind, start, end in entities(tags)]
        same = set(entities(gold)) & set(entities(predicted))
        for pieces in (gold_pieces(tagged), predicted_pieces(tagged)):
            assert sum(piece.verdict == "correct" for piece in pieces) == len(same)


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ([], ""),
        (["서울", "에서"], "서울 에서"),
        (["東京", "は", "、", "首都"], "東京は、首都"),
        (["in", "北京", "2008"], "in北京2008"),
        (["", "a"], " a"),
    ],
)
def test_join(tokens: list[str], text: str) -> None:
    assert join(tokens) == text


def test_labels_must_match_the_tokens() -> None:
    with pytest.raises(ValueError, match="expected 3 labels, one per token, found 2 gold and 3 predicted"):
        sentence("a b c", "O O", "O O O")
    with pytest.raises(ValueError, match="not O, B-TYPE or I-TYPE"):
        gold_pieces(sentence("a", "X", "O"))

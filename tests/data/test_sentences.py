import pytest

from msd_ray.data.sentences import Sentence, Text, digest


def test_a_text_has_no_place_for_labels() -> None:
    text = Text(("ankara", "."))
    assert not hasattr(text, "labels")
    assert not hasattr(text, "__dict__")
    with pytest.raises(TypeError):
        Text(("ankara",), ("B-LOC",))  # type: ignore[call-arg]


@pytest.mark.parametrize(("tokens", "labels"), [((), ()), (("a",), ("O", "O")), (("a", "b"), ("O",))])
def test_a_sentence_has_one_label_a_token(tokens: tuple[str, ...], labels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="tokens"):
        Sentence(tokens, labels)


def test_digest_sees_content_order_and_boundaries() -> None:
    ab = Sentence(("a", "b"), ("O", "B-PER"))
    sequences: list[list[Sentence | Text]] = [
        [],
        [ab],
        [ab, ab],
        [Sentence(("a", "b"), ("O", "B-LOC"))],
        [Sentence(("ab",), ("O",))],
        [Sentence(("a",), ("O",)), Sentence(("b",), ("B-PER",))],
        [Sentence(("b",), ("B-PER",)), Sentence(("a",), ("O",))],
        [Sentence(("a\n1 b",), ("O",))],
        [Text(("a", "b"))],
        [Text(("a",)), Text(("b",))],
        [Text(("a", "b", "O", "B-PER"))],
    ]
    digests = [digest(sequence) for sequence in sequences]
    assert len(set(digests)) == len(sequences)
    assert digest([Sentence(("a", "b"), ("O", "B-PER"))]) == digest([ab])
    assert all(len(value) == 64 for value in digests)

"""Labels of words: sentences of any length, words without tokens, precision."""

import torch
from students import MAX_LENGTH

from msd_ray.data.windows import split_into_windows
from msd_ray.method.entity_scores import entities
from msd_ray.predict.export import LoadedStudent
from msd_ray.predict.tagging import tag


def test_all_words_of_long_sentences_are_labelled(student: LoadedStudent) -> None:
    generator = torch.Generator().manual_seed(0)
    vocabulary = ["the", "in", "Angela", "Merkel", "Paris", "ankara", "2024", "x"]
    words = [vocabulary[int(i)] for i in torch.randint(len(vocabulary), (300,), generator=generator)]
    short = ["Angela", "in", "the"]
    long_labels, short_labels, _ = tag(student, [words, short, []], precision="fp32")
    assert len(long_labels) == len(words)
    assert short_labels == tag(student, [short], precision="fp32")[0], "its neighbour changes nothing"
    assert any(label != "O" for label in long_labels[-20:])
    # Every word as in its window, which is a sentence that fits.
    counts = [len(student.tokenizer.tokenize(word)) for word in words]
    windows = split_into_windows(counts, budget=MAX_LENGTH - 2, context=(MAX_LENGTH - 2) // 4)
    assert len(windows) > 20
    for window in windows:
        (alone,) = tag(student, [words[window.start : window.end]], precision="fp32")
        own = alone[window.first - window.start : window.last - window.start]
        assert long_labels[window.first + 1 : window.last] == own[1:]
        assert long_labels[window.first][1:] == own[0][1:], "its type; whether it begins, says the word before it"


def test_words_longer_than_the_limit(student: LoadedStudent) -> None:
    (labels,) = tag(student, [["x" * 90, "Angela", "y" * 90, "Merkel"]], precision="fp32")
    assert labels[1:2] == tag(student, [["Angela"]], precision="fp32")[0], "the only word of its window"
    assert len(labels) == 4


def test_a_sentence_that_just_fits_is_read_whole(student: LoadedStudent) -> None:
    for tokens in (MAX_LENGTH - 3, MAX_LENGTH - 2):
        words = ["the", "in"] * (tokens // 2) + ["of"] * (tokens % 2)
        encoded = student.tokenizer([words], is_split_into_words=True, return_tensors="pt")
        assert encoded["input_ids"].shape[1] == tokens + 2
        with torch.inference_mode():
            best = student.tagger(encoded["input_ids"], encoded["attention_mask"]).logits[-1, 0, 1:-1].argmax(-1)
        expected = [student.description.label_names[int(index)] for index in best]
        (found,) = tag(student, [words], precision="fp32")
        assert entities(found) == entities(expected)


def test_words_without_a_token_are_labelled_o(student: LoadedStudent) -> None:
    assert tag(student, [["\u200b", "\u00ad"]]) == [["O", "O"]]


def test_bf16(student: LoadedStudent) -> None:
    assert [len(words) for words in tag(student, [["Angela"], ["in", "Paris"]], precision="bf16")] == [1, 2]

"""Encoded corpora on disk."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedTokenizerFast

from msd_ray.data.encode import EncodedSentences, EncodedText, encode_sentences
from msd_ray.data.load import load_source
from msd_ray.data.store import load_sentences, load_text, save_sentences, save_text
from msd_ray.data.tensors import TextTensors


@pytest.fixture
def sentences(tiny_tokenizer: PreTrainedTokenizerFast) -> EncodedSentences:
    corpus = load_source("sample", None, limit=40)
    labels = sorted({label for sentence in corpus.train for label in sentence.labels})
    return encode_sentences(corpus.train, tiny_tokenizer, labels, max_length=32)


def assert_equal(found: EncodedText, expected: EncodedText, kind: type[EncodedText]) -> None:
    assert type(found) is kind
    for field in fields(kind):
        array = getattr(found, field.name)
        assert isinstance(array, np.memmap)
        assert array.dtype == getattr(expected, field.name).dtype
        np.testing.assert_array_equal(array, getattr(expected, field.name))


def test_labelled_sentences_come_back(sentences: EncodedSentences, tmp_path: Path) -> None:
    save_sentences(sentences, tmp_path / "new" / "corpus")
    assert_equal(load_sentences(tmp_path / "new" / "corpus"), sentences, EncodedSentences)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["corpus"]


def test_text_is_written_without_the_labels_it_may_have(sentences: EncodedSentences, tmp_path: Path) -> None:
    save_text(sentences, tmp_path / "text")
    assert not (tmp_path / "text" / "labels.npy").exists()
    assert_equal(load_text(tmp_path / "text"), sentences, EncodedText)
    with pytest.raises(FileNotFoundError):
        load_sentences(tmp_path / "text")


def test_the_first_of_two_writers_wins(sentences: EncodedSentences, tmp_path: Path) -> None:
    save_sentences(sentences, tmp_path / "corpus")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "corpus").iterdir()}
    save_sentences(sentences, tmp_path / "corpus")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "corpus").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_a_failed_write_leaves_nothing(
    sentences: EncodedSentences, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    def full_after_two(path: Path, array: object) -> None:
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        written.append(path)
        path.write_bytes(b"half")

    monkeypatch.setattr(np, "save", full_after_two)
    with pytest.raises(OSError, match="No space left"):
        save_sentences(sentences, tmp_path / "corpus")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("error")
def test_tensors_of_memory_mapped_sentences_are_copies(sentences: EncodedSentences, tmp_path: Path) -> None:
    save_sentences(sentences, tmp_path / "corpus")
    device = torch.device("cpu")
    mapped = TextTensors(load_sentences(tmp_path / "corpus"), 0, device)
    plain = TextTensors(sentences, 0, device)
    index = np.arange(len(sentences))
    assert torch.equal(mapped.batch(index).input_ids, plain.batch(index).input_ids)
    found, expected = mapped.batch(index).labels, plain.batch(index).labels
    assert found is not None
    assert expected is not None
    assert torch.equal(found, expected)

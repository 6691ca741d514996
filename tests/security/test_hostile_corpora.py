"""Corpus files that blow up, mislead or never end: refused with file and line, or read as plain text."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from msd_ray.common import limits
from msd_ray.common.errors import UserError
from msd_ray.data import columns, parquet
from msd_ray.data.catalogue import DATASETS, Dataset
from msd_ray.data.encode import encode_sentences
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.loading import load_tokenizer
from msd_ray.data.locate import find_file, languages_on_disk
from msd_ray.data.own_files import read_rows, read_text
from msd_ray.data.sentences import Sentence, Text

WIKIANN, CONLL = DATASETS["wikiann"], DATASETS["conll"]
Write = Callable[[bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: bytes) -> Path:
        path = tmp_path / "train"
        path.write_bytes(content)
        return path

    return write


def test_a_few_bytes_that_stand_for_millions_of_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = tmp_path / "train.parquet"
    words = pa.DictionaryArray.from_arrays(pa.array(bytes(2_000_000), pa.int8()), pa.array(["x"]))
    offsets = pa.array([0, len(words)], pa.int32())
    pq.write_table(pa.table({"tokens": pa.ListArray.from_arrays(offsets, words)}), bomb)
    assert bomb.stat().st_size < 2_000
    monkeypatch.setattr(limits, "MOST_VALUES", 1_000_000)
    with pytest.raises(UserError, match=r"train\.parquet: \d+ bytes stand for \d+ decompressed and 2\d+ values"):
        parquet.read_unlabelled(bomb, WIKIANN)


@pytest.mark.parametrize("compression", ["gzip", "zstd", "brotli"])
def test_a_zip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str) -> None:
    bomb = tmp_path / "train.parquet"
    table = pa.table({"tokens": [["x" * (8 << 20)]]})
    pq.write_table(table, bomb, compression=compression, use_dictionary=False)
    assert bomb.stat().st_size < 100_000
    monkeypatch.setattr(limits, "LARGEST_TEXT", 1 << 20)
    with pytest.raises(UserError, match=r"train\.parquet: \d+ bytes stand for 8\d+ decompressed"):
        parquet.read_unlabelled(bomb, WIKIANN)


def test_the_bounds_themselves() -> None:
    """Far more than a corpus has, and little enough to be refused before the memory is full."""
    assert limits.LARGEST_TEXT == 1 << 31
    assert limits.MOST_VALUES == 200_000_000


@pytest.mark.parametrize(
    "column",
    [pa.array([[1, 2]]), pa.array(["text"]), pa.array([[b"\xff\xfe"]]), pa.array([[None, "a"]], pa.list_(pa.string()))],
)
def test_parquet_whose_tokens_are_none(tmp_path: Path, column: pa.Array) -> None:
    path = tmp_path / "train.parquet"
    pq.write_table(pa.table({"tokens": column}), path)
    with pytest.raises(UserError, match=r"train\.parquet: column `tokens` does not contain lists of strings"):
        parquet.read_unlabelled(path, WIKIANN)


def test_text_in_parquet_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.array([0, 2], pa.int32()).buffers()[1], pa.py_buffer(b"\xff\xfe")]
    )
    pq.write_table(pa.table({"tokens": pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), broken)}), path)
    with pytest.raises(UserError, match="as Parquet"):
        parquet.read_unlabelled(path, WIKIANN)


def test_a_file_larger_than_any_corpus_is_not_read(write: Write) -> None:
    path = write(b"")
    os.truncate(path, limits.LARGEST_TEXT + 1)  # a hole, which costs no disk
    for read in (columns.read_labelled, columns.read_unlabelled):
        with pytest.raises(UserError, match=r"train: 2147483649 bytes, a corpus file has at most 2147483648"):
            read(path, WIKIANN, "tr")


@pytest.mark.parametrize("dataset", [WIKIANN, CONLL], ids=lambda dataset: dataset.name)
def test_a_line_of_ten_million_characters(write: Write, dataset: Dataset) -> None:
    path = write(b"a\tO\nb" + b"x" * 10_000_000 + b"\tO\n")
    for read in (columns.read_labelled, columns.read_unlabelled):
        with pytest.raises(UserError, match=r"train:2: expected at most 1048576 characters in a line, found 10000003"):
            read(path, dataset, "nl")


def test_a_long_run_of_blanks_takes_no_time(write: Write) -> None:
    """A regular expression that forgives blanks at the end of a row tries every pair of places in the run."""
    with pytest.raises(UserError, match="train:1: unknown label '  ") as caught:
        columns.read_labelled(write(b"a\t" + b" " * 500_000 + b"O\n"), WIKIANN, "tr")
    assert len(str(caught.value)) < 500
    with pytest.raises(UserError, match="train:1: expected a row"):
        columns.read_labelled(write(b"a" * 500_000 + b" \t" * 250_000), CONLL, "nl")
    spaced = columns.read_labelled(write(b"Anna" + b" \t" * 250_000 + b"B-PER" + b" " * 1000 + b"\n"), CONLL, "nl")
    assert spaced.sentences == (Sentence(("Anna",), ("B-PER",)),)


@pytest.mark.parametrize(
    "content",
    [
        b"a\tO" + b"\r" * 1_000_000 + b"\n",
        b"a\tO\n" + b"xB-A" * 250_000 + b"!\tO\n",
        b"a\tO\n" + "é".encode() * 500_000 + b"\tO\n",
        b"a\tO\n" + "É".encode("latin-1") * 1_000_000 + b"\tO\n",
        b"a\tO\n" + b"ar-" * 300_000 + b":x\tO\n",
    ],
    ids=["carriage returns", "labels", "UTF-8", "Latin-1", "prefix"],
)
def test_long_runs_take_no_time(tmp_path: Path, content: bytes) -> None:
    """Regular expressions that look for what editors leave behind must not try every pair of places."""
    path = tmp_path / "own.conll"
    path.write_bytes(content)
    for name, read in (
        ("own.conll", read_text),
        ("own.conll", read_rows),
        ("own.txt", read_text),
        ("train", lambda path, lang: columns.read_labelled(path, WIKIANN, lang)),
        ("deu.train", lambda path, lang: columns.read_labelled(path, CONLL, lang)),
    ):
        path = path.rename(tmp_path / name)
        with contextlib.suppress(UserError):
            read(path, "de")


HOSTILE = (
    *("\u202eab\u202c", "a\ufeff", "<script>", "=cmd|' /C calc'!A0", "../../x", "%s%n", "{}", "\ud7ff", "\U0010ffff"),
    *("a" * 5000, "\u0301" * 500, "\u200d", "\u200f", "\xa0", "\u3000"),
)


def test_hostile_tokens_are_tokens(write: Write, tiny_encoder: EncoderFiles) -> None:
    """They come through unchanged, one word each, and every word has its place in what is encoded."""
    text = "".join(f"{token}\tB-LOC\n" for token in HOSTILE)
    read = columns.read_labelled(write(text.encode()), WIKIANN, "tr").sentences
    assert read == (Sentence(HOSTILE, ("B-LOC",) * len(HOSTILE)),)
    assert columns.read_unlabelled(write(text.encode()), WIKIANN, "tr").texts == (Text(HOSTILE),)
    sentences = [Sentence((token,), ("B-LOC",)) for token in HOSTILE]
    encoded = encode_sentences(sentences, load_tokenizer(tiny_encoder), WIKIANN.labels, max_length=32)
    assert len(encoded.lengths) == len(HOSTILE)
    assert max(encoded.lengths) <= 32


@pytest.mark.parametrize("token", ["a\0b", "\x1b[31mred", "\x9b2J", "\u2028", "\ufeff", "\x85", "\v", "\x7f", "a\rb"])
def test_control_characters_are_refused(write: Write, token: str) -> None:
    path = write(f"a\tO\n{token}\tB-LOC\n".encode())
    for read in (columns.read_labelled, columns.read_unlabelled):
        with pytest.raises(UserError, match=r"train:2: a ") as caught:
            read(path, WIKIANN, "tr")
        assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"a\tO\n\xff\tO\n", b"a\tO\n\xed\xa0\x80\tO\n", b"a\tO\n\xc0\xaf\tO\n", b"\xff\xfea\0\t\0O\0\n\0"],
    ids=["byte", "surrogate", "overlong", "UTF-16"],
)
def test_bytes_that_are_no_utf8(write: Write, content: bytes) -> None:
    with pytest.raises(UserError, match=r"train:[12]: not UTF-8"):
        columns.read_labelled(write(content), WIKIANN, "tr")


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    """A pipe would never end, a device neither."""
    for name in ("tr", "en"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "tr" / "train")
    (tmp_path / "en" / "train").symlink_to("/dev/zero")
    assert find_file(WIKIANN, "tr", "train", tmp_path) is None
    assert find_file(WIKIANN, "en", "train", tmp_path) is None


def test_directories_with_hostile_names_are_no_languages(tmp_path: Path) -> None:
    for name in ("tr", "\x1b[2J", "a\nb", "..x", "*", "\u202etr"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train").write_bytes(b"a\tO\n")
    assert languages_on_disk(WIKIANN, tmp_path) == ("tr",)

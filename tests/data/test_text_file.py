"""Files that are not text, and characters that no text has."""

import bz2
import gzip
import io
import lzma
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from msd_ray.common.errors import UserError
from msd_ray.data.catalogue import DATASETS
from msd_ray.data.columns import read_labelled, read_unlabelled
from msd_ray.data.own_files import read_rows, read_text
from msd_ray.data.text_file import read_text_file

WriteFile = Callable[..., Path]
WIKIANN = DATASETS["wikiann"]


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("file", content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "pack", "command"),
    [
        ("my file", gzip.compress, "gunzip <"),
        ("my file.conll", bz2.compress, "bunzip2 <"),
        ("my file.txt", lzma.compress, "unxz <"),
    ],
)
def test_a_compressed_file_under_the_name_of_a_text(
    tmp_path: Path, name: str, pack: Callable[[bytes], bytes], command: str
) -> None:
    path = tmp_path / name
    path.write_bytes(pack(b"a O\n"))
    with pytest.raises(UserError, match=r"my file\S*: is .* Unpack it: ") as caught:
        read_text_file(path)
    advice = str(caught.value).partition("Unpack it: ")[2]
    assert advice.startswith(command)
    if shutil.which(command.split()[0]):
        subprocess.run(["bash", "-c", advice], check=True, timeout=30)
        assert read_text_file(path).text == "a O\n"


@pytest.mark.parametrize("name", ["entities.xlsx", "entities.docx", "entities.conll"])
def test_a_document_is_not_overwritten_by_its_parts(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(zipped(b"<xml/>"))
    with pytest.raises(UserError) as caught:
        read_text_file(path)
    assert str(caught.value) == (
        f"{path}: is a zip archive, or a document or spreadsheet. Unpack it, or export it as text."
    )


@pytest.mark.parametrize(
    ("suffix", "pack", "program"),
    [(".gz", gzip.compress, "gunzip"), (".bz2", bz2.compress, "bunzip2"), (".xz", lzma.compress, "unxz")],
)
def test_own_files_that_are_compressed(
    tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes], program: str
) -> None:
    """Whether the name given is that of the compressed file or of the text, the command makes the text."""
    path, packed = tmp_path / "my en.conll", tmp_path / f"my en.conll{suffix}"
    packed.write_bytes(pack(b"a O\n"))
    for read, given in ((read_rows, path), (read_text, path), (read_rows, packed), (read_text, packed)):
        with pytest.raises(UserError, match=r"Unpack .*: ") as caught:
            read(given, "en")
        assert str(caught.value).endswith(f": {program} -k '{packed}'")
    if shutil.which(program):
        subprocess.run(["bash", "-c", f"{program} -k '{packed}'"], check=True, timeout=30)
        assert read_rows(path, "en").rows[0].tokens == ("a",)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"PAR1....", r"is a Parquet file\. Give it a name that ends in \.parquet"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            r"is a pointer of Git LFS.*git lfs pull",
        ),
    ],
)
def test_other_files(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=complaint):
        read_text(path, "en")


STRAY = {
    "\0": "a NUL byte",
    "\x1a": r"a control character \(U\+001A\)",  # the end of a file in DOS
    "\x0b": r"a control character \(U\+000B\)",
    "\x0c": r"a control character \(U\+000C\)",
    "\x85": r"a control character \(U\+0085\)",
    "\x9b": r"a control character \(U\+009B\)",
    "\u2028": "a line separator",
    "\u2029": "a paragraph separator",
    "\ufffd": "a replacement character",
    "\rb": "a carriage return",
}


@pytest.mark.parametrize("stray", STRAY)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.conll", "a\tO\n{}\tO\n"),
        ("x.tsv", "a\tO\nb\tO{}\n"),
        ("x.txt", "one\ntwo {} three\n"),
        ("x.jsonl", '{{"tokens": ["a"], "ner_tags": ["O"]}}\n{{"tokens": ["{}"], "ner_tags": ["O"]}}\n'),
    ],
)
def test_characters_that_no_text_has(write: WriteFile, name: str, text: str, stray: str) -> None:
    path = write(name, text.format(stray))
    with pytest.raises(UserError, match=rf"{name}:2: {STRAY[stray]}"):
        read_text(path, "de")


@pytest.mark.parametrize("escaped", ["\\u0000", "\\u009b", "\\ufffd"])
def test_characters_that_json_escapes(write: WriteFile, escaped: str) -> None:
    path = write("x.jsonl", f'{{"tokens": ["a{escaped}"], "ner_tags": ["O"]}}\n')
    for read in (read_rows, read_text):
        with pytest.raises(UserError, match=r"x\.jsonl:1: a sentence with a "):
            read(path, "de")


def test_byte_order_marks(write: WriteFile) -> None:
    """One or more at the beginning are dropped; within a file they show that files were joined."""
    assert read_text_file(write("a", "\ufeffa O\n")).text == "a O\n"
    assert read_text_file(write("b", "\ufeff\ufeffa O\n")).text == "a O\n"
    with pytest.raises(UserError, match=r"c:3: a byte order mark \(U\+FEFF\), as files have it that were joined"):
        read_text_file(write("c", "\ufeffa O\n\n\ufeffb O\n"))
    assert read_text_file(write("d", "a\ufeff O\n")).text == "a\ufeff O\n"


def test_line_ends(write: WriteFile) -> None:
    assert read_rows(write("a.conll", "a O\r\nb O\r\r\n\r\nc O\r\n"), "en").rows[0].tokens == ("a", "b")
    path = write("my b.conll", "a O\rb O\r\rc O\r")
    with pytest.raises(
        UserError, match=r"my b\.conll:1: lines end with a carriage return alone\. Convert them: tr"
    ) as caught:
        read_rows(path, "en")
    command = re.search("tr .*$", str(caught.value))
    assert command is not None
    subprocess.run(["bash", "-c", command[0]], check=True, timeout=30)
    assert [row.tokens for row in read_rows(path, "en").rows] == [("a", "b"), ("c",)]


def test_wikipedias_text_may_have_a_few_of_them(write: WriteFile, write_parquet: WriteFile) -> None:
    rows = [f"w{number}\tO" for number in range(3000)]
    rows[7], rows[9] = "a\x9b\tO", "\ufffd\tB-LOC"
    note = "train: 2 lines with control or replacement characters, as train:8"
    for read in (read_labelled, read_unlabelled):
        assert read(write("ar/train", "\n".join(rows)), WIKIANN, "ar").notes == (note,)
        with pytest.raises(UserError, match=r"train:2: a control character"):
            read(write("ar/train", "\n".join(rows[6:1500])), WIKIANN, "ar")
    from msd_ray.data import parquet

    sentences = [([f"w{number}"], [0]) for number in range(1200)]
    sentences[5] = (["a\ufffd"], [0])
    path = write_parquet("sw/x.parquet", sentences)
    note = "x.parquet: 1 sentence with control or replacement characters, as row 5"
    assert parquet.read_labelled(path, WIKIANN).notes == parquet.read_unlabelled(path, WIKIANN).notes == (note,)
    path = write_parquet("sw/x.parquet", sentences[:900])
    for read_rows_of in (parquet.read_labelled, parquet.read_unlabelled):
        with pytest.raises(UserError, match=r"x\.parquet: row 5 has a replacement character .*download it again"):
            read_rows_of(path, WIKIANN)

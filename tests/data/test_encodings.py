"""Text in other encodings than UTF-8: decoded where that is certain, else refused with a line and a command."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from msd_ray.common.errors import UserError
from msd_ray.data.catalogue import DATASETS
from msd_ray.data.columns import read_labelled, read_unlabelled
from msd_ray.data.load import load_source, load_sources
from msd_ray.data.own_files import read_rows, read_text
from msd_ray.data.text_file import TextFile, read_text_file

WriteFile = Callable[..., Path]

CONLL = DATASETS["conll"]
GERMAN = "Grünen B-ORG\nKöln B-LOC\nfür O\nStraße O\nMÜNCHEN B-LOC\nO´Neill B-PER\n"
DUTCH = "één O\nBelgië B-LOC\nreünie O\nthé O\n"
SPANISH = "niño O\nEspaña B-LOC\nqué O\n1º O\n¿ O\n«Aquí O\n"
RUSSIAN = "Москва B-LOC\nПутин B-PER\nсказал O\n"


def refused(path: Path, *, latin_1: bool = True) -> str:
    with pytest.raises(UserError) as caught:
        read_text_file(path, latin_1=latin_1)
    return str(caught.value)


def run_advice(message: str) -> None:
    """Run the command at the end of a message, as pasted into a shell."""
    command = re.search("(iconv|perl) .*$", message)
    assert command is not None, message
    if shutil.which(command[1]) is None:
        pytest.skip(f"needs {command[1]}")
    subprocess.run(["bash", "-c", command[0]], check=True, timeout=30)


@pytest.mark.parametrize("text", [GERMAN, DUTCH, SPANISH], ids=["de", "nl", "es"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_the_encodings_of_conll(write: WriteFile, text: str, encoding: str) -> None:
    path = write("file", text, encoding)
    notes = ("file: read as ISO-8859-1, not UTF-8",) if encoding == "latin-1" else ()
    assert read_text_file(path, latin_1=True) == TextFile(path, text, notes)
    for read in (read_labelled, read_unlabelled):
        assert read(path, CONLL, "de").notes == notes


def test_windows_1252_is_told_by_its_quotation_marks(write: WriteFile) -> None:
    text = f"{GERMAN}„ O\nl’Oréal B-ORG\nEuro–Zone O\nŠimić B-PER\n".replace("ć", "c")
    read = read_text_file(write("file", text, "cp1252"), latin_1=True)
    assert (read.text, read.notes) == (text, ("file: read as WINDOWS-1252, not UTF-8",))


def test_how_files_were_read_is_a_note_of_the_corpus(write: WriteFile, tmp_path: Path) -> None:
    write("deu.train", GERMAN, "latin-1")
    write("deu.testa", GERMAN)
    write("esp.train", SPANISH)
    write("esp.testa", SPANISH, "latin-1")
    notes = ("deu.train: read as ISO-8859-1, not UTF-8", "esp.testa: read as ISO-8859-1, not UTF-8")
    assert load_source("conll", tmp_path, lang="de").notes == notes[:1]
    assert load_sources("conll", tmp_path, langs=("de", "es")).notes == notes


@pytest.mark.parametrize("lines", [1, 2, 40])
def test_utf_8_with_lines_of_another_encoding(write: WriteFile, tmp_path: Path, lines: int) -> None:
    """All of the file as Latin-1 would be mojibake in every other line."""
    path = write("my file", "")
    path.write_bytes((GERMAN + "\n" + "Köln B-LOC\n" * 50).encode() + "Müller B-PER\n".encode("latin-1") * lines)
    message = refused(path)
    assert "my file:58: not UTF-8 text, unlike 56 others with non-ASCII characters" in message
    shown = {1: "58.", 2: "58, 59.", 40: "58, 59, 60, 61, 62 and 35 more."}[lines]
    assert f"Lines in another encoding: {shown} In WINDOWS-1252 they have words like 'Müller'" in message
    assert refused(path, latin_1=False) == message
    run_advice(message)
    assert read_text_file(path).text.endswith("Köln B-LOC\n" + "Müller B-PER\n" * lines)


def test_a_few_utf_8_lines_in_latin_1_are_not_taken_for_latin_1(write: WriteFile) -> None:
    path = write("file", "")
    path.write_bytes(GERMAN.encode("latin-1") * 3 + "Jürgen B-PER\n".encode())
    assert "file:1: not UTF-8 text, unlike 1 others" in refused(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", [GERMAN, RUSSIAN])
def test_utf_16_and_32(write: WriteFile, encoding: str, text: str) -> None:
    path = write("file", text, encoding)
    message = refused(path)
    assert message.startswith(
        f"{path}:1: not UTF-8 text, but {encoding.upper().replace('-LE', 'LE').replace('-BE', 'BE')}."
    )
    run_advice(message)
    assert read_text_file(path).text == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *((text, encoding) for text in (GERMAN, SPANISH) for encoding in ("mac_roman", "cp850", "cp437")),
        *((RUSSIAN, encoding) for encoding in ("cp1251", "koi8-r", "cp866", "iso8859-5")),
        ("Αθήνα B-LOC\nΕλλάδα B-LOC\nκαι O\n", "iso8859-7"),
        ("東京 B-LOC\n安倍 B-PER\n", "shift_jis"),
        ("北京 B-LOC\n他在 O\n中国 B-LOC\n", "gb18030"),
        (GERMAN + "J\x81Eesheim B-LOC\n", "latin-1"),
        (GERMAN * 50 + "J\x83Eesheim B-LOC\n", "latin-1"),
        (GERMAN * 50 + "J\x84Eesheim B-LOC\n", "latin-1"),
        (GERMAN * 50 + "f\x9fr O\n", "latin-1"),
    ],
)
def test_other_code_pages_are_refused(write: WriteFile, text: str, encoding: str) -> None:
    path = write("file", text.replace("´", "'"), encoding)
    assert f"{path}:" in refused(path)
    with pytest.raises(UserError, match=r"file:\d+: not UTF-8 text"):
        read_unlabelled(path, CONLL, "de")


def test_text_that_was_encoded_twice(write: WriteFile) -> None:
    path = write("file", GERMAN.encode().decode("latin-1"))
    message = refused(path)
    assert f"{path}:1: text that was encoded as UTF-8 twice: 'GrÃ¼nen' for 'Grünen'. Convert it: iconv" in message
    run_advice(message)
    assert read_text_file(path).text == GERMAN
    assert read_text_file(write("file", "SÃO\nÉ\n")).text == "SÃO\nÉ\n"


@pytest.mark.parametrize("name", ["own.conll", "own.txt", "own.jsonl"])
def test_own_files_are_utf_8(write: WriteFile, name: str) -> None:
    text = '{"tokens": ["Köln"], "ner_tags": ["B-LOC"]}\n' if name.endswith("jsonl") else "Köln B-LOC\n" * 2
    path = write(name, text, "latin-1")
    for read in (read_rows, read_text):
        with pytest.raises(UserError, match=rf"{name}:1: not UTF-8 text\. In ISO-8859-1 it has words like") as caught:
            read(path, "de")
    run_advice(str(caught.value))
    assert read_text_file(path).text == text


def test_a_no_break_space_is_the_only_character_of_another_encoding(write: WriteFile) -> None:
    path = write("own.conll", "10\xa0000 O\n\xa0 O\n", "latin-1")
    message = refused(path, latin_1=False)
    assert f"{path}:1: not UTF-8 text. In ISO-8859-1 it has words like '10\\xa0000'" in message
    run_advice(message)
    assert read_text_file(path).text == "10\xa0000 O\n\xa0 O\n"

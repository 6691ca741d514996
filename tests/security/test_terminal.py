"""Text from elsewhere on a terminal: escape codes, new lines and reversed text are shown, and not obeyed."""

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console
from students import exported

from msd_ray.cli.console import print_line, print_pairs
from msd_ray.cli.display import progress
from msd_ray.common.errors import warn
from msd_ray.common.text import in_json, printable, visible
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.doctor.finding import failed, print_findings
from msd_ray.predict.__main__ import main as predict
from msd_ray.storage import lease

# Clears the screen, sets the title, goes back over the line, turns the order, in C1 form; a bell; a lone surrogate.
CODES = "\x1b[2J \x1b]0;owned\x07 \rspoofed \u202eevil\u202c \x9b31m \x08 \x7f \udcff"
SHOWN = r"\x1b[2J \x1b]0;owned\x07 \x0dspoofed \u202eevil\u202c \x9b31m \x08 \x7f \udcff"


def steers(text: str) -> bool:
    """Whether anything in the text is no printable character, line feed, tab, or joiner that scripts need."""
    return any(not c.isprintable() and c not in "\n\t\u200c\u200d \u00a0\u3000" for c in text)


def test_codes_are_spelled_out_and_text_is_left_alone() -> None:
    assert visible(CODES) == SHOWN
    assert not steers(visible("".join(map(chr, range(0xA1)))))
    plain = "Ünï\tcode\n한국어 العربية می\u200cخواهم 🏳\u200d🌈 [bold]"
    assert printable(plain) == plain


def test_json_keeps_its_content() -> None:
    text = "".join(map(chr, range(0xA1))) + CODES + "\u2028\u2066"
    written = in_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(written) == text
    assert not steers(written)


def test_lines_tables_and_progress() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=False, width=40)
    print_line(console, f"a\n{CODES}")
    print_pairs(console, [("name", CODES), ("b", "[red]x[/red]")])
    with progress(console) as display:
        display.line(f"student/3: FAIL: {CODES}")
    first, *rest = output.getvalue().splitlines()
    assert first == rf"a\n{SHOWN}"
    assert rest[:2] == [f"name  {SHOWN}", "b     [red]x[/red]"]
    assert rest[2].endswith(f"student/3: FAIL: {SHOWN}")


def run(*arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[bytes]":
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, check=False, timeout=300, env=environment, cwd=cwd
    )


def test_findings_and_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    """What a node says of itself, what a library says of an address."""
    said = io.StringIO()
    text = f"{CODES} http://me:geheim@host"
    print_findings(Console(file=said, force_terminal=True, color_system=None), [failed(f"node {CODES}", text, text)])
    warn(text)
    for printed in (said.getvalue(), capsys.readouterr().err):
        assert not steers(printed)
        assert SHOWN in printed
        assert "geheim" not in printed


def test_a_finding_is_one_line() -> None:
    """A node's name, what was seen and the advice cannot pass for another finding's line."""
    said = io.StringIO()
    print_findings(Console(file=said), [failed("a\npass  disk", "b\npass  all", "c\npass  well")])
    first, second = said.getvalue().splitlines()
    assert first == r"fail  a\npass  disk  b\npass  all"
    assert second.strip() == r"to do: c\npass  well"


def test_who_holds_a_study() -> None:
    """An object in a bucket says it, whoever wrote that."""
    shown = lease._who({"process": f"1\n{CODES}", "host": CODES, "since": "\nerror: none"})
    assert shown == rf"process 1\n{SHOWN} on {SHOWN}, since \nerror: none"


def test_file_names_in_an_error(tmp_path: Path) -> None:
    """A directory's name that a shell completes for the user, in the message and exit code of a real command."""
    hostile = os.fsencode(tmp_path) + b"/\x1b[2J\rspoofed\xff\xe2\x80\xae"
    Path(os.fsdecode(hostile)).mkdir()
    done = run("msd_ray.data", "check", "--dataset", "conll", "--data-dir", os.fsdecode(hostile))
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: nothing of data set 'conll' below ")
    assert rb"\x1b[2J\x0dspoofed\udcff\u202e" in done.stderr
    assert not steers(done.stderr.decode())


def test_lines_of_a_corpus_in_an_error(tmp_path: Path) -> None:
    for name in ("esp.train", "esp.testa", "esp.testb"):
        (tmp_path / name).write_bytes(b"a O\nb B-\x1b[2J\x9b\n")
    done = run("msd_ray.data", "check", "--dataset", "conll", "--data-dir", str(tmp_path), "--lang", "es")
    assert done.returncode == 2
    assert b"esp.train:2: a control character (U+001B)" in done.stderr
    assert not steers(done.stderr.decode())


def test_a_search_space_that_describes_itself(tmp_path: Path) -> None:
    """YAML has escapes of its own for what it does not allow as it is."""
    space = tmp_path / "space.yaml"
    space.write_text(
        'description: "\\x1b[2J\\u202e"\nteacher: {learning_rate: 5e-5, alpha: 0.05}\n'
        "student: {learning_rate: 2e-5, beta: 0.05, alpha_prime: 0.001, beta_prime: 0.001}\n",
        encoding="utf-8",
    )
    done = run("msd_ray.search.spaces", str(space))
    assert (done.returncode, done.stdout) == (0, b"space: \\x1b[2J\\u202e\n"), done.stderr


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch, text: bytes) -> Iterator[int]:
    """Standard output is a terminal, whose other end is given; standard input is the text."""
    master, slave = pty.openpty()
    with os.fdopen(slave, "w", encoding="utf-8") as screen, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", screen)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(text))))
        yield master
    os.close(master)


@pytest.fixture(scope="module")
def student(tiny_encoder: EncoderFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("students") / "tr"
    exported(tiny_encoder, directory)
    return directory


WORDS = ["\x1b[2Jred", "\u202eevil", "\x9b31m", "a\0b", "a\x7fb"]


@pytest.mark.parametrize("form", ["jsonl", "conll"])
def test_tagged_text_on_a_terminal(student: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    with terminal(monkeypatch, " ".join(WORDS).encode() + b"\n") as screen:
        assert predict(["--model", str(student), "--format", form, "--device", "cpu"]) == 0
        shown = os.read(screen, 1 << 16).decode()
    assert not steers(shown.replace("\r\n", "\n"))  # a terminal's own line ends
    assert "evil" in shown


@pytest.mark.parametrize("form", ["jsonl", "conll"])
def test_tagged_text_in_a_file_is_what_was_given(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(" ".join(WORDS).encode()))))
    with (tmp_path / "out").open("w", encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stdout", file)
        assert predict(["--model", str(student), "--format", form, "--device", "cpu"]) == 0
    text = (tmp_path / "out").read_text(encoding="utf-8")
    found = json.loads(text)["tokens"] if form == "jsonl" else [row.partition("\t")[0] for row in text.split("\n")]
    assert found[: len(WORDS)] == WORDS

"""`python -m msd_ray.predict`: input, output and exit code."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from students import MAX_LENGTH, exported

from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.words import word_spans
from msd_ray.method.decoding import Decode, by_sentence
from msd_ray.method.entity_scores import entities
from msd_ray.method.evaluate import Float32
from msd_ray.predict.__main__ import main
from msd_ray.predict.export import LoadedStudent
from msd_ray.predict.tagging import tag

COMMAND = [sys.executable, "-m", "msd_ray.predict", "--device", "cpu"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def run(data: bytes, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, input=data, capture_output=True, check=False, timeout=120, env=ENVIRONMENT)


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> Callable[..., bytes]:
    """The command in this process: text in, output out."""

    def call(text: str, *arguments: str | Path) -> bytes:
        (tmp_path / "input").write_text(text)
        with (tmp_path / "input").open() as stream:
            monkeypatch.setattr("sys.stdin", stream)
            assert main(["--device", "cpu", *map(str, arguments)]) == 0
        return capsysbinary.readouterr().out

    return call


def rows(output: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.decode().split("\n")[:-1]]


TEXT = "\ufeffAngela  Merkel\tin Paris\r\n\n  \nв на من في\nlast one, no end"


def test_json_lines(directory: Path, student: LoadedStudent) -> None:
    done = run(TEXT.encode(), "--model", directory, "--precision", "fp32")
    assert (done.returncode, done.stderr) == (0, b"")
    expected = [["Angela", "Merkel", "in", "Paris"], [], [], ["в", "на", "من", "في"], ["last", "one,", "no", "end"]]
    found = rows(done.stdout)
    assert [row["tokens"] for row in found] == expected
    labels = tag(student, expected, precision="fp32")
    assert [row["labels"] for row in found] == labels
    assert found[1] == {"tokens": [], "labels": [], "entities": []}
    for row, tokens, words in zip(found[1:], expected[1:], labels[1:], strict=True):
        assert [(e["type"], e["start"], e["end"], e["text"].split()) for e in row["entities"]] == [
            (kind, start, end, tokens[start:end]) for kind, start, end in entities(words)
        ]
    for row, line in zip(found, TEXT.removeprefix("\ufeff").split("\n"), strict=True):
        for entity in row["entities"]:
            assert line[entity["start_char"] : entity["end_char"]] == entity["text"]
            assert 0.0 < entity["score"] <= 1.0
    assert any(row["entities"] for row in found)


def test_conll_and_text_that_is_not_utf8(directory: Path, student: LoadedStudent) -> None:
    data = b"Angela Merkel\n\nParis\nM\xfcnchen\nRoma\n"
    done = run(data, "--model", directory, "--format", "conll", "--precision", "fp32")
    first, _, third = tag(student, [["Angela", "Merkel"], [], ["Paris"]], precision="fp32")
    assert done.stdout.decode() == f"Angela\t{first[0]}\nMerkel\t{first[1]}\n\n\nParis\t{third[0]}\n\n"
    assert done.returncode == 2
    assert done.stderr.decode().startswith("error: standard input, line 4, byte 2: not UTF-8")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("arguments", [("--lang", "zh"), ("--characters",)])
def test_characters(directory: Path, command: Callable[..., bytes], arguments: Sequence[str]) -> None:
    (row,) = rows(command("我在 北京　A\n", "--model", directory, *arguments))
    assert row["tokens"] == ["我", "在", "北", "京", "A"]


def test_a_chinese_student_splits_characters_unless_told_otherwise(
    tiny_encoder: EncoderFiles, tmp_path: Path, command: Callable[..., bytes]
) -> None:
    exported(tiny_encoder, tmp_path / "zh", lang="zh")
    assert rows(command("我在\n", "--model", tmp_path / "zh"))[0]["tokens"] == ["我", "在"]
    assert rows(command("我在\n", "--model", tmp_path / "zh", "--lang", "tr"))[0]["tokens"] == ["我在"]


def test_text_is_split_as_the_training_text_was(
    tiny_encoder: EncoderFiles, tmp_path: Path, command: Callable[..., bytes]
) -> None:
    """Whatever the language is: the rule comes from the text, not from its code."""
    for rule, tokens in (
        ("unicode", ["在", "Paris", ",", "x"]),
        ("characters", [*"在Paris,x"]),
        ("blanks", ["在Paris,", "x"]),
    ):
        exported(tiny_encoder, tmp_path / rule, lang="zh", word_rule=rule)  # type: ignore[arg-type]
        assert rows(command("在Paris, x\n", "--model", tmp_path / rule))[0]["tokens"] == tokens


def test_words_of_a_line() -> None:
    assert word_spans("北京 大学", "characters") == ((0, 1), (1, 2), (3, 4), (4, 5))
    assert word_spans(" \u00a0\u3000", "blanks") == ()
    assert word_spans("a\u2028b", "blanks") == ((0, 1), (2, 3))


def invalid(labels: Sequence[str]) -> bool:
    """Whether an I-X comes after something else than B-X or I-X."""
    return any(b[0] == "I" and a[1:] != b[1:] for a, b in zip(("O", *labels), labels, strict=False))


def drawn_sentences() -> list[list[str]]:
    """One in three longer than the student's limit; words without a token among them."""
    generator = torch.Generator().manual_seed(4)
    vocabulary = ["the", "in", "Angela", "Merkel", "Paris", "ankara", "2024", "x", "\u200b", "в", "北京"]
    lengths = torch.randint(0, 34, (500,), generator=generator).tolist()
    return [[vocabulary[i] for i in torch.randint(len(vocabulary), (n,), generator=generator)] for n in lengths]


@pytest.mark.parametrize("decode", ["argmax", "viterbi"])
def test_no_sequence_is_invalid(
    directory: Path, student: LoadedStudent, command: Callable[..., bytes], decode: Decode
) -> None:
    sentences = drawn_sentences()
    labels = tag(student, sentences, precision="fp32", decode=decode)
    assert [len(found) for found in labels] == [len(words) for words in sentences]
    assert sum(map(invalid, labels)) == 0
    text = "\n".join(map(" ".join, sentences)) + "\n"
    found = rows(command(text, "--model", directory, "--precision", "fp32", "--decode", decode))
    assert [row["labels"] for row in found] == labels


def test_a_sentence_in_windows_is_decoded_as_a_whole(student: LoadedStudent, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without that, entities that go on over a border between windows are invalid in the one or the other."""
    sentences = [words for words in drawn_sentences() if len(words) > MAX_LENGTH]
    by_decoder = [tag(student, sentences, precision="fp32", decode=decode) for decode in get_args(Decode)]
    raw: list[list[str]] = []

    def keep_raw(scores: Float32, counts: Sequence[int], names: Sequence[str], decode: Decode) -> list[list[str]]:
        raw.extend(by_sentence(np.array(names, dtype=object)[scores.argmax(axis=1)], counts))
        return raw

    monkeypatch.setattr("msd_ray.predict.tagging.decode_labels", keep_raw)
    tag(student, sentences, precision="fp32")
    assert sum(map(invalid, raw)) > 20
    assert by_decoder[0] != by_decoder[1]
    for before, after in zip(raw, by_decoder[0], strict=True):
        assert entities(after) == entities(before)


def test_many_lines_in_their_order(directory: Path, student: LoadedStudent, command: Callable[..., bytes]) -> None:
    sentences = [["Angela"] * (1 + i % 40) + [str(i)] for i in range(300)]
    found = rows(command("\n".join(map(" ".join, sentences)), "--model", directory, "--precision", "fp32"))
    assert [row["tokens"] for row in found] == sentences
    one_by_one = [tag(student, [words], precision="fp32")[0] for words in sentences[:20]]
    assert [row["labels"] for row in found[:20]] == one_by_one


def test_results_are_written_while_input_is_open_and_a_closed_pipe_is_no_error(directory: Path) -> None:
    with _started(directory) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        for word in (b"Angela", b"Paris"):
            process.stdin.write(word + b"\n")
            process.stdin.flush()
            assert process.stdout.readline().startswith(b'{"tokens": ["' + word + b'"]')
        process.stdout.close()
        process.stdin.write(b"Roma\n" * 1000)
        process.stdin.close()
        assert process.wait(120) == 0
        assert process.stderr.read() == b""


@pytest.mark.slow
def test_an_interrupt_prints_nothing(directory: Path) -> None:
    with _started(directory) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"Angela\n")
        process.stdin.flush()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 130
        assert process.stderr.read() == b""


def _started(directory: Path) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    # A shell's background jobs ignore Ctrl-C, and so does what they start: these tests may be one.
    command = ["env", "--default-signal=INT", *COMMAND, "--model", str(directory)]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=ENVIRONMENT)


@pytest.mark.slow
def test_a_full_disk(directory: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, "--model", str(directory)],
            input=b"Angela\n",
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            timeout=120,
            env=ENVIRONMENT,
        )
    assert done.returncode == 2
    assert done.stderr == b"error: cannot write to standard output: No space left on device\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "nowhere"], "nowhere: not a directory"),
        (["--model", "models:/msd-wikiann-ar@champion"], "the MLflow database .* does not exist"),
        (["--model", "MODEL", "--precision", "fp8"], "precision 'fp8' is unknown"),
        (["--model", "MODEL", "--device", "gpu"], "--device gpu: unknown device. Choose auto, cpu, cuda or cuda:N"),
        (["--model", "MODEL", "--device", "cuda:99"], "--device cuda:99: this machine has"),
        (["--model", "MODEL", "--lang", "xx"], "language 'xx' is unknown. Choose one of"),
        (["--model", "."], "not an exported student"),
        (["--model", "MODEL", "nowhere.txt"], "cannot read nowhere.txt: No such file"),
        (["--model", "MODEL", "."], r"cannot read \.: Is a directory"),
        (["--model", "MODEL", "--export-onnx", "x.onnx", "one.txt"], "read no text. Omit the files"),
    ],
)
def test_bad_arguments(
    directory: Path, arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        main([str(directory) if argument == "MODEL" else argument for argument in arguments])


def test_files_in_their_order(directory: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    (tmp_path / "one.txt").write_text("Angela Merkel\nParis")
    (tmp_path / "two.txt").write_text("\ufeffRoma\n")
    assert main(["--model", str(directory), str(tmp_path / "one.txt"), str(tmp_path / "two.txt")]) == 0
    found = rows(capsysbinary.readouterr().out)
    assert [row["tokens"] for row in found] == [["Angela", "Merkel"], ["Paris"], ["Roma"]]
    (tmp_path / "two.txt").write_bytes(b"Roma\nM\xfcnchen\n")
    with pytest.raises(UserError, match=r"two\.txt, line 2, byte 2: not UTF-8"):
        main(["--model", str(directory), str(tmp_path / "one.txt"), str(tmp_path / "two.txt")])
    assert rows(capsysbinary.readouterr().out) == found


def test_progress_on_a_terminal(directory: Path, tmp_path: Path) -> None:
    """On standard error, while standard output is a pipe."""
    (tmp_path / "text.txt").write_text("Angela Merkel\n" * 3)
    controller, terminal = pty.openpty()
    command = [*COMMAND, "--model", str(directory), str(tmp_path / "text.txt")]
    environment = {**ENVIRONMENT, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal, env=environment) as process:
        os.close(terminal)
        assert process.stdout is not None
        assert len(rows(process.stdout.read())) == 3
        assert process.wait(120) == 0
    shown = b""
    with os.fdopen(controller, "rb", buffering=0) as screen, suppress(OSError):  # EIO at the end
        while part := screen.read(1 << 12):
            shown += part
    assert b"loading the model" in shown
    assert b"3 sentences, " in shown


def test_raw_text(directory: Path, command: Callable[..., bytes]) -> None:
    (row,) = rows(command("Paris, Roma.\n", "--model", directory, "--words", "unicode"))
    assert row["tokens"] == ["Paris", ",", "Roma", "."]
    with pytest.raises(SystemExit):
        main(["--model", str(directory), "--words", "unicode", "--characters"])


def test_marked_text(directory: Path, command: Callable[..., bytes]) -> None:
    text = "Angela  Merkel\tin Paris\n\nв на من\n"
    (found,) = [command(text, "--model", directory, "--format", "text").decode()]
    assert re.sub(r"\[(PER|LOC) ([^]]*)\]", r"\2", found) == text
    entities_found = [entity for row in rows(command(text, "--model", directory)) for entity in row["entities"]]
    assert re.findall(r"\[(PER|LOC) ([^]]*)\]", found) == [(e["type"], e["text"]) for e in entities_found]


def test_empty_input(directory: Path, command: Callable[..., bytes]) -> None:
    assert command("", "--model", directory) == b""


def test_help_names_formats_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    for words in ("one sentence per line", "jsonl", "conll", "windows", "examples:", "--characters", "viterbi"):
        assert words in shown

"""`python -m msd_ray.predict`: tags named entities in text from standard input, one sentence per line.

Lines are read as they arrive, tagged by `tagging.tag`, and written as JSON lines or CoNLL. The student is a local
directory, a directory on an object store, or a version of a registered model in MLflow.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast, get_args

import torch

from msd_ray.cli.environment import from_environment, warn_of_passwords
from msd_ray.cli.option_table import Places
from msd_ray.common.errors import UserError, run_command
from msd_ray.common.option_types import address, place
from msd_ray.common.text import in_json, visible
from msd_ray.data.words import WordRule, word_spans
from msd_ray.method.decoding import Decode
from msd_ray.method.device import resolve_precision
from msd_ray.method.entity_scores import entities
from msd_ray.tracking.uri import default_tracking_uri

from .export import LoadedStudent, load_student
from .tagging import tag

# Thousands of sentences: enough for batches of similar lengths, and little memory.
CHUNK_BYTES = 1 << 18
LONGEST_LINE = 1 << 22  # bytes; bounds the memory for input without line ends

CHARACTER_LANGUAGES = ("zh",)  # written without spaces; one token per character in the corpora

DESCRIPTION = """\
Tag named entities in text from standard input with an exported student, one sentence per line.

Words are found as in the training text of the model: by the rules of Unicode if that was raw text; by character if its
words were characters (Chinese); else at white space, where punctuation must be separated as well.
Results are written in input order as soon as input is available. A blank line gives an empty result.
Sentences longer than the model's limit are read in overlapping windows of whole words: every word gets a label."""

EXAMPLES = """\
output:
  jsonl   {"tokens": ["Angela", "Merkel", "spoke"], "labels": ["B-PER", "I-PER", "O"],
           "entities": [{"type": "PER", "start": 0, "end": 2, "text": "Angela Merkel"}]}
          start and end are token indices; end is exclusive
  conll   token, tab, label per line; a blank line after each sentence

examples:
  echo "Angela Merkel spoke in Paris ." | python -m msd_ray.predict --model exported/tr
  python -m msd_ray.predict --model exported/zh --lang zh --format conll < text.txt > tagged.conll
  python -m msd_ray.predict --model models:/msd-wikiann-ar@champion < text.txt
  python -m msd_ray.predict --model models:/msd-wikiann-ar/3 --mlflow-uri http://HOST:5000 < text.txt"""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of text. spans: (start, end) character offsets of its tokens."""

    text: str
    spans: tuple[tuple[int, int], ...]

    @property
    def tokens(self) -> list[str]:
        """The tokens as strings."""
        return [self.text[start:end] for start, end in self.spans]


Write = Callable[[Line, Sequence[str]], str]


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns 0, also if the reader closes the output early."""
    options = command_line().parse_args(arguments)
    if sys.stdin is None or sys.stdout is None:
        raise UserError("standard input or standard output is closed")
    try:
        _tag_standard_input(options)
    except BrokenPipeError:
        _discard_output()
    except KeyboardInterrupt:
        return 130  # exit code of shells for SIGINT
    return 0


def _tag_standard_input(arguments: argparse.Namespace) -> None:
    warn_of_passwords({"--mlflow-uri": arguments.mlflow_uri})
    device = _device(arguments.device)
    precision = resolve_precision(arguments.precision, device)
    with _directory(arguments.model, arguments.mlflow_uri) as directory:
        student = load_student(directory, device)
    rule = _word_rule(arguments, student)
    write: Write = _conll if arguments.format == "conll" else _json_line
    if sys.stdout.isatty():  # a terminal would interpret control characters
        write = _visible(write)
    if sys.stdin.isatty():
        print("Enter one sentence per line; Ctrl-D to end.", file=sys.stderr)
    for texts in read_chunks(cast(BufferedReader, sys.stdin.buffer)):
        lines = [split(text, rule) for text in texts]
        labels = tag(student, [line.tokens for line in lines], precision=precision, decode=arguments.decode)
        _write(sys.stdout.buffer, map(write, lines, labels))


def _directory(model: str, mlflow_uri: str | None) -> AbstractContextManager[Path]:
    """Resolve `--model` to the directory of an exported student."""
    if model.startswith("models:"):
        from msd_ray.tracking.references import downloaded, parse_reference

        places = Places(**from_environment())
        uri = mlflow_uri or places.mlflow_uri or default_tracking_uri(Path(places.storage))
        return downloaded(uri, parse_reference(model))
    if mlflow_uri is not None:
        raise UserError(f"--mlflow-uri applies to registered models only, but --model {model} is a directory. Omit it.")
    if "://" in model:
        from msd_ray.storage.transfer import downloaded_model

        return downloaded_model(model)
    return nullcontext(Path(model))


def split(text: str, rule: WordRule = "blanks") -> Line:
    """Split a line into words."""
    return Line(text=text, spans=word_spans(text, rule))


def _word_rule(arguments: argparse.Namespace, student: LoadedStudent) -> WordRule:
    """How text is split: as the options say, else as the training text of the student was."""
    if arguments.characters or arguments.lang in CHARACTER_LANGUAGES:
        return "characters"
    return "blanks" if arguments.lang is not None and student.word_rule == "characters" else student.word_rule


def read_chunks(stream: BufferedReader) -> Iterator[list[str]]:
    """Yield lists of available lines without line ends, from up to `CHUNK_BYTES` per read.

    Only LF and CR LF end a line, so that other separators in the text do not shift results. A byte-order mark is
    dropped.

    Raises:
        UserError: a line is not UTF-8 or longer than 4 MiB; raised after the lines before it.
    """
    number = 0
    tail = bytearray()  # beginning of an incomplete line
    while data := _read(stream):
        head, newline, rest = data.rpartition(b"\n")
        if newline:
            lines = (bytes(tail) + head).split(b"\n")
            tail.clear()
            yield from _decoded(lines, number)
            number += len(lines)
        tail += rest
        if len(tail) > LONGEST_LINE:
            raise UserError(f"standard input, line {number + 1}: longer than {LONGEST_LINE >> 20} MiB. Split it.")
    if tail:
        yield from _decoded([bytes(tail)], number)


def _read(stream: BufferedReader) -> bytes:
    """Read the available bytes; blocks if there are none. Empty at the end."""
    try:
        return stream.read1(CHUNK_BYTES)
    except OSError as error:
        raise UserError(f"cannot read standard input: {error.strerror}") from error


def _decoded(lines: Sequence[bytes], before: int) -> Iterator[list[str]]:
    """Decode lines. For a line that is not UTF-8, yields those before it and then raises UserError."""
    texts: list[str] = []
    for line in lines:
        try:
            text = line.removesuffix(b"\r").decode()
        except UnicodeDecodeError as error:
            if texts:
                yield texts
            raise UserError(
                f"standard input, line {before + len(texts) + 1}, byte {error.start + 1}: not UTF-8. Convert it first "
                "(iconv -f LATIN1 -t UTF-8)."
            ) from error
        texts.append(text if before or texts else text.removeprefix("\ufeff"))
    yield texts


def _json_line(line: Line, labels: Sequence[str]) -> str:
    found = [
        {"type": kind, "start": start, "end": end, "text": line.text[line.spans[start][0] : line.spans[end - 1][1]]}
        for kind, start, end in entities(labels)
    ]
    return in_json(json.dumps({"tokens": line.tokens, "labels": labels, "entities": found}, ensure_ascii=False)) + "\n"


def _conll(line: Line, labels: Sequence[str]) -> str:
    return "".join(f"{token}\t{label}\n" for token, label in zip(line.tokens, labels, strict=True)) + "\n"


def _visible(write: Write) -> Write:
    return lambda line, labels: visible(write(line, labels))


def _write(stream: BinaryIO, results: Iterable[str]) -> None:
    try:
        stream.write("".join(results).encode())
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _discard_output()
        raise UserError(f"cannot write to standard output: {error.strerror}") from error


def _discard_output() -> None:
    """Redirect the output to /dev/null: Python flushes it at exit and would report an error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _device(name: str) -> torch.device:
    """The device with this name. Raises UserError if this machine does not have it."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"--device {name}: unknown device. Choose auto, cpu, cuda or cuda:N.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(f"--device {name}: this machine has {torch.cuda.device_count()} usable GPUs")
    return device


def command_line() -> argparse.ArgumentParser:
    """The parser."""
    parser = argparse.ArgumentParser(
        prog="python -m msd_ray.predict",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--model",
        required=True,
        type=place,
        metavar="MODEL",
        help="exported student: a directory, s3://BUCKET/PREFIX/models/STUDY, or a registered model: "
        "models:/NAME@ALIAS, models:/NAME/VERSION",
    )
    parser.add_argument(
        "--mlflow-uri",
        type=address,
        metavar="URI",
        help=f"MLflow server or database of the registered model "
        f"(default: MLFLOW_TRACKING_URI, else mlflow.db in MSD_RAY_STORAGE or ./{Places.storage})",
    )
    parser.add_argument(
        "--lang", metavar="LANG", help="language of the text (default: the model's); zh: one token per character"
    )
    parser.add_argument("--characters", action="store_true", help="one token per character, for any language")
    parser.add_argument(
        "--decode",
        choices=get_args(Decode),
        help="how to choose labels, always valid BIO2. argmax: each word's best label, an I- without a preceding B- "
        "becomes B-; viterbi: the best valid sequence (default: as in the search that trained the model)",
    )
    parser.add_argument("--format", choices=("jsonl", "conll"), default="jsonl", help="output format (default: jsonl)")
    parser.add_argument(
        "--device", default="auto", metavar="D", help="auto (default: a GPU if there is one), cpu, cuda"
    )
    parser.add_argument(
        "--precision", default="auto", metavar="P", help="auto (default: bf16 where it is faster), fp32, bf16"
    )
    return parser


if __name__ == "__main__":
    run_command(main)

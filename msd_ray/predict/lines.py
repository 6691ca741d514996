"""Reads text for tagging, from files or standard input: one sentence per line, as soon as lines are available.

Progress on long input is shown on standard error, if that is a terminal and input and output are not.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from msd_ray.common.errors import UserError

# The first chunk is small, so that its results appear soon; each next one is twice as large.
FIRST_BYTES = 1 << 12
# Thousands of sentences: enough for batches of similar lengths, and little memory.
MOST_BYTES = 1 << 18
LONGEST_LINE = 1 << 22  # bytes; bounds the memory for input without line ends
STANDARD_INPUT = "standard input"
Report = Callable[[int, int], None]
"""Takes the number of sentences and bytes that were tagged since the last call."""


def check_files(files: Sequence[Path]) -> None:
    """Raise UserError for a file that cannot be read, before any work is done."""
    for path in files:
        try:
            path.open("rb").close()
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror}") from error


def read_files(files: Sequence[Path], standard_input: BufferedReader) -> Iterator[list[str]]:
    """Yield the lines of all files in chunks, as `read_chunks`; without files, those of standard input."""
    if not files:
        yield from read_chunks(standard_input)
    for path in files:
        with path.open("rb") as file:
            yield from read_chunks(file, str(path))


def read_chunks(stream: BufferedReader, name: str = STANDARD_INPUT) -> Iterator[list[str]]:
    """Yield lists of available lines without line ends, from up to `MOST_BYTES` per read.

    Only LF and CR LF end a line, so that other separators in the text do not shift results. A byte-order mark is
    dropped.

    Args:
        stream: the text.
        name: of the stream, in messages.

    Raises:
        UserError: a line is not UTF-8 or longer than 4 MiB; raised after the lines before it.
    """
    number, size = 0, FIRST_BYTES
    tail = bytearray()  # beginning of an incomplete line
    while data := _read(stream, size, name):
        head, newline, rest = data.rpartition(b"\n")
        if newline:
            lines = (bytes(tail) + head).split(b"\n")
            tail.clear()
            yield from _decoded(lines, number, name)
            number += len(lines)
        tail += rest
        if len(tail) > LONGEST_LINE:
            raise UserError(f"{name}, line {number + 1}: longer than {LONGEST_LINE >> 20} MiB. Split it.")
        size = min(2 * size, MOST_BYTES)
    if tail:
        yield from _decoded([bytes(tail)], number, name)


def _read(stream: BufferedReader, size: int, name: str) -> bytes:
    """Read the available bytes; blocks if there are none. Empty at the end."""
    try:
        return stream.read1(size)
    except OSError as error:
        raise UserError(f"cannot read {name}: {error.strerror}") from error


def _decoded(lines: Sequence[bytes], before: int, name: str) -> Iterator[list[str]]:
    """Decode lines. For a line that is not UTF-8, yields those before it and then raises UserError."""
    texts: list[str] = []
    for line in lines:
        try:
            text = line.removesuffix(b"\r").decode()
        except UnicodeDecodeError as error:
            if texts:
                yield texts
            raise UserError(
                f"{name}, line {before + len(texts) + 1}, byte {error.start + 1}: not UTF-8. Convert it first "
                "(iconv -f LATIN1 -t UTF-8)."
            ) from error
        texts.append(text if before or texts else text.removeprefix("\ufeff"))
    yield texts


@contextmanager
def progress(files: Sequence[Path]) -> Iterator[Report]:
    """Show sentences, sentences per second, and the share of the files' bytes if all of them have a size."""
    interactive = sys.stdout.isatty() or (not files and sys.stdin.isatty())
    if interactive or not sys.stderr.isatty():
        yield _ignore
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    total = sum(path.stat().st_size for path in files) or None
    columns = (BarColumn(), TextColumn("{task.fields[shown]}"), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, shown="loading the model")
        tagged = 0

        def report(sentences: int, size: int) -> None:
            nonlocal tagged
            tagged += sentences
            seconds = bar.tasks[0].elapsed or 1e-9
            shown = f"{tagged} sentences, {tagged / seconds:.0f} per second"
            bar.update(task, advance=size, shown=shown)

        yield report


def _ignore(sentences: int, size: int) -> None:
    """Report nothing."""

"""Read a text file: its text, or a message that says why it is not text or damaged.

Lines end with LF or CRLF. Characters that no text has are refused with their line: control characters, U+FFFD (which
programs write for bytes they could not decode), Unicode's line separators, which other programs take for line ends,
and byte order marks within a file, where files were joined.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from msd_ray.common.errors import UserError
from msd_ray.common.limits import LARGEST_TEXT, check_size
from msd_ray.common.shell import in_place
from msd_ray.common.text import count_of

from .encodings import UTF_8, decode

_STRAY = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffd]|^\ufeff|(?<!\r)\r++(?!\n|\Z)", re.MULTILINE
)
_NAMES = {
    "\r": "a carriage return (U+000D) within a line",
    "\u2028": "a line separator (U+2028) within a line",
    "\u2029": "a paragraph separator (U+2029) within a line",
    "\ufffd": "a replacement character (U+FFFD), which stands for text that was lost in a conversion",
    "\ufeff": "a byte order mark (U+FEFF), as files have it that were joined",
}
_NOT_TEXT = (
    (b"\x1f\x8b", "compressed with gzip", "gunzip <"),
    (b"BZh", "compressed with bzip2", "bunzip2 <"),
    (b"\xfd7zXZ\0", "compressed with xz", "unxz <"),
    (b"\x28\xb5\x2f\xfd", "compressed with Zstandard", "unzstd <"),
)
_ZIP = b"PK\x03\x04"
_LFS = b"version https://git-lfs.github.com/"
PACKED = {".gz": "gunzip -k", ".bz2": "bunzip2 -k", ".xz": "unxz -k", ".zst": "unzstd", ".zip": "unzip"}
"""Endings of compressed files' names, and the programs that unpack them."""


@dataclass(frozen=True, slots=True)
class TextFile:
    """The text of a file. notes: how it was read, where that is not as UTF-8, as sentences for people."""

    path: Path
    text: str
    notes: tuple[str, ...] = ()


def read_text_file(path: Path, *, latin_1: bool = False, stray_lines: float = 0.0) -> TextFile:
    """Read a text file.

    Args:
        path: the file.
        latin_1: whether Latin-1 and Windows-1252 are accepted beside UTF-8.
        stray_lines: largest share of lines with control characters or U+FFFD that is accepted, and said in a note.

    Raises:
        UserError: the file cannot be read, is not text, is in another encoding, or is damaged.
    """
    try:
        check_size(path, LARGEST_TEXT, what="a corpus file")
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    _refuse_other_files(content, path)
    text, encoding = decode(content, path, legacy=latin_1)
    notes = () if encoding == UTF_8 else (f"{path.name}: read as {encoding}, not UTF-8",)
    text = text.lstrip("\ufeff")
    stray = _check_characters(text, path, stray_lines)
    return TextFile(path, text, (*notes, *stray))


def stray_character(text: str) -> str | None:
    """The name of the first character in a token that no text has; None if there is none."""
    match = _STRAY.search(text)
    return None if match is None else _name(match.group())


def compressed_copy(path: Path) -> Path | None:
    """The compressed file that lies beside a file, or is it; None without one."""
    candidates = (path if path.suffix == suffix else path.with_name(path.name + suffix) for suffix in PACKED)
    return next((packed for packed in candidates if packed.is_file()), None)


def unpack_command(packed: Path) -> str:
    """The shell command that unpacks a compressed file beside it."""
    into = f" -d {shlex.quote(str(packed.parent))}" if packed.suffix == ".zip" else ""
    return f"{PACKED[packed.suffix]} {shlex.quote(str(packed))}{into}"


def _refuse_other_files(content: bytes, path: Path) -> None:
    for magic, what, program in _NOT_TEXT:
        if content.startswith(magic):
            command = unpack_command(path) if path.suffix in PACKED else in_place(program, path, "unpacked")
            raise UserError(f"{path}: is {what}. Unpack it: {command}")
    if content.startswith(_ZIP):
        if path.suffix == ".zip":
            raise UserError(f"{path}: is a zip archive. Unpack it: {unpack_command(path)}")
        raise UserError(f"{path}: is a zip archive, or a document or spreadsheet. Unpack it, or export it as text.")
    if content.startswith(b"PAR1"):
        raise UserError(f"{path}: is a Parquet file. Give it a name that ends in .parquet.")
    if content.startswith(_LFS):
        raise UserError(f"{path}: is a pointer of Git LFS, not the file. Get the file: git lfs pull")


def _check_characters(text: str, path: Path, stray_lines: float) -> tuple[str, ...]:
    """Check that the text has no stray characters, or few; returns the note that says so."""
    first = _STRAY.search(text)
    if first is None:
        return ()
    line = text.count("\n", 0, first.start()) + 1
    if "\n" not in text and "\r" in text:
        command = in_place(r"tr '\r' '\n' <", path, "converted")
        raise UserError(f"{path}:1: lines end with a carriage return alone. Convert them: {command}")
    if stray_lines:
        found = sum(_STRAY.search(row) is not None for row in text.split("\n"))
        if found <= stray_lines * text.count("\n"):
            return (
                f"{path.name}: {count_of(found, 'line')} with control or replacement characters, as {path.name}:{line}",
            )
    raise UserError(f"{path}:{line}: {_name(first.group())}. Correct the line, or download or export the file again.")


def _name(character: str) -> str:
    return _NAMES.get(character[0], f"a control character (U+{ord(character[0]):04X})")

"""The encoding of a text file, by the evidence of its bytes.

UTF-8 where all of the file is. Latin-1 and Windows-1252 are accepted where a data set is known for them, and then only
if no line is UTF-8 and the words are plausible: other code pages decode without an error, too, into other letters.
Everything else is refused with a line, and with a command that converts the file where one was found that fits.
"""

import re
import shlex
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import regex

from msd_ray.common.errors import UserError
from msd_ray.common.shell import in_place

UTF_8, LATIN_1, WINDOWS_1252 = "UTF-8", "ISO-8859-1", "WINDOWS-1252"
_MARKS = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_WITHOUT_MARK = ("UTF-32LE", "UTF-32BE", "UTF-16LE", "UTF-16BE")

_MOST_SHOWN = 5
"""Line numbers in a message."""
_MIXED = 50
"""In Latin-1 text a line in so many, at most, is valid UTF-8 by accident."""
_IMPLAUSIBLE = 20
"""In text of the right encoding a word in so many, at most, is implausible."""
_SAMPLE = 5_000
"""Words on which plausibility is decided."""
_LONGEST_WORD = 100

_WORD = re.compile(r"[^ \t\r\n]+")
_SYMBOL_INSIDE = regex.compile(r"\p{L}(?![’‘–—·´\xad\xa0ªº])(?:[^\w\x00-\x7f]|ƒ)\p{L}", regex.V0)
_CAPITAL_INSIDE = regex.compile(r"\p{Ll}(?=[^\x00-\x7f])\p{Lu}|\p{L}(?=[^\x00-\x7f])\p{Lu}.*\p{Ll}", regex.V0)
_ONLY_WINDOWS_1252 = frozenset(bytes(range(0x80, 0xA0)).decode("cp1252", "ignore"))
"""Characters that are control characters in Latin-1: quotation marks, dashes, and a few letters."""


def decode(content: bytes, path: Path, legacy: bool) -> tuple[str, str]:
    """Decode the bytes of a file; also returns the name of the encoding.

    Args:
        content: all bytes.
        path: for messages.
        legacy: whether Latin-1 and Windows-1252 are accepted.

    Raises:
        UserError: the bytes are in another encoding, or in more than one. The message names the line.
    """
    _refuse_wide(content, path)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return _decode_legacy(content, path, legacy)
    _refuse_encoded_twice(text, path)
    return text, UTF_8


def convert(path: Path, encoding: str, to: str = UTF_8) -> str:
    """The shell command that converts a file in place."""
    return in_place(f"iconv -f {encoding} -t {to}", path, "converted")


def _refuse_wide(content: bytes, path: Path) -> None:
    """Raise UserError for UTF-16 and UTF-32, with or without a byte order mark, and for NUL bytes."""
    found = next((name for mark, name in _MARKS if content.startswith(mark) and _fits(content, name)), None)
    if found is None and content.count(b"\0") > content.count(b"\n"):
        # Text of any script has ASCII line ends, of which one byte in two or four is not 0.
        found = next((name for name in _WITHOUT_MARK if _fits(content, name, must_contain="\n")), None)
    if found is not None:
        raise UserError(f"{path}:1: not UTF-8 text, but {found}. Convert it: {convert(path, found)}")
    position = content.find(b"\0")
    if position >= 0:
        raise UserError(
            f"{path}:{_line(content, position)}: a NUL byte, which no text has. The file is damaged: download or "
            "export it again."
        )


def _fits(content: bytes, encoding: str, must_contain: str = "") -> bool:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return must_contain in text and "\0" not in text


def _decode_legacy(content: bytes, path: Path, legacy: bool) -> tuple[str, str]:
    utf_8, others = _lines_by_encoding(content)
    if utf_8 * _MIXED > len(others):
        raise _mixed(content, path, utf_8, others)
    encoding = LATIN_1
    if re.search(rb"[\x80-\x9f]", content):  # control characters in Latin-1, quotation marks in Windows-1252
        encoding = WINDOWS_1252
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise _unknown(path, _line(content, error.start)) from error
    control = next((word for word in _words(text) if _ONLY_WINDOWS_1252 & set(word) and _is_implausible(word)), None)
    implausible = control or _implausible(text)
    if implausible is not None:
        raise _unknown(path, text.count("\n", 0, text.index(implausible)) + 1, (encoding, implausible))
    if not legacy:
        word = next(_words(text))
        raise UserError(
            f"{path}:{others[0]}: not UTF-8 text. In {encoding} it has words like {word[:40]!r}; if that is right, "
            f"convert it: {convert(path, encoding)}"
        )
    return text, encoding


def _lines_by_encoding(content: bytes) -> tuple[int, list[int]]:
    """How many lines with non-ASCII characters are UTF-8, and the numbers of those that are not."""
    utf_8, others = 0, []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.isascii():
            try:
                line.decode()
                utf_8 += 1
            except UnicodeDecodeError:
                others.append(number)
    return utf_8, others


def _mixed(content: bytes, path: Path, utf_8: int, others: list[int]) -> UserError:
    shown = ", ".join(map(str, others[:_MOST_SHOWN]))
    if len(others) > _MOST_SHOWN:
        shown += f" and {len(others) - _MOST_SHOWN} more"
    lines = content.split(b"\n")
    advice = "Correct them, or download or export the file again."
    try:
        text = b"\n".join(lines[number - 1] for number in others).decode(WINDOWS_1252)
    except UnicodeDecodeError:
        text = ""
    if text and _implausible(text) is None:
        script = '$_ = encode("UTF-8", decode("cp1252", $_)) unless utf8::decode(my $line = $_)'
        word = next(_words(text))
        advice = (
            f"In {WINDOWS_1252} they have words like {word[:40]!r}; if that is right, convert these lines: "
            f"perl -MEncode -i -pe {shlex.quote(script)} {shlex.quote(str(path))}"
        )
    return UserError(
        f"{path}:{others[0]}: not UTF-8 text, unlike {utf_8:,} others with non-ASCII characters. Lines in another "
        f"encoding: {shown}. {advice}"
    )


def _unknown(path: Path, line: int, read_as: tuple[str, str] | None = None) -> UserError:
    why = "not UTF-8 text, nor Latin-1 or Windows-1252"
    if read_as is not None:
        encoding, word = read_as
        why = f"not UTF-8 text, and in {encoding} it has words like {word[:40]!r}"
    return UserError(f"{path}:{line}: {why}. Download or export the file again, as UTF-8.")


def _implausible(text: str) -> str | None:
    """The first implausible word, if there are too many of them for text of a Western European language.

    Implausible are: a symbol or a capital within a word (MacRoman's Stra§e and MŠrz, code page 850's ni¤o), and words
    without an ASCII letter (Cyrillic, Greek).
    """
    words = list(islice(_words(text), _SAMPLE))
    found = [word for word in words if _is_implausible(word)]
    return found[0] if len(found) * _IMPLAUSIBLE > len(words) else None


def _is_implausible(word: str) -> bool:
    letters = [character for character in word if character.isalpha()]
    return (
        _SYMBOL_INSIDE.search(word) is not None
        or _CAPITAL_INSIDE.search(word) is not None
        or (len(letters) > 2 and not any(letter.isascii() for letter in letters))
    )


def _words(text: str) -> Iterator[str]:
    """The words with a non-ASCII character, long ones truncated."""
    words = (match.group() for match in _WORD.finditer(text))
    return (word[:_LONGEST_WORD] for word in words if not word.isascii())


def _refuse_encoded_twice(text: str, path: Path) -> None:
    """Raise UserError if most non-ASCII words are UTF-8 that was decoded as Windows-1252 and encoded again."""
    if text.isascii():
        return
    words = list(islice(_words(text), _SAMPLE))
    for encoding in (LATIN_1, WINDOWS_1252):
        twice = [word for word in words if _decoded_again(word, encoding) is not None]
        if 2 * len(twice) > len(words):
            line = text.count("\n", 0, text.index(twice[0])) + 1
            is_whole = _decoded_again(text, encoding) is not None
            advice = f"Convert it: {convert(path, UTF_8, to=encoding)}" if is_whole else "Download or export it again."
            raise UserError(
                f"{path}:{line}: text that was encoded as UTF-8 twice: {twice[0][:40]!r} for "
                f"{_decoded_again(twice[0], encoding)!r:.60}. {advice}"
            )


def _decoded_again(word: str, encoding: str) -> str | None:
    try:
        return word.encode(encoding).decode()
    except UnicodeError:
        return None


def _line(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1

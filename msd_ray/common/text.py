r"""Text that may be printed: nothing in it steers a terminal, and the passwords of addresses are not shown.

What others wrote reaches the screen in many ways: file names, lines of a corpus, tags in MLflow, what a library says of
an address. So everything that commands print goes through here; files keep what they were given.
"""

import re

_BIDI = "\u202a-\u202e\u2066-\u2069"  # embeddings, overrides and isolates: text after them is shown in another order
_SURROGATES = "\ud800-\udfff"  # bytes of a file name that are no text; printing them raises
# Every control character but tab and line feed (C1 as well: U+009B begins a terminal's command as ESC [ does).
_STEERING = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029{_BIDI}{_SURROGATES}]")

_USER = r"(?P<before>//[^/?#\s@:]*:)"
# Up to the last @ before a blank, for passwords that hold @, / or # although they should not. What begins like a port
# (`://host:5000/...`) is none.
_PASSWORD = re.compile(rf"{_USER}(?!\d{{1,5}}(?:[/?#]|$))\S+(?=@)")
_NAMED = re.compile(
    r"(?P<before>\b[\w-]*(?:password|passwd|pwd|secret|token(?!s|iz)|api_?key|access_?key)[\w-]*=)(?P<value>[^&\s'\"]+)",
    re.IGNORECASE,
)


def printable(text: str) -> str:
    """What a command may print of a text: without passwords, and with control characters as `\\x1b` or `\\u202e`.

    Line feeds and tabs stay.
    """
    return visible(without_passwords(text))


def one_line(text: str) -> str:
    """The same for what is one line and must stay one: others' text in it cannot look like a line of its own."""
    return printable(text).replace("\n", "\\n")


def visible(text: str) -> str:
    r"""The text with characters that would steer a terminal, or turn the reading order, spelled out.

    >>> print(visible("\x1b[2Jgone"))
    \x1b[2Jgone
    """
    return _STEERING.sub(lambda found: _escaped(found.group()), text)


def in_json(text: str) -> str:
    r"""JSON with the same content in which these characters stand as `\u009b`, whatever the writer left as it is."""
    return _STEERING.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def without_passwords(text: str) -> str:
    """The text with `***` for each password in an address, in its query, or in a setting such as `password=...`.

    >>> without_passwords("no answer from postgresql://me:geheim@db/studies?sslpassword=auch")
    'no answer from postgresql://me:***@db/studies?sslpassword=***'
    """
    return _NAMED.sub(r"\g<before>***", _PASSWORD.sub(r"\g<before>***", text))


def has_password(address: str) -> bool:
    """Whether an address holds a password."""
    return without_passwords(address) != address


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def duration(seconds: float) -> str:
    """`0:07`, `12:34`, `3:02:01`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

r"""Printable text: no control characters, no passwords of addresses.

Untrusted text reaches the terminal in many ways: file names, lines of a corpus, tags in MLflow, a library's message
about an address. So everything that commands print is filtered here; files are not.
"""

import re

_BIDI = "\u202a-\u202e\u2066-\u2069"  # embeddings, overrides and isolates, which change the display order
_SURROGATES = "\ud800-\udfff"  # undecodable bytes of a file name; printing them raises an exception
# All control characters except tab and line feed (C1, too: U+009B begins a terminal command like ESC [).
_CONTROL = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029{_BIDI}{_SURROGATES}]")

_USER = r"(?P<before>//[^/?#\s@:]*:)"
# Up to the last @ before a blank, for passwords that contain an unescaped @, / or #. What looks like a port
# (`://host:5000/...`) is not a password.
_PASSWORD = re.compile(rf"{_USER}(?!\d{{1,5}}(?:[/?#]|$))\S+(?=@)")
_NAMED = re.compile(
    r"(?P<before>\b[\w-]*(?:password|passwd|pwd|secret|token(?!s|iz)|api_?key|access_?key)[\w-]*=)(?P<value>[^&\s'\"]+)",
    re.IGNORECASE,
)


def printable(text: str) -> str:
    """The text without passwords, and with control characters escaped as `\\x1b` or `\\u202e`.

    Line feeds and tabs are unchanged.
    """
    return visible(without_passwords(text))


def one_line(text: str) -> str:
    """`printable` with line feeds escaped, so that untrusted text cannot imitate another line."""
    return printable(text).replace("\n", "\\n")


def visible(text: str) -> str:
    r"""The text with control characters, and those that change the display order, escaped.

    >>> print(visible("\x1b[2Jgone"))
    \x1b[2Jgone
    """
    return _CONTROL.sub(lambda found: _escaped(found.group()), text)


def in_json(text: str) -> str:
    r"""Equivalent JSON in which these characters are escaped as `\u009b`."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def without_passwords(text: str) -> str:
    """Replace passwords in addresses, in their queries and in settings such as `password=...` by `***`.

    >>> without_passwords("no answer from postgresql://me:geheim@db/studies?sslpassword=auch")
    'no answer from postgresql://me:***@db/studies?sslpassword=***'
    """
    return _NAMED.sub(r"\g<before>***", _PASSWORD.sub(r"\g<before>***", text))


def has_password(address: str) -> bool:
    """Whether an address contains a password."""
    return without_passwords(address) != address


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def duration(seconds: float) -> str:
    """Format seconds as `0:07`, `12:34` or `3:02:01`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def count_of(number: float, noun: str) -> str:
    """A number with its noun: `1 trial`, `3 trials`."""
    return f"{number:g} {noun}{'' if number == 1 else 's'}"

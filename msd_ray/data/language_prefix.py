"""The language before every token in WikiAnn's original files: `ar:token`."""

import re
from collections import Counter

from msd_ray.common.errors import UserError

from .text_file import TextFile

_PREFIX = re.compile(r"^(simple|[a-z]{2,3}(?:-[a-z]+)*):", re.MULTILINE)
_ROW = re.compile(r"^[^\r\n]", re.MULTILINE)
_MOST_BY_CHANCE = 10
"""Tokens of a file without prefixes, at most, that begin like one, and one token in so many."""
_SAME_LANGUAGE = {"nb": "no", "no": "nb", "yue": "zh-yue", "lzh": "zh-classical", "nan": "zh-min-nan"}


def language_prefix(file: TextFile, lang: str) -> str:
    """`lang:` if at least half of the rows begin with a prefix, else the empty string.

    Raises:
        UserError: the rows have the prefix of another language, or a part of them has one.
    """
    found = Counter(_PREFIX.findall(file.text))
    if not found:
        return ""
    code, count = found.most_common(1)[0]
    rows = sum(1 for _ in _ROW.finditer(file.text))
    if 2 * count >= rows:
        if code in (lang, _SAME_LANGUAGE.get(lang)):
            return f"{code}:"
        raise UserError(
            f"{file.path}:{_line(file, code)}: tokens begin with '{code}:', the prefix of another language than "
            f"'{lang}'. Give the file of '{lang}', or --lang {code}."
        )
    if count > _MOST_BY_CHANCE and count * _MOST_BY_CHANCE > rows:
        raise UserError(
            f"{file.path}:{_line(file, code)}: {count} of {rows} rows begin with the language prefix '{code}:'. Remove "
            "it from these rows."
        )
    return ""


def _line(file: TextFile, code: str) -> int:
    first = next(match for match in _PREFIX.finditer(file.text) if match[1] == code)
    return file.text.count("\n", 0, first.start()) + 1

"""Parts of messages about keys and values of YAML files."""

import difflib
import json
from collections.abc import Sequence

from .yaml_source import KeyPath


def shown(value: object) -> str:
    """A value as JSON, shortened to 60 characters."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def suggestion(given: str, allowed: Sequence[str]) -> str:
    """A question after the allowed name that resembles `given`; empty if none does."""
    close = difflib.get_close_matches(given, allowed, n=1)
    return f"; did you mean `{close[0]}`?" if close else ""


def listed(names: Sequence[str]) -> str:
    """Names in backquotes, separated by commas."""
    return ", ".join(f"`{name}`" for name in names) or "none"


def dotted(key_path: KeyPath) -> str:
    """A key path as it is written in prose: `student.first[0].beta`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key_path).lstrip(".")

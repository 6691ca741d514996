"""What a check says about a file, and how checks read one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from msd_ray.search.yaml_source import KeyPath, YamlSource

Level = Literal["error", "to set", "note"]
"""error: not to be launched so. to set: a placeholder that is still there. note: unusual, and may be meant."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """where: `file:line`. key: the path of keys. message: what is wrong, and what to do."""

    where: str
    key: str
    message: str
    level: Level = "error"

    def __str__(self) -> str:
        kind = "" if self.level == "error" else f"{self.level}: "
        return f"{self.where}: {kind}{self.key}: {self.message}"


def found(source: YamlSource, at: KeyPath, message: str, level: Level = "error") -> Finding:
    """A finding at a key, or at the closest key above it that the file has."""
    return Finding(where=source.where(at), key=key_name(at), message=message, level=level)


def key_name(at: KeyPath) -> str:
    """`a.b[0].c`."""
    name = ""
    for part in at:
        name += f"[{part}]" if isinstance(part, int) else f".{part}"
    return name.removeprefix(".") or "(the file)"


def value_at(data: Any, *at: str | int) -> Any:
    """The value at a path of keys and indices, None where there is none."""
    for part in at:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def leaves(data: Any, at: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Every value that is no mapping and no list, with its path."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from leaves(value, (*at, str(key)))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from leaves(value, (*at, index))
    else:
        yield at, data


def items(data: Any, *at: str | int) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """The mappings in the list or mapping at a path, each with its own path; none where there is nothing such."""
    there = value_at(data, *at)
    pairs = there.items() if isinstance(there, dict) else enumerate(there) if isinstance(there, list) else ()
    for key, value in pairs:
        if isinstance(value, dict):
            yield (*at, key), value

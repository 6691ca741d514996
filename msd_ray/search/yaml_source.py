"""Read a small YAML file that a person wrote: plain data, and the line on which each key and item stands.

`read_yaml` for files of one document, `read_yaml_documents` for those that may hold several (Kubernetes manifests).

Stricter than PyYAML: duplicate keys, aliases, deep nesting and large files are refused. Numbers are read as
YAML 1.2 does (PyYAML takes `2e-5` for a string), and, except in manifests, `yes`, `no`, `on` and `off` as words.
"""

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from msd_ray.common.errors import UserError

KeyPath: TypeAlias = tuple[str | int, ...]

_LARGEST_FILE = 64 * 1024  # bytes
_DEEPEST = 10
_DEEPEST_MANIFEST = 24
_BOOL_TAG = "tag:yaml.org,2002:bool"
_FLOAT_TAG = "tag:yaml.org,2002:float"


@dataclass(frozen=True, kw_only=True)
class YamlSource:
    """A file's data with the 1-based line of each key path, () being the file itself."""

    path: Path
    data: Any
    lines: dict[KeyPath, int]

    def at(self, key_path: KeyPath) -> Any:
        """Return the data under a key path that the file has."""
        return reduce(lambda data, key: data[key], key_path, self.data)

    def line(self, key_path: KeyPath) -> int:
        """Return the line of the key, or of the closest key above it that the file has."""
        while key_path not in self.lines:
            key_path = key_path[:-1]
        return self.lines[key_path]

    def where(self, key_path: KeyPath) -> str:
        """Return `file:line` of the key."""
        return f"{self.path}:{self.line(key_path)}"


class _Loader(yaml.SafeLoader):
    """The safe loader, with YAML 1.2 numbers and without aliases (they can blow a small file up)."""

    deepest = _DEEPEST
    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not allowed", problem_mark=mark)
        if self._depth >= self.deepest:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


class _ManifestLoader(_Loader):
    """For manifests, whose pods lie deep."""

    deepest = _DEEPEST_MANIFEST


_Loader.add_implicit_resolver(
    _FLOAT_TAG, re.compile(r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"), list("-+.0123456789")
)
_ManifestLoader.yaml_implicit_resolvers = dict(_Loader.yaml_implicit_resolvers)  # `yes` is true in manifests
_Loader.yaml_implicit_resolvers |= {  # as in YAML 1.2, `no` is a word: the code of Norwegian
    first: [(tag, form) for tag, form in _Loader.yaml_implicit_resolvers[first] if tag != _BOOL_TAG]
    for first in "yYnNoO"
}


def read_yaml(path: Path) -> YamlSource:
    """Read one YAML document.

    Raises:
        UserError: no such file, not readable, larger than 64 KiB, not UTF-8, or not well-formed (with line).
    """
    with _well_formed(path):
        loader = _Loader(_read_text(path))
        return _source(loader, loader.get_single_node(), path, line=1)


def read_yaml_documents(path: Path) -> list[YamlSource]:
    """Read every YAML document of a file, without empty ones. Raises UserError as `read_yaml` does."""
    with _well_formed(path):
        loader = _ManifestLoader(_read_text(path))
        documents = []
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                documents.append(_source(loader, node, path, line=node.start_mark.line + 1))
        return [document for document in documents if document.data is not None]


@contextmanager
def _well_formed(path: Path) -> Iterator[None]:
    """Turn what the parser says into a UserError that names the file and the line."""
    try:
        yield
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise UserError(f"{where}: not well-formed YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError) as error:  # unprintable characters, impossible dates
        raise UserError(f"{path}: not well-formed YAML: {str(error).splitlines()[0]}") from error


def _source(loader: _Loader, node: yaml.Node | None, path: Path, *, line: int) -> YamlSource:
    """A document, which begins on `line`."""
    lines: dict[KeyPath, int] = {(): line}
    if node is None:
        return YamlSource(path=path, data=None, lines=lines)
    _collect_lines(node, (), lines, path)
    return YamlSource(path=path, data=loader.construct_document(node), lines=lines)


def _read_text(path: Path) -> str:
    try:
        if not path.is_file():
            raise UserError(f"{path}: {'is no ordinary file' if path.exists() else 'no such file'}")
        size = path.stat().st_size
        if size > _LARGEST_FILE:
            raise UserError(f"{path}: {size} bytes, a file of this kind has at most {_LARGEST_FILE}")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}") from error


def _collect_lines(node: yaml.Node, key_path: KeyPath, lines: dict[KeyPath, int], path: Path) -> None:
    """Note the line of every key and item under `node`; refuse a key that stands twice in one mapping."""
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*key_path, index)] = item.start_mark.line + 1
            _collect_lines(item, (*key_path, index), lines, path)
    elif isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            child = (*key_path, str(key_node.value))
            line = key_node.start_mark.line + 1
            if child in lines:
                name = ".".join(map(str, child))
                raise UserError(f"{path}:{line}: key `{name}` stands twice, first on line {lines[child]}; keep one")
            lines[child] = line
            _collect_lines(value_node, child, lines, path)


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

"""The journal: what waits to be recorded in MLflow, in order, in a file that survives the driver.

    STUDY.jsonl        a line that names the journal, then a JSON object a record; appended, never changed
    STUDY.jsonl.done   how far MLflow has got: {"journal": its name, "offset": bytes, "records": lines}

A record is on the disk when `append` returns. One process writes a journal; in it one thread appends, and one reads
and marks. What is kept in memory does not grow with the journal.
"""

import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from msd_ray.common.errors import UserError
from msd_ray.common.files import write_json

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A record as it was appended. line: 1-based, of the file. end: the offset of the next one."""

    record: dict[str, Any]
    line: int
    end: int


class Journal:
    """A study's journal; make it with `open`."""

    def __init__(self, path: Path, name: str, *, end: int, lines: int, torn: int) -> None:
        self.path = path
        self.torn = torn
        """Bytes of a record that was cut off when its driver died, and that is dropped."""
        self._name = name
        self._writer = path.open("r+b", buffering=0)
        self._reader = path.open("rb")
        self._end = end
        self._appended = lines
        self._position, self._done = self._mark()
        self._read_position, self._read_line = self._position, self._done

    @classmethod
    def open(cls, path: Path) -> Self:
        """The journal at `path`, begun unless it is there.

        Raises:
            UserError: the place cannot be written, or the file is no journal.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            name, end, lines, torn = _read_through(path)
            if name is None:
                name, torn = uuid.uuid4().hex, 0
                header = _line({"journal": name, "version": VERSION})
                path.write_bytes(header)
                end, lines = len(header), 1
                _sync_directory(path.parent)
            elif torn:
                os.truncate(path, end)
            return cls(path, name, end=end, lines=lines, torn=torn)
        except OSError as error:
            raise _unwritable(path, error) from error

    @property
    def waiting(self) -> int:
        """How many records are not marked as done."""
        return self._appended - self._done

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a record; it is on the disk afterwards.

        Raises:
            UserError: the disk does not take it. The journal is then as it was.
        """
        line = _line(record)
        try:
            # What an interrupted call left behind was never appended.
            self._writer.truncate(self._end)
            self._writer.seek(self._end)
            written = 0
            while written < len(line):
                written += self._writer.write(line[written:])
            os.fsync(self._writer.fileno())
        except OSError as error:
            raise _unwritable(self.path, error) from error
        self._end += len(line)
        self._appended += 1

    def next(self) -> Entry | None:
        """The record after the one that was read last, first the first that is not done; None if there is none yet.

        Raises:
            UserError: the line is no record.
        """
        if self._read_position >= self._end:
            return None
        self._reader.seek(self._read_position)
        line = self._reader.readline()
        self._read_position += len(line)
        self._read_line += 1
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            raise UserError(
                f"{self.path}:{self._read_line}: this is no record; if the line cannot be mended, remove it, and start "
                "the same command again"
            )
        return Entry(record=record, line=self._read_line, end=self._read_position)

    def done(self, entry: Entry) -> None:
        """Mark a record, and those before it, as recorded in MLflow. Raises UserError if the disk does not take it."""
        try:
            write_json(_mark_of(self.path), {"journal": self._name, "offset": entry.end, "records": entry.line})
        except OSError as error:
            raise _unwritable(self.path, error) from error
        self._done = entry.line

    def close(self) -> None:
        """Close the files, and remove them if nothing waits."""
        self._writer.close()
        self._reader.close()
        if self.waiting == 0:
            self.path.unlink(missing_ok=True)
            _mark_of(self.path).unlink(missing_ok=True)

    def _mark(self) -> tuple[int, int]:
        """Offset and line up to which all is done."""
        try:
            mark = json.loads(_mark_of(self.path).read_text(encoding="utf-8"))
            if mark["journal"] == self._name and mark["offset"] <= self._end:
                return int(mark["offset"]), int(mark["records"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            pass  # to tell MLflow everything again is slower, and does no harm
        return len(_line({"journal": self._name, "version": VERSION})), 1


def _read_through(path: Path) -> tuple[str | None, int, int, int]:
    """The journal's name, the end of its last whole line, the number of lines, and the bytes after them.

    The name is None where there is no journal yet: no file, or one whose first line was cut off.
    """
    if not path.exists():
        return None, 0, 0, 0
    name, end, lines, torn = None, 0, 0, 0
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                torn = len(line)
                break
            if lines == 0:
                name = _name_in(path, line)
            end, lines = end + len(line), lines + 1
    return name, end, lines, torn


def _name_in(path: Path, header: bytes) -> str:
    try:
        content = json.loads(header)
        if content["version"] == VERSION:
            return str(content["journal"])
    except (ValueError, KeyError, TypeError):
        pass
    raise UserError(f"{path} is no journal of records of this version of msd_ray; move it away")


def _line(record: Mapping[str, Any]) -> bytes:
    return (json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def _mark_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.done")


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(
        f"the records for MLflow cannot be written to {path}: {error.strerror or error}; free some space, or give a "
        "writable --storage, then start the same command again: it goes on where it stopped"
    )

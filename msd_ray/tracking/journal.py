"""Journal: the records that are pending for MLflow, in order, in a file that survives the process.

    STUDY.jsonl        a header line with the journal's name, then one JSON object per record; append-only
    STUDY.jsonl.done   position up to which MLflow has the records: {"journal": name, "offset": bytes, "records": lines}

A record is on disk when `append` returns. One process writes a journal: one thread appends, one thread reads and marks.
Memory use does not depend on the length of the journal.
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
    """A record as it was appended. line: 1-based line in the file. end: byte offset of the next record."""

    record: dict[str, Any]
    line: int
    end: int


class Journal:
    """A study's journal; create it with `open`."""

    def __init__(self, path: Path, name: str, *, end: int, lines: int, torn_bytes: int) -> None:
        self.path = path
        self.torn_bytes = torn_bytes
        """Size of an incomplete last record, left by a killed process and dropped."""
        self._name = name
        self._writer = path.open("r+b", buffering=0)
        self._reader = path.open("rb")
        self._end = end
        self._appended = lines
        self._position, self._done = self._read_mark()
        self._read_position, self._read_line = self._position, self._done

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the journal at `path`; create it if it does not exist.

        Raises:
            UserError: the path is not writable, or the file is not a journal.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            name, end, lines, torn_bytes = _scan(path)
            if name is None:
                name, torn_bytes = uuid.uuid4().hex, 0
                header = _line({"journal": name, "version": VERSION})
                path.write_bytes(header)
                end, lines = len(header), 1
                _sync_directory(path.parent)
            elif torn_bytes:
                os.truncate(path, end)
            return cls(path, name, end=end, lines=lines, torn_bytes=torn_bytes)
        except OSError as error:
            raise _unwritable(path, error) from error

    @property
    def pending(self) -> int:
        """Number of records that are not marked as done."""
        return self._appended - self._done

    def append(self, record: Mapping[str, Any]) -> None:
        """Append a record and flush it to disk.

        Raises:
            UserError: the write failed. The journal is unchanged.
        """
        line = _line(record)
        try:
            # A call that was interrupted may have written part of a line.
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
        """Read the next record, starting after the last one that is marked as done; None at the end.

        Raises:
            UserError: the line is not a record.
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
                f"{self.path}:{self._read_line}: not a JSON object. Repair or remove the line, then run the same "
                "command again."
            )
        return Entry(record=record, line=self._read_line, end=self._read_position)

    def mark_done(self, entry: Entry) -> None:
        """Mark a record, and all before it, as written to MLflow. Raises UserError if the mark cannot be written."""
        try:
            write_json(_mark_of(self.path), {"journal": self._name, "offset": entry.end, "records": entry.line})
        except OSError as error:
            raise _unwritable(self.path, error) from error
        self._done = entry.line

    def close(self) -> None:
        """Close the files; remove them if no record is pending."""
        self._writer.close()
        self._reader.close()
        if self.pending == 0:
            self.path.unlink(missing_ok=True)
            _mark_of(self.path).unlink(missing_ok=True)

    def _read_mark(self) -> tuple[int, int]:
        """Byte offset and line up to which all records are done."""
        try:
            mark = json.loads(_mark_of(self.path).read_text(encoding="utf-8"))
            if mark["journal"] == self._name and mark["offset"] <= self._end:
                return int(mark["offset"]), int(mark["records"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            pass  # writing all records again is slower but harmless: writes are idempotent
        return len(_line({"journal": self._name, "version": VERSION})), 1


def _scan(path: Path) -> tuple[str | None, int, int, int]:
    """The journal's name, end of its last complete line, number of lines, and number of bytes after them.

    The name is None if there is no journal yet: no file, or an incomplete first line.
    """
    if not path.exists():
        return None, 0, 0, 0
    name, end, lines, torn_bytes = None, 0, 0, 0
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                torn_bytes = len(line)
                break
            if lines == 0:
                name = _name_in(path, line)
            end, lines = end + len(line), lines + 1
    return name, end, lines, torn_bytes


def _name_in(path: Path, header: bytes) -> str:
    try:
        content = json.loads(header)
        if content["version"] == VERSION:
            return str(content["journal"])
    except (ValueError, KeyError, TypeError):
        pass
    raise UserError(f"{path}: not a journal of this version of msd_ray. Move the file elsewhere.")


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
        f"{path}: cannot write the records for MLflow: {error.strerror or error}. Free disk space or choose a writable "
        "--storage, then run the same command again: it resumes where it stopped."
    )

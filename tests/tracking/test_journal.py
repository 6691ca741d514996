"""The journal file: order, durability, torn records, memory use."""

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from msd_ray.common.errors import UserError
from msd_ray.tracking.journal import Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records" / "study.jsonl"


def rest(journal: Journal) -> list[dict[str, Any]]:
    """Numbers of the remaining records."""
    found = []
    while (entry := journal.next()) is not None:
        found.append(entry.record)
    return found


def numbers(journal: Journal) -> list[int]:
    return [record["n"] for record in rest(journal)]


def filled(path: Path, count: int, *, done: int = 0) -> Journal:
    """A journal of records 1 to `count`, the first `done` of which are marked."""
    journal = Journal.open(path)
    for n in range(1, count + 1):
        journal.append({"n": n, "text": "שלום\n"})
    for _ in range(done):
        entry = journal.next()
        assert entry is not None
        journal.mark_done(entry)
    return journal


def test_records_are_read_in_order_while_others_are_appended(path: Path) -> None:
    journal = filled(path, 3)
    assert journal.next().record == {"n": 1, "text": "שלום\n"}  # type: ignore[union-attr]
    journal.append({"n": 4})
    assert numbers(journal) == [2, 3, 4]
    assert journal.next() is None
    journal.append({"n": 5})
    assert numbers(journal) == [5]
    assert journal.pending == 5


def test_a_reopened_journal_starts_after_the_mark(path: Path) -> None:
    filled(path, 5, done=2)
    again = Journal.open(path)
    assert (again.pending, again.torn_bytes, numbers(again)) == (3, 0, [3, 4, 5])
    again.append({"n": 6})
    assert numbers(Journal.open(path)) == [3, 4, 5, 6]


def test_a_torn_record_is_dropped_and_the_others_are_kept(path: Path) -> None:
    filled(path, 3, done=1)
    whole = path.read_bytes()
    start = whole[:-1].rindex(b"\n") + 1
    for cut in range(start + 1, len(whole)):
        path.write_bytes(whole[:cut])
        journal = Journal.open(path)
        assert journal.torn_bytes == cut - start
        journal.append({"n": 4})
        assert numbers(journal) == [2, 4]
        assert numbers(Journal.open(path)) == [2, 4]
    path.write_bytes(whole[:start])
    assert Journal.open(path).torn_bytes == 0


def test_a_journal_with_a_torn_header_is_recreated(path: Path) -> None:
    filled(path, 0)
    header = path.read_bytes()
    for cut in range(len(header)):
        path.write_bytes(header[:cut])
        journal = Journal.open(path)
        journal.append({"n": 1})
        assert (journal.torn_bytes, numbers(journal)) == (0, [1])


@pytest.mark.parametrize("mark", ["", "[]", "{", '{"journal": "another", "offset": 90, "records": 2}'])
def test_all_records_are_read_again_without_a_valid_mark(path: Path, mark: str) -> None:
    filled(path, 3, done=2)
    path.with_name("study.jsonl.done").write_text(mark)
    journal = Journal.open(path)
    assert (journal.pending, numbers(journal)) == (3, [1, 2, 3])


def test_a_drained_journal_is_removed(path: Path) -> None:
    filled(path, 3, done=2).close()
    assert path.exists()
    journal = Journal.open(path)
    entry = journal.next()
    assert entry is not None
    journal.mark_done(entry)
    journal.close()
    assert list(path.parent.iterdir()) == []


def test_the_message_names_a_damaged_line(path: Path) -> None:
    filled(path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b'{"n": 2, "te\n', *lines[3:]]))
    journal = Journal.open(path)
    assert journal.next() is not None
    with pytest.raises(UserError, match=rf"{path}:3: not a JSON object"):
        journal.next()


@pytest.mark.parametrize("content", ["hello\n", '{"journal": "a", "version": 2}\n', "[1]\n"])
def test_a_file_that_is_not_a_journal_is_rejected_and_unchanged(path: Path, content: str) -> None:
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(UserError, match="not a journal of this version"):
        Journal.open(path)
    assert path.read_text() == content


def test_a_place_that_cannot_be_written(path: Path) -> None:
    path.parent.write_text("a file")
    with pytest.raises(UserError, match="cannot write the records"):
        Journal.open(path)


FULL = """
import sys, resource, signal
from pathlib import Path
from msd_ray.common.errors import UserError
from msd_ray.tracking.journal import Journal
journal = Journal.open(Path(sys.argv[1]))
journal.append({"n": 1})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit = Path(sys.argv[1]).stat().st_size + 40
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
try:
    journal.append({"n": 2, "text": 100 * "x"})
except UserError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.append({"n": 3})
"""


def test_a_disk_full_error_within_a_record(path: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True)
    assert f"{path}: cannot write the records for MLflow: File too large. Free disk space" in ran.stdout
    assert numbers(Journal.open(path)) == [1, 3]


def test_memory_does_not_grow_with_the_journal(path: Path) -> None:
    """3,000 records of 2 KB are appended, found again by a second journal, and read."""
    journal = Journal.open(path)
    metrics = {f"loss/channel_{channel}": channel / 7 for channel in range(60)}
    tracemalloc.start()
    for n in range(3000):
        journal.append({"n": n, "metrics": metrics})
    again = Journal.open(path)
    for n in range(3000):
        entry = again.next()
        assert entry is not None
        assert entry.record["n"] == n
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert path.stat().st_size > 5_000_000
    assert peak < 500_000


def test_a_line_is_plain_json(path: Path) -> None:
    filled(path, 1)
    assert [json.loads(line) for line in path.read_text().splitlines()][1] == {"n": 1, "text": "שלום\n"}

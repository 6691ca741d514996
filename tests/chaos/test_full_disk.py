"""The disk that storage and databases are on is full for a while."""

import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from disturbed_search import Disturb
from fault_table import Note
from places import FIRST_STUDENT, somewhere
from small_search import SmallSearch
from stored_runs import assert_same_outcome, assert_settled
from three_nodes import ThreeNodes

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(7200)]

WAIT_S = 3000  # where others keep the processors busy
MEBIBYTE = 1 << 20


@contextmanager
def small_disk(directory: Path, mebibytes: int = 96) -> Iterator[None]:
    """A file system of its own at the directory, with what the directory held."""
    held = {path.name: path.read_bytes() for path in directory.iterdir()}
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(directory)], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    try:
        for name, content in held.items():
            (directory / name).write_bytes(content)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def fill(directory: Path) -> Path:
    """A file that takes all that was left."""
    ballast = directory / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (MEBIBYTE, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return ballast


def test_full_disk(
    disturb: Disturb, cluster: ThreeNodes, undisturbed: SmallSearch, dice: random.Random, note: Note
) -> None:
    place = somewhere(dice, undisturbed, dice.randrange(FIRST_STUDENT + 1))
    search = disturb(place, workers=0)
    with small_disk(search.storage):
        with search.start() as tune:
            search.wait_at(tune, place)
            ballast = fill(search.storage)
            search.go_on(place)
            struck = time.monotonic()
            assert tune.wait(WAIT_S) == 2, tune.output
            stopped_s = time.monotonic() - struck
        assert "disk is full" in tune.output or "No space left on device" in tune.output, tune.output
        assert "Traceback" not in tune.output, tune.output
        cluster.assert_free()
        ballast.unlink()
        with search.start() as tune:
            assert tune.wait(WAIT_S) == 0, tune.output
        assert_settled(search.storage)
        assert_same_outcome(search.storage, undisturbed.root)
        cluster.assert_free()
    note(
        "disk full, with storage and databases on it",
        "the command ends with a message; free space, and the same command goes on: same weights",
        stopped_s,
    )

"""Free space, on file systems that have it and on a small one."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from msd_ray.doctor.disk import FOR_COPIES, Trainings, size, storage_space, temporary_space
from msd_ray.doctor.node import free_bytes

SMALL = Trainings(checkpoint=1_000, epochs=2, teachers=1, students=1)


@pytest.fixture
def four_megabytes(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, where this process may mount one."""
    directory = tmp_path / "small"
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(directory)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system is not allowed here")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def test_a_small_file_system(four_megabytes: Path) -> None:
    free = free_bytes(four_megabytes)
    assert free is not None
    assert 3_500_000 < free <= 4 * 2**20
    assert storage_space("/x", free, SMALL).state == "pass"
    many = Trainings(checkpoint=1_000_000, epochs=10, teachers=5, students=20)
    warned = storage_space("/x", free, many)
    assert warned.state == "warn"
    assert "checkpoints of all trainings take up to 160 MB" in warned.what
    (four_megabytes / "fill").write_bytes(bytes(3_000_000))
    free = free_bytes(four_megabytes)
    assert free is not None
    failed = storage_space("/x", free, many)
    assert failed.state == "fail"
    assert "the checkpoint of one epoch takes 3 MB" in failed.what
    assert "free some space" in failed.advice


def test_copies_of_an_object_store_have_another_place_to_go() -> None:
    for free in (0, SMALL.all - 1):
        assert FOR_COPIES in storage_space("/x", free, SMALL, elsewhere=FOR_COPIES).advice
        assert "--storage" not in storage_space("/x", free, SMALL, elsewhere=FOR_COPIES).advice
        assert "give another --storage" in storage_space("/x", free, SMALL).advice


def test_a_directory_that_is_not_there_has_the_space_of_where_it_will_be(four_megabytes: Path) -> None:
    assert free_bytes(four_megabytes / "a" / "b") == free_bytes(four_megabytes)


def test_the_estimate_counts_what_trainings_keep() -> None:
    """A teacher keeps every epoch's weights and two moments; a student three epochs at most, and two moments."""
    assert SMALL.epoch == 3_000
    assert SMALL.all == 1_000 * (2 + 2) + 1_000 * (3 + 2)


def test_temporary_files() -> None:
    assert list(temporary_space("/tmp", 10, least=10)) == []
    (finding,) = temporary_space("/tmp", 9, least=10)
    assert finding.state == "warn"


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 kB"), (1_500, "1.5 kB"), (2_345_678, "2.35 MB"), (999_999_999, "1000 MB"), (4e12, "4 TB")],
)
def test_sizes_for_people(count: float, shown: str) -> None:
    assert size(int(count)) == shown

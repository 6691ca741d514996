"""Files and directories are there whole or not at all."""

import json
from pathlib import Path

import pytest

from msd_ray.common.files import new_directory, new_file, write_json


def write_half(path: Path) -> None:
    """Write as on a disk that fills up."""
    path.write_text("half")
    raise OSError("full")


def test_json_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "targets" / "scores.json"
    write_json(path, {"f1": 0.5})
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, {"f1": float("nan")})
    assert json.loads(path.read_text()) == {"f1": 0.5}
    write_json(path, {"f1": 0.25})
    assert json.loads(path.read_text()) == {"f1": 0.25}
    assert [file.name for file in path.parent.iterdir()] == ["scores.json"]


def test_a_file_keeps_its_content_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_text("before")
    with pytest.raises(OSError, match="full"), new_file(path) as scratch:
        write_half(scratch)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_appears_when_it_is_filled(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "features"
    with new_directory(directory) as scratch:
        (scratch / "ids").write_text("1 2 3")
        assert not directory.exists()
    assert (directory / "ids").read_text() == "1 2 3"
    assert list(directory.parent.iterdir()) == [directory]


def test_a_directory_that_could_not_be_filled_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="full"), new_directory(tmp_path / "features") as scratch:
        write_half(scratch / "ids")
    assert not list(tmp_path.iterdir())


def test_the_first_of_two_writers_of_a_directory_wins(tmp_path: Path) -> None:
    directory = tmp_path / "features"
    with new_directory(directory) as second:
        (second / "ids").write_text("second")
        with new_directory(directory) as first:
            (first / "ids").write_text("first")
    assert (directory / "ids").read_text() == "first"
    assert list(tmp_path.iterdir()) == [directory]


def test_a_file_in_the_way_of_a_directory(tmp_path: Path) -> None:
    (tmp_path / "features").write_text("no directory")
    with pytest.raises(OSError), new_directory(tmp_path / "features") as scratch:  # noqa: PT011 - the system words it
        (scratch / "ids").write_text("1")
    assert (tmp_path / "features").read_text() == "no directory"

"""Input in chunks of lines."""

import os
from pathlib import Path

import pytest

from msd_ray.common.errors import UserError
from msd_ray.predict.lines import LONGEST_LINE, MOST_BYTES, read_chunks


def test_chunks_are_the_available_lines() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as stream, os.fdopen(writer, "wb", buffering=0) as pipe:
        chunks = read_chunks(stream)
        pipe.write(b"a\nb\nc")
        assert next(chunks) == ["a", "b"]
        pipe.write("ç\r\n".encode()[:2])
        pipe.write("ç\r\n".encode()[2:])
        assert next(chunks) == ["cç"]
        pipe.write(b"\xef\xbb\xbfd\n")
        assert next(chunks) == ["\ufeffd"], "a byte-order mark is one at the beginning alone"
        pipe.write(b"end")
        pipe.close()
        assert list(chunks) == [["end"]]


def test_lines_of_a_big_input_keep_their_order(tmp_path: Path) -> None:
    lines = [f"line {i} " + "x" * (i % 500) for i in range(5000)]
    (tmp_path / "big").write_text("\n".join(lines))
    with (tmp_path / "big").open("rb") as stream:
        chunks = list(read_chunks(stream))
    assert len(chunks) > 3
    assert [line for chunk in chunks for line in chunk] == lines


def test_a_stream_without_line_ends(tmp_path: Path) -> None:
    (tmp_path / "endless").write_bytes(b"ok\n" + b"x" * (LONGEST_LINE + 1))
    with (tmp_path / "endless").open("rb") as stream:
        chunks = read_chunks(stream)
        assert next(chunks) == ["ok"]
        with pytest.raises(UserError, match="line 2: longer than 4 MiB"):
            next(chunks)


def test_the_first_chunk_is_small(tmp_path: Path) -> None:
    (tmp_path / "big").write_text("some words\n" * 100_000)
    with (tmp_path / "big").open("rb") as stream:
        sizes = [sum(len(line) + 1 for line in chunk) for chunk in read_chunks(stream)]
    assert sizes[0] <= 4096
    assert MOST_BYTES - 100 < max(sizes) <= MOST_BYTES + 100

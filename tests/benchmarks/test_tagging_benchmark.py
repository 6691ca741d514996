"""The benchmark of tagging prints times and whether the labels are the same."""

from pathlib import Path

import pytest
from students import exported

from benchmarks.tagging import HERE, main
from msd_ray.data.encoders.files import EncoderFiles


def test_two_checkouts_are_compared(
    tiny_encoder: EncoderFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exported(tiny_encoder, tmp_path / "student")
    other = tmp_path / "other"
    other.symlink_to(HERE)
    arguments = ["--model", str(tmp_path / "student"), "--sentences", "3", "--repeats", "1", "--other", str(other)]
    assert main(arguments) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("3 sentences of the embedded corpus (ar), ")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in shown[3:]]
    assert [row[0] for row in cells] == [str(HERE), str(other)]
    assert all(0.0 < float(row[1]) <= float(row[2]) and row[4] == "same" for row in cells)

"""benchmarks.load with few trials: all trials end, and equal seeds give equal decisions."""

import re
from pathlib import Path

import pytest

from benchmarks.load import main, windows
from msd_ray.common.errors import UserError


def test_the_windows_are_the_first_the_middle_and_the_last_tenth() -> None:
    assert windows(2000) == [(0, 200), (900, 1100), (1800, 2000)]
    assert windows(99) == [(0, 99)]


@pytest.mark.slow
@pytest.mark.extended
def test_a_search_in_small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = []
    for run, seed in enumerate(("0", "0", "1")):
        assert main(["--trials", "12", "--at-once", "6", "--seed", seed, "--storage", str(tmp_path / str(run))]) == 0
        outputs.append(capsys.readouterr().out)
    assert all("12 trials, 6 at a time" in out for out in outputs)
    digests = [re.findall(r"^decisions (\w{12}): ", out, re.MULTILINE) for out in outputs]
    assert digests[0] == digests[1] != digests[2]
    for out in outputs:
        (row,) = re.findall(r"^\| 0-12 \|.*$", out, re.MULTILINE)
        assert len(re.findall(r"\d", row)) > 12
        assert "nan" not in row
        assert "MLflow had all records" in out


@pytest.mark.parametrize("arguments", [["--trials", "0"], ["--at-once", "0"], ["--epoch-seconds", "nan"]])
def test_invalid_options_are_rejected(arguments: list[str]) -> None:
    with pytest.raises(UserError, match=arguments[0]):
        main(arguments)

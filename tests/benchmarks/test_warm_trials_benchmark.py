"""benchmarks.warm_trials with few trials: its table, and invalid options."""

import re
from pathlib import Path

import pytest
from shared_ray import SharedRay
from tune_process import Tune

from benchmarks.warm_trials import main
from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles


@pytest.mark.slow("a search on Ray with a process of its own in each phase")
@pytest.mark.cluster
@pytest.mark.extended
@pytest.mark.timeout(1200)
def test_prints_seconds_between_trials_and_memory(
    tiny_encoder: EncoderFiles, ray_cluster: SharedRay, tmp_path: Path
) -> None:
    counts = {"sentences": "64", "batch-size": "8", "epochs": "2", "trials": "3", "concurrent": "1"}
    options = [text for name, value in counts.items() for text in (f"--{name}", value)]
    arguments = ["-m", "benchmarks.warm_trials", "--encoder", str(tiny_encoder.directory), *options]
    with Tune([], tmp_path / "log", arguments, environment=ray_cluster.environment) as command:
        assert command.wait() == 0, command.output
    rows = re.findall(
        r"^\| (\w+) \| (\d+) \| 1 \| ([\d.]+) \| ([\d.]+) / ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$",
        command.output,
        re.MULTILINE,
    )
    assert [row[0] for row in rows] == ["teacher", "student", "confirm", "final"], command.output
    for _, trials, first, median, longest, peak, shared in rows:
        assert int(trials) >= 2
        assert 0 < float(median) <= float(longest)
        assert float(median) < float(first), command.output  # nothing is imported between two trials
        assert 0.2 < float(peak) < 3
        assert float(shared) < float(peak)


def test_invalid_options_are_rejected() -> None:
    with pytest.raises(UserError, match="--trials"):
        main(["--trials", "2", "--concurrent", "2"])

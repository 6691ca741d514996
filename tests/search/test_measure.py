"""Measurement of trainings, and the check of `--hours`."""

from pathlib import Path

import pytest
import torch
from small_search import RUN, MakeSearch, SmallSearch

from msd_ray.common.errors import UserError
from msd_ray.search.budget import Budget, Seconds
from msd_ray.search.final import remaining
from msd_ray.search.measure import check_hours, measure
from msd_ray.search.plans import Experiment


def files(directory: Path) -> set[Path]:
    return {path for path in directory.rglob("*") if path.is_file()}


def test_a_measurement_leaves_nothing_behind(experiment: Experiment) -> None:
    before, threads = files(experiment.storage.root), torch.get_num_threads()
    seconds = measure(experiment, RUN, threads=2)
    assert seconds.teacher > 0
    assert seconds.student > 0
    assert files(experiment.storage.root) == before
    assert torch.get_num_threads() == threads


@pytest.fixture
def search(new_search: MakeSearch) -> SmallSearch:
    return new_search(options={"hours": 1, "rows": "direct tsl paper best average", "confirm": 3, "seeds": 2})


def test_trainings_after_the_student_phase(search: SmallSearch) -> None:
    """Two seeds to confirm three students, perhaps the paper's; of each final seed three teachers, five students."""
    after = remaining(search.setup().settings)
    assert after.teachers == 2 * (1 + 1) + 2 * (1 + 1 + 1)  # best's and the paper's; best's, direct's, the paper's
    assert after.students == 2 * 3 + 2 * (1 + 1 + 1 + 2)  # tsl, paper, best, and two more to average


def test_hours_too_short_for_one_student(search: SmallSearch) -> None:
    settings = search.setup().settings
    assert settings.budget == Budget(hours=1)
    # One teacher and one student, 10 teachers and 16 students after them, two at once.
    enough = Seconds(teacher=100, student=200)  # 300 + (1000 + 3200) / 2 = 2400 s
    check_hours(settings, enough, concurrent=2)
    with pytest.raises(UserError, match=r"--hours 1 is too short: .* take about 1\.2 hours here"):
        check_hours(settings, enough, concurrent=1)

"""How many trials fit: a worker needs one machine, a share of a GPU one GPU."""

import pytest

from msd_ray.search.on_ray.resources import Resources, Room, trials_that_fit


@pytest.mark.parametrize(
    ("machines", "workers", "cpus", "gpus", "fit"),
    [
        ([(8, 0)], 0, 1, 0, 8),
        ([(8, 0)], 2, 2, 0, 2),
        ([(4, 0), (4, 0)], 1, 3, 0, 2),  # 8 CPUs, of which 2 are on no machine with a third
        ([(4, 0), (4, 0)], 1, 5, 0, 0),
        ([(64, 4)], 1, 1, 0.6, 4),  # not 6
        ([(64, 1)] * 4, 1, 1, 0.6, 4),
        ([(64, 2)], 1, 1, 0.4, 4),
        ([(64, 1)], 1, 1, 0.1, 10),
        ([(64, 1)], 1, 1, 0.33, 3),
        ([(64, 1)], 1, 1, 0.3333, 3),
        ([(64, 1)], 1, 1, 0.00001, 64),  # less than what Ray counts
        ([(64, 3), (64, 3)], 1, 1, 2, 2),
        ([(64, 3), (64, 3)], 2, 1, 2, 1),
        ([(2, 4)], 1, 1, 0.5, 2),  # CPUs are short
        ([(64, 0)], 1, 1, 0.5, 0),
        ([], 1, 1, 0, 0),
    ],
)
def test_trials_that_fit(machines: list[tuple[float, float]], workers: int, cpus: int, gpus: float, fit: int) -> None:
    rooms = [Room(cpus=have, gpus=cards) for have, cards in machines]
    assert trials_that_fit(rooms, Resources(workers=workers, cpus=cpus, gpus=gpus)) == fit

"""Memory of the processes that Ray Train starts per run, and that a search does not.

`python -m benchmarks.ray_train_memory` starts them as Ray Train does, without the runs: a cleaner of placement groups
and a manager of data sets for each. USS is the memory that a process shares with no other; it is free again when the
process ends.
"""

import argparse
import time
from collections.abc import Callable
from statistics import fmean
from typing import Any

import psutil

from msd_ray.common.errors import run_command
from msd_ray.common.limits import MIB
from msd_ray.search.on_ray.cluster import cluster

LIMIT_S = 1800.0


def start(actor: type, make: Callable[[Any], Any], count: int) -> list[Any]:
    """Start so many and wait until each answers."""
    import ray

    remote: Any = ray.remote(num_cpus=0)(actor)
    actors = [make(remote) for _ in range(count)]
    ray.get([one.__ray_ready__.remote() for one in actors], timeout=LIMIT_S)
    return actors


def memory(title: str) -> list[tuple[float, float]]:
    """USS and RSS in MiB of this process's descendants with that title."""
    found = []
    for process in psutil.Process().children(recursive=True):
        if " ".join(process.cmdline()).startswith(title):
            used = process.memory_full_info()
            found.append((used.uss / MIB, used.rss / MIB))
    return found


def main() -> int:
    """Run the command."""
    # Not before `cluster`, which decides on Ray's settings.
    import ray
    import ray.train
    from ray.data.context import DataContext
    from ray.train.v2._internal.data_integration.dataset_manager import DatasetManager
    from ray.train.v2._internal.execution.controller.placement_group_cleaner import PlacementGroupCleaner

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=24, help="trials at once (default: 24)")
    trials: int = parser.parse_args().trials
    with cluster(cpus=1):
        own = ray.get_runtime_context().get_node_id()
        actors = start(
            PlacementGroupCleaner,
            lambda remote: remote.remote(
                controller_actor_id="0" * 32, check_interval_s=1.0, get_actor_timeout_s=10, stop_timeout=None
            ),
            trials,
        )
        actors += start(
            DatasetManager,
            lambda remote: remote.remote(
                datasets={},
                data_config=ray.train.DataConfig(),
                data_context=DataContext.get_current(),
                world_size=1,
                worker_node_ids=[own],
            ),
            trials,
        )
        time.sleep(5)
        print(f"| process | for {trials} trials | USS of each, MiB | RSS of each, MiB | USS in all, GiB |")
        print("|---|---|---|---|---|")
        for actor in (PlacementGroupCleaner, DatasetManager):
            used = memory(f"ray::{actor.__name__}")
            uss, rss = fmean(one for one, _ in used), fmean(one for _, one in used)
            print(f"| {actor.__name__} | {len(used)} | {uss:.0f} | {rss:.0f} | {len(used) * uss / 1024:.1f} |")
    return 0


if __name__ == "__main__":
    run_command(main)

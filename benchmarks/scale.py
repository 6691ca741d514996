"""Trials per minute on 1, 2, 4 and 8 simulated Ray nodes: `python -m benchmarks.scale --figure docs/scale.svg`.

Each trial is a Ray Tune trial in its own process, started by the package's code, which replays a learning curve with
real sleeps. The nodes are those of `ray.cluster_utils.Cluster`, processes on this machine, which thus does the work of
all nodes, including the start of every trial's process. The driver's limit follows from its CPU time per trial, which
does not depend on other load.
"""

import argparse
import logging
import os
import platform
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

# The nodes start before Ray would create a token.
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))

import numpy as np
import torch

from msd_ray.common.errors import UserError, run_command
from msd_ray.method.within_epoch import Warned
from msd_ray.search.context import Report
from msd_ray.search.on_ray.resources import Resources
from msd_ray.search.on_ray.tuning import run_phase
from msd_ray.search.phase import Phase
from msd_ray.search.plans import Launch, TrialReport
from msd_ray.tracking.run_logger import open_run_logger
from msd_ray.tracking.study import StudyTracker
from msd_ray.tracking.uri import default_tracking_uri

from .curve_table import CurveTable, read_table
from .load import STUDENT_METRICS
from .scale_figure import scale_figure
from .simulation import SimulatedSearch, replay

STALL_S = 600.0


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Work of a trial's process: report its curve with real sleeps. scale: real seconds per second of the table."""

    scale: float

    def __call__(self, launch: Launch, device: torch.device, report: Report, warned: Warned | None) -> None:
        """Replay the launch's trials in order."""
        table = read_table()
        for plan in launch.trials:
            before = 0.0
            for due, curve_point in replay(plan, table, payload=STUDENT_METRICS - 2):
                time.sleep((due - before) * self.scale)
                before = due
                report(replace(curve_point, timestamp_ms=time.time_ns() // 1_000_000))


@dataclass(frozen=True, kw_only=True)
class Point:
    """Measurements with one number of nodes.

    per_minute: trials ended per minute, from the first end to the last. ideal: trials per minute if trials started
    instantly. cpu: the driver's CPU seconds per trial. lag: seconds from a worker's report until it was recorded,
    median and longest.
    """

    nodes: int
    trials: int
    per_minute: float
    ideal: float
    cpu: float
    lag: tuple[float, float]

    @property
    def limit(self) -> float:
        """Trials per minute that the driver's CPU time allows."""
        return 60 / self.cpu


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table, write the figure and return 0. Raises UserError for invalid options or no table."""
    options = _parser().parse_args(arguments)
    if min(options.nodes) < 1 or options.trials_a_slot < 2 or options.slots < 1 or not options.epoch_seconds > 0:
        raise UserError("--nodes, --slots and --epoch-seconds must be positive, --trials-a-slot must be 2 or more")
    table = read_table()
    points = []
    for nodes in options.nodes:
        point = _measure(table, nodes, options)
        points.append(point)
        print(f"  {nodes} nodes: {point.per_minute:.1f} trials per minute", flush=True)
    print(
        f"\n{platform.processor() or platform.machine()}, {os.cpu_count()} cores; {options.slots} trials at a time "
        f"per node; epochs of {options.epoch_seconds:g} s on average, {table.epochs} per trial\n"
    )
    print(
        "| nodes | trials at a time | trials | trials per minute | of one node | share of the ideal "
        "| driver, CPU ms per trial | driver's limit, trials per minute | lag, ms: median / longest |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for point in points:
        print(
            f"| {point.nodes} | {point.nodes * options.slots} | {point.trials} | {point.per_minute:.1f} "
            f"| x {point.per_minute / points[0].per_minute:.2f} | {point.per_minute / point.ideal:.0%} "
            f"| {1000 * point.cpu:.0f} | {point.limit:.0f} | {1000 * point.lag[0]:.0f} / {1000 * point.lag[1]:,.0f} |"
        )
    if options.figure is not None:
        options.figure.write_text(
            scale_figure([(p.nodes, p.per_minute, p.ideal, p.limit) for p in points]), encoding="utf-8"
        )
        print(f"\nfigure: {options.figure}")
    return 0


def _measure(table: CurveTable, nodes: int, options: argparse.Namespace) -> Point:
    scale = options.epoch_seconds / float(np.mean([curve.seconds for curve in table.curves]))
    slots = nodes * options.slots
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scale-")))
        # Without pruning all trials take equally long, so the ideal is known.
        search = SimulatedSearch(
            table=table,
            study_storage=f"sqlite:///{directory / 'studies.db'}",
            storage=directory,
            trials=slots * options.trials_a_slot,
            seed=0,
            pruned=False,
        )
        open_tracker = partial(
            StudyTracker.open,
            default_tracking_uri(directory),
            dataset="simulated",
            lang="table",
            study="scale",
            parameters={},
            tags={},
        )
        run_logger = stack.enter_context(
            open_run_logger(directory / "records.jsonl", open_tracker, root=directory, report=print)
        )
        stack.enter_context(_nodes(nodes, options.slots))
        ends: list[float] = []
        lags: list[float] = []

        def run(phase: Phase) -> None:
            on_report = phase.on_report

            def timed(report: TrialReport) -> bool:
                stop = on_report(report)
                lags.append(time.time() - report.timestamp_ms / 1000)
                if report.finished:
                    ends.append(time.perf_counter())
                return stop

            phase.on_report = timed  # type: ignore[method-assign]
            resources = Resources(workers=0, cpus=1, concurrent=slots)
            run_phase(phase, resources, stall_s=STALL_S, work=Replay(scale=scale))

        cpu = time.process_time()
        trials = search.run(run_logger, run)
        cpu = time.process_time() - cpu
    if any(trial.state != "COMPLETE" for trial in trials):
        raise UserError(f"trials failed: {sorted({trial.reason or trial.state for trial in trials})}")
    seconds = [scale * sum(table.curve(trial.parameters).seconds) for trial in trials]
    return Point(
        nodes=nodes,
        trials=len(trials),
        per_minute=60 * (len(ends) - 1) / (ends[-1] - ends[0]),
        ideal=60 * slots / float(np.mean(seconds)),
        cpu=cpu / len(trials),
        lag=(float(np.median(lags)), max(lags)),
    )


@contextmanager
def _nodes(count: int, slots: int) -> Iterator[None]:
    """Start a cluster of `count` nodes that run trials, and a head node that runs none."""
    import ray
    from ray.cluster_utils import Cluster

    node: dict[str, Any] = {"num_cpus": slots, "node_ip_address": "127.0.0.1"}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "num_cpus": 0})
    try:
        for _ in range(count):
            cluster.add_node(**node)
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
        yield
    finally:
        ray.shutdown()
        cluster.shutdown()  # type: ignore[no-untyped-call]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description="Measure trials per minute against the number of simulated Ray nodes.",
    )
    add = parser.add_argument
    add("--nodes", type=int, nargs="+", default=[1, 2, 4, 8], metavar="N", help="default: 1 2 4 8")
    add("--slots", type=int, default=2, metavar="N", help="trials at a time per node (default: 2)")
    add("--trials-a-slot", type=int, default=4, metavar="N", help="trials per slot (default: 4)")
    add("--epoch-seconds", type=float, default=2.0, metavar="X", help="mean seconds per epoch (default: 2)")
    add("--figure", type=Path, metavar="FILE.svg", help="write the plot to this file")
    return parser


if __name__ == "__main__":
    run_command(main)

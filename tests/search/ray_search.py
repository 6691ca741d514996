"""Runs the phases of a small search on Ray, in a process of its own, and writes what the cluster was like meanwhile.

python ray_search.py SEARCH.pickle REPORT.json WORKERS STALL_S TROUBLE ...

Troubles: the driver is `busy` at the last report of each teacher; the first student's worker is `kill`ed after its
first epoch; `stop` ends all students but the first at their first report; trials ask for more than there is (`starve`);
a cluster of the search's own has `one-cpu`; the first report of a student is `refuse`d by what records it; each time
that a trial is handed out, the processes that were kept for it are `lost`.
"""

import json
import os
import pickle
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from shared_ray import HEAD
from tune_process import command_line, descendants_of, listening, pids_titled

from msd_ray.common.errors import UserError
from msd_ray.search.on_ray.cluster import cluster
from msd_ray.search.on_ray.resources import Resources
from msd_ray.search.on_ray.tuning import run_phase
from msd_ray.search.on_ray.watchdog import StalledError
from msd_ray.search.phase import Phase
from msd_ray.search.plans import Launch, TrialReport

WORKER = "ray::RayTrainWorker"
TRIAL = "ray::ImplicitFunc"
RAY = int(os.environ.get(HEAD, os.getpid()))
"""The process that Ray's processes descend from."""


@dataclass(kw_only=True)
class Seen:
    """What the driver saw.

    killed: process ids. trained: process ids of trials in their own processes, phase by phase. free: CPUs after each
    phase. between: seconds from each stop of a trial to the next one's first report. listens_on: addresses of the
    cluster's sockets at the reports. processes: titles of the cluster's processes then. reason: of a stall or refusal.
    """

    killed: list[int] = field(default_factory=list)
    trained: list[list[int]] = field(default_factory=list)
    free: list[float] = field(default_factory=list)
    between: list[float] = field(default_factory=list)
    listens_on: list[str] = field(default_factory=list)
    processes: list[str] = field(default_factory=list)
    reason: str = ""


def main(search_file: Path, report_file: Path, workers: int, stall_s: float, troubles: list[str]) -> int:
    """0, or 3 after a stall, 4 after a refusal."""
    import ray

    search = pickle.loads(search_file.read_bytes())
    seen = Seen()
    cpus = 1 if "one-cpu" in troubles else 2
    resources = Resources(workers=workers, cpus=cpus + 1 if "starve" in troubles else 1, concurrent=1)
    stopped_at: float | None = None

    def watched(phase: Phase) -> None:
        on_report, next_launch = phase.on_report, phase.next_launch
        trained: set[int] = set()
        if "stop" in troubles and phase.name == "student":
            phase.study.should_stop = lambda number, epoch: number > 0  # type: ignore[method-assign]

        def note(report: TrialReport) -> bool:
            nonlocal stopped_at
            trained.update(pids_titled(descendants_of(RAY), TRIAL))
            titles = {command_line(pid).partition(".")[0] for pid in descendants_of(RAY)}
            seen.processes = sorted(title for title in titles.union(seen.processes) if title.startswith("ray::"))
            addresses = {address for address, _ in listening({os.getpid(), *descendants_of(RAY)})}
            seen.listens_on = sorted(addresses.union(seen.listens_on))
            if "refuse" in troubles and phase.name == "student":
                raise UserError("MLflow has no such run")
            if stopped_at is not None and report.epoch == 1 and phase.name == "student":
                seen.between.append(time.monotonic() - stopped_at)
                stopped_at = None
            stop = on_report(report)
            if "busy" in troubles and phase.name == "teacher" and report.epoch == 2:
                time.sleep(10)  # the run's last report comes, and the run ends, meanwhile
            if stop:
                stopped_at = time.monotonic()
            return stop

        def lose() -> Launch | None:
            seen.killed += _kill_all(TRIAL)
            return next_launch()

        if "kill" in troubles and phase.name == "student":
            threading.Thread(target=_kill_after_first_epoch, args=(search.root, seen), daemon=True).start()
        if "lost" in troubles:
            phase.next_launch = lose  # type: ignore[method-assign]
        phase.on_report = note  # type: ignore[method-assign]
        run_phase(phase, resources, stall_s=stall_s, wait_s=stall_s)
        seen.trained.append(sorted(trained))
        # Not earlier: while Tune waits, it frees nothing.
        seen.free.append(_free_cpus())

    def _free_cpus() -> float:
        until = time.monotonic() + 30
        while True:
            free = ray.available_resources().get("CPU", 0.0)  # type: ignore[no-untyped-call]
            if free == cpus or time.monotonic() > until:
                return float(free)
            time.sleep(0.1)

    code = 0
    try:
        with cluster(cpus=cpus):
            search.run(watched)
    except StalledError as error:
        code, seen.reason = 3, str(error)
    except UserError as error:
        code, seen.reason = 4, str(error)
    report_file.write_text(json.dumps(asdict(seen)))
    return code


def _kill_after_first_epoch(storage: Path, seen: Seen) -> None:
    """Kill the first student's worker as soon as its first epoch is stored.

    Not when the driver gets the report: on a busy machine that is after the worker has ended.
    """
    while not list(storage.glob("students/*/record.json")):
        time.sleep(0.02)
    seen.killed += _kill_all(WORKER)


def _kill_all(title: str) -> list[int]:
    """Kill those of the cluster's processes that are called so."""
    pids = pids_titled(descendants_of(RAY), title)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return pids


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), sys.argv[5:]))

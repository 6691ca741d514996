"""Runs the phases of a small search on Ray, in a process of its own, and writes what the cluster was like meanwhile.

python ray_search.py SEARCH.pickle REPORT.json WORKERS STALL_S TROUBLE ...

Troubles: the driver is `busy` at the last report of each teacher; the first student's process is `kill`ed or made to
`hang` at its first report; `stop` ends every other student at its first report; the first report of a student is
`refuse`d by what records it.
"""

import json
import os
import pickle
import signal
import sys
import time
from pathlib import Path

from msd_ray.errors import UserError
from msd_ray.search.on_ray import Resources, StalledError, cluster, run_phase
from msd_ray.search.phase import Phase
from msd_ray.search.plans import TrialReport

SIGNALS = {"kill": signal.SIGKILL, "hang": signal.SIGSTOP}


def main(search_file: Path, report_file: Path, workers: int, stall_s: float, troubles: list[str]) -> int:
    """0, or 3 after a stall, 4 after a refusal."""
    import ray

    search = pickle.loads(search_file.read_bytes())
    free: list[float] = []
    killed: list[int] = []
    by_signal = [SIGNALS[trouble] for trouble in troubles if trouble in SIGNALS]

    def watched(phase: Phase) -> None:
        on_report = phase.on_report
        if "stop" in troubles and phase.name == "student":
            phase.study.should_stop = lambda number, epoch: number > 0  # type: ignore[method-assign]

        def note(report: TrialReport) -> bool:
            if "refuse" in troubles and phase.name == "student":
                raise UserError("MLflow has no such run")
            stop = on_report(report)
            if "busy" in troubles and phase.name == "teacher" and report.epoch == 2:
                time.sleep(10)  # the run's last report comes, and the run ends, meanwhile
            if by_signal and phase.name == "student" and report.epoch == 1 and not killed:
                killed.append(signal_trial(by_signal[0]))
            return stop

        phase.on_report = note  # type: ignore[method-assign]
        run_phase(phase, Resources(workers=workers, cpus=1, concurrent=1), stall_s=stall_s)
        # Not earlier: while Tune waits, it frees nothing.
        free.append(_free_cpus())

    def signal_trial(number: signal.Signals) -> int:
        """Signal the process that trains."""
        from ray.util.state import list_actors

        name = "RayTrainWorker" if workers else "ImplicitFunc"
        alive = list_actors(filters=[("state", "=", "ALIVE")], detail=True)
        (pid,) = (actor.pid for actor in alive if actor.pid and name in actor.class_name)
        os.kill(pid, number)
        return int(pid)

    def _free_cpus() -> float:
        until = time.monotonic() + 30
        while True:
            cpus = ray.available_resources().get("CPU", 0.0)  # type: ignore[no-untyped-call]
            if cpus == 2 or time.monotonic() > until:
                return float(cpus)
            time.sleep(0.1)

    code, reason = 0, ""
    try:
        with cluster(cpus=2):
            search.run(watched)
    except StalledError as error:
        code, reason = 3, str(error)
    except UserError as error:
        code, reason = 4, str(error)
    report_file.write_text(json.dumps({"free": free, "killed": killed, "reason": reason}))
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), sys.argv[5:]))

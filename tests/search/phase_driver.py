"""Drive a phase in the calling process, without Ray or training; the trials' reports are constants.

`drive` runs it from its beginning, or from where an earlier driver was, to its end; a hook hears of every report and
may do to the process or to MLflow what it likes.
"""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from rich.console import Console
from small_search import RUN, SmallSearch, student_plan

from msd_ray.cli.display import progress
from msd_ray.common.manifest import new_content
from msd_ray.search.early_stopping import Pruning
from msd_ray.search.parameters import Fixed, Range
from msd_ray.search.phase import Phase
from msd_ray.search.plans import TrialPlan, TrialReport
from msd_ray.search.progress import PhasePlan
from msd_ray.search.records import RunLabel
from msd_ray.search.studies import PhaseStudy, TrialRecord
from msd_ray.tracking.replay import Backoff
from msd_ray.tracking.run_logger import JournaledRunLogger, open_run_logger
from msd_ray.tracking.study import StudyTracker

TRIALS = 4


def plan(record: TrialRecord) -> TrialPlan:
    return student_plan(record.number)


def label(record: TrialRecord, plan: TrialPlan) -> RunLabel:
    return RunLabel(
        key=f"student/{plan.number}", name=f"student-{plan.number}", parameters=dict(record.parameters), tags={"t": "1"}
    )


def epoch(number: int, epoch: int, value: float, timestamp_ms: int = 1000) -> TrialReport:
    return TrialReport(
        number=number, stage="x", epoch=epoch, timestamp_ms=timestamp_ms, metrics={"dev_target/f1": value, "loss": 1.5}
    )


def finished(number: int, value: float) -> TrialReport:
    return TrialReport(
        number=number, stage="finished", metrics={"dev_target/f1": value}, tags={"weights": "w"}, finished=True
    )


def open_study(url: str) -> PhaseStudy:
    return PhaseStudy.open(
        url,
        "small/student",
        space={"beta": Range(low=0.1, high=10, log=True), "dropout": Fixed(value=0.1)},
        settings={},
        seed=1,
        trials=TRIALS,
        pruning=Pruning(epochs=RUN.epochs, grace=1, reduction=2),
    )


Before = Callable[[int, JournaledRunLogger], None]


def nothing(step: int, run_logger: JournaledRunLogger) -> None:
    """Does nothing."""


@dataclass(frozen=True, kw_only=True)
class Driven:
    """Result of a driver: its terminal output, and the run ids of its trials in the study."""

    output: str
    run_ids: dict[int, str]


def drive(search: SmallSearch, uri: str, *, before: Before = nothing, drain_s: float = 300) -> Driven:
    """Run the phase to its end, with its runs in the MLflow at `uri`.

    `before` is called with 0, 1, 2, ... before each report, and at last with -1, when all trials have ended; and with
    the records.
    """
    setup = search.setup()
    output = StringIO()
    study = open_study(setup.study_storage)
    with (
        progress(Console(file=output, width=200)) as display,
        open_run_logger(
            setup.storage.records("small"),
            lambda: StudyTracker.open(uri, dataset="wikiann", lang="ar", study="small", parameters={}, tags={}),
            root=setup.storage.root,
            report=display.line,
            backoff=Backoff(initial_s=0.1, maximum_s=1),
        ) as run_logger,
    ):
        display.phase(PhasePlan(name="student", total=TRIALS))
        phase = Phase(
            name="student",
            experiment=setup.prepared.experiment,
            study=study,
            plan=plan,
            label=label,
            run_logger=run_logger,
            display=display,
            threads=1,
        )
        step = 0
        while (launch := phase.next_launch()) is not None:
            for report in reports(setup.storage.root, launch.trials[0].number):
                before(step, run_logger)
                step += 1
                if phase.on_report(report):
                    break
            phase.on_launch_end(launch, None)
        before(-1, run_logger)
        tracker = run_logger.drain(drain_s)
        phase.store_run_ids()
    tracker.close()
    return Driven(output=output.getvalue(), run_ids=study.run_ids())


def reports(root: Path, number: int) -> list[TrialReport]:
    """What a trial reports: two epochs, and then a score with files; trial 1 is pruned, trial 2 fails."""
    value = 0.1 if number == 1 else 0.5 + number / 10
    epochs = [epoch(number, n, value * n / 2, timestamp_ms=1000 * n) for n in (1, 2)]
    if number == 2:
        return [epochs[0], TrialReport(number=number, stage="failed", finished=True, reason="the loss is not finite")]
    files = root / "results" / f"of-{number}"
    if not files.exists():
        with new_content(files) as scratch:
            (scratch / "predictions.txt").write_text(f"predictions of {number}", encoding="utf-8")
    metrics = {"dev_target/f1": value, "test/f1": value / 3}
    return [
        *epochs,
        TrialReport(
            number=number,
            stage="finished",
            metrics=metrics,
            tags={"weights": "w"},
            finished=True,
            files=f"results/of-{number}",
        ),
    ]


def drive_and_die(search: SmallSearch, uri: str, server: int, kills_server_at: int, dies_at: int) -> None:
    """The same in a process of its own, which kills the server's process group and, some reports later, itself."""

    def before(step: int, run_logger: JournaledRunLogger) -> None:
        if step == kills_server_at:
            run_logger.drain(300)
            os.killpg(server, signal.SIGKILL)
        if step == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    drive(search, uri, before=before)

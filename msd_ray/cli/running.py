"""Run one study per language: check all studies, start Ray, then run one language after the other."""

import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from rich.console import Console

from msd_ray.common.interrupts import InterruptedBySignal, interruptible
from msd_ray.common.text import printable
from msd_ray.search.budget import Seconds
from msd_ray.search.execution import Execution
from msd_ray.search.lost_runs import lost_runs
from msd_ray.search.on_ray.cluster import DeferredCluster, concurrent_trials
from msd_ray.search.on_ray.tuning import run_phase
from msd_ray.search.on_ray.watchdog import StalledError
from msd_ray.search.phase import Phase
from msd_ray.search.phase_status import PhaseStatus, is_finished
from msd_ray.search.plans import Scored
from msd_ray.search.records import RunLogger
from msd_ray.search.studies.session_lock import study_session_lock
from msd_ray.tracking.conflicts import check_no_conflict
from msd_ray.tracking.connection import connect
from msd_ray.tracking.outages import MlflowUnavailableError
from msd_ray.tracking.parameters import Json
from msd_ray.tracking.run_logger import JournaledRunLogger, RecordsPendingError, open_run_logger
from msd_ray.tracking.study import StudyTracker

from .console import working
from .display import ConsoleDisplay
from .options import TuneOptions
from .search_settings import resources_of, wait_seconds
from .setup import Setup

Result = TypeVar("Result")
On = Callable[[Setup], None]
ON_STALL = 1
"""Exit code after a stall, or if MLflow is unavailable after training."""


def run_studies(
    setups: Sequence[Setup],
    console: Console,
    *,
    preflight: Callable[[], None],
    check: On,
    begin: On,
    status: Callable[[Setup], Iterable[PhaseStatus]],
    run: Callable[[Setup, DeferredCluster], Result],
) -> list[Result] | int:
    """Run the studies of all languages. Ray starts only if a study has something to train.

    Args:
        setups: the studies.
        console: where to print.
        preflight: raises UserError if a search cannot run here.
        check: raises UserError for a study that cannot be resumed; writes nothing.
        begin: creates what a study needs, after all studies were checked.
        status: status of the phases of a study.
        run: runs a study.

    Returns: the results of `run`, or the exit code after a stall, an MLflow outage or an interrupt, which is printed.
    """
    try:
        with (
            interruptible(),
            _locked_studies(setups, console, preflight=preflight, check=check, begin=begin),
            ExitStack() as stack,
        ):
            ray = DeferredCluster(stack)
            if not all(is_finished(status(setup)) for setup in setups):
                with working(console, "Starting Ray"):
                    ray.start()
            return each(setups, lambda setup: run(setup, ray))
    except (StalledError, RecordsPendingError) as error:
        print(f"stopped: {printable(str(error))}. Run the same command again to resume.", file=sys.stderr)
        return ON_STALL
    except KeyboardInterrupt as error:
        by = error if isinstance(error, InterruptedBySignal) else InterruptedBySignal(signal.SIGINT)
        print(
            f"stopped by {by.number.name}. Finished trials and epochs are stored. "
            "Run the same command again to resume.",
            file=sys.stderr,
        )
        return by.exit_code


def each(setups: Sequence[Setup], run: Callable[[Setup], Result]) -> list[Result]:
    """What `run` returns for each language. Pending records of one language do not delay the next language.

    A language with pending records is run again at the end, which trains nothing. Raises RecordsPendingError for the
    first language whose records are still pending.
    """
    waiting: dict[int, RecordsPendingError] = {}
    results: dict[int, Result] = {}

    def run_one(position: int) -> None:
        try:
            results[position] = run(setups[position])
            waiting.pop(position, None)
        except MlflowUnavailableError as error:  # as it was asked for the summary
            waiting[position] = RecordsPendingError(f"training is complete, but {error.reason}")
        except RecordsPendingError as error:
            waiting[position] = error

    for position in range(len(setups)):
        run_one(position)
    if len(setups) - 1 not in waiting:  # MLflow is back
        for position in list(waiting):
            run_one(position)
    for error in waiting.values():
        raise error
    return [results[position] for position in range(len(setups))]


def check_recorded(setup: Setup, parameters: Mapping[str, Json], *, command: str) -> None:
    """Raise UserError if MLflow has the study from the other command, or with other parameters."""
    check_no_conflict(
        setup.mlflow_uri,
        dataset=setup.data.dataset,
        lang=setup.lang,
        study=setup.settings.name,
        parameters=parameters,
        command=command,
    )


def log_study_file(tracker: StudyTracker, setup: Setup) -> None:
    """Store the study file in the parent run, in place of that of an earlier start."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "study.yaml"
        path.write_text(setup.study_file, encoding="utf-8")
        tracker.log_file(tracker.parent_id, path)


def study_run_logger(
    setup: Setup, open_tracker: Callable[[], StudyTracker], display: ConsoleDisplay
) -> AbstractContextManager[JournaledRunLogger]:
    """Open the run logger of a study; MLflow may be unavailable."""
    return open_run_logger(
        setup.storage.records(setup.settings.name), open_tracker, root=setup.storage.root, report=display.line
    )


def drain_records(
    run_logger: JournaledRunLogger, execution: Execution, options: TuneOptions, display: ConsoleDisplay
) -> StudyTracker:
    """Wait until MLflow has all records of a finished study. Raises RecordsPendingError after --mlflow-minutes.

    Runs that MLflow has lost, because they were deleted there, are restored, or else recorded again.
    """

    def drained() -> StudyTracker:
        with display.working("Waiting for MLflow", in_log=False):
            return run_logger.drain(60 * options.mlflow_minutes)

    tracker = drained()
    if lost := lost_runs(execution.phases, _recorded(tracker)):
        if restored := tracker.restore(lost):
            display.line(f"deleted runs were restored in MLflow: {', '.join(restored)}")
        if lost := lost_runs(execution.phases, _recorded(tracker)):
            display.line(f"MLflow lacks runs of this study; they are recorded again: {', '.join(lost)}")
            execution.record_again(lost)
            tracker = drained()
    execution.store_run_ids()
    return tracker


def _recorded(tracker: StudyTracker) -> dict[str, str | None]:
    """State of each run in MLflow by key."""
    return {run.key: run.state for run in tracker.runs()}


def execution(
    setup: Setup,
    options: TuneOptions,
    run_logger: RunLogger,
    display: ConsoleDisplay,
    scored: Callable[[], Scored],
    expected: Seconds | None = None,
    ray: DeferredCluster | None = None,
) -> Execution:
    """Execution of a study on the cluster, with the resources of the options.

    ray: started before the first trial; None if this process has joined a cluster.
    """

    resources = resources_of(options)

    @cache
    def concurrent() -> int:
        if ray is not None and not ray.started:
            with display.working("Starting Ray"):
                ray.start()
        return concurrent_trials(resources)

    def run(phase: Phase) -> None:
        run_phase(
            phase,
            replace(resources, concurrent=concurrent()),
            stall_s=60 * options.stall_minutes,
            wait_s=wait_seconds(options),
        )

    return Execution(
        experiment=setup.prepared.experiment,
        conditions=setup.conditions,
        study_storage=setup.study_storage,
        run_logger=run_logger,
        display=display,
        threads=options.cpus_per_trial,
        run_phase=run,
        scored=scored,
        one_launch_per_seed=options.workers > 0,
        concurrent=concurrent,
        expected=expected,
    )


@contextmanager
def _locked_studies(
    setups: Sequence[Setup], console: Console, *, preflight: Callable[[], None], check: On, begin: On
) -> Iterator[None]:
    """Lock, check and open the studies of all languages, and encode their corpora.

    Errors appear here, before Ray starts and before MLflow has a run. All studies are checked before one is changed.

    Raises: UserError for a study that cannot run.
    """
    with ExitStack() as locks:
        with working(console, "Checking storage and databases"):
            preflight()
            setups[0].storage.create()
            for setup in setups:
                locks.enter_context(setup.storage.study_lock(setup.settings.name))
                locks.enter_context(study_session_lock(setup.study_storage, setup.settings.name))
            connect(setups[0].mlflow_uri)
            for setup in setups:
                check(setup)
        with working(console, "Encoding"):
            for setup in setups:
                begin(setup)
                setup.prepared  # noqa: B018 - the first use encodes
        yield

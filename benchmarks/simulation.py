"""A student phase whose trainings are replayed from the table of learning curves, on a simulated clock.

Everything except the training is the package's code: `Execution` and `Phase`, the study in its database with proposals
and pruning, and the given run logger. `at_once` trials run at a time. Reports arrive at the times of the curves; ties
are broken by the order of starts. A search is thus a function of table, seed and settings, and takes only its driver's
time.
"""

import heapq
import io
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import optuna
from optuna.storages import InMemoryStorage
from rich.console import Console

from msd_ray.cli.display import progress
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.method.settings import Configuration, RunSettings, StudentSettings, TeacherSettings, dev_metric, to_json
from msd_ray.search.configuration import label, settings_of
from msd_ray.search.execution import Execution
from msd_ray.search.parameters import JSON, Choice, Fixed, Parameter, Range
from msd_ray.search.phase import Phase
from msd_ray.search.plans import Corpora, Experiment, Launch, Scored, TrialPlan, TrialReport
from msd_ray.search.records import Ending, RunLogger
from msd_ray.search.spaces import with_every_choice
from msd_ray.search.studies import PhaseStudy, Pruning, TrialRecord
from msd_ray.search.studies.points import Points
from msd_ray.storage.layout import Storage

from .curve_table import PAPER, SPACE, CurveTable

ORIGIN_MS = 1_700_000_000_000  # when simulated searches begin, Unix time
REDUCTION = 3


@dataclass(frozen=True, kw_only=True)
class SimulatedSearch:
    """A search's student phase.

    study_storage: database URL; None keeps the study in memory, which suffices to compare decisions. storage: output
    directory. first: parameters of the first trials, by default the paper's; trials with the choices that these leave
    out follow. pruned: whether ASHA prunes trials. kinds: see `asha.Pruning`; empty, because one kind of start never
    learns in the table's short trainings. payload: additional metrics per epoch, so that recording an epoch costs as
    much as a real one.
    """

    table: CurveTable
    trials: int
    seed: int
    study_storage: str | None = None
    storage: Path = Path()
    at_once: int = 1
    pruned: bool = True
    kinds: tuple[str, ...] = ()
    first: Sequence[Mapping[str, JSON]] = (PAPER,)
    name: str = "simulated"
    payload: int = 0

    def open(self) -> PhaseStudy:
        """Open the study, creating it if it does not exist."""
        space: dict[str, Parameter] = {**SPACE, "teachers": Fixed(value=1)}
        pruning = Pruning(epochs=self.table.epochs, reduction=REDUCTION, kinds=self.kinds) if self.pruned else None
        name, first = f"{self.name}/student", with_every_choice(self.first, space)
        if self.study_storage is None:
            return _in_memory(name, space=space, seed=self.seed, trials=self.trials, first=first, pruning=pruning)
        return PhaseStudy.open(
            self.study_storage,
            name,
            space=space,
            settings={"run": to_json(self._run), "table": list(self.table.about)},
            seed=self.seed,
            trials=self.trials,
            first=first,
            pruning=pruning,
        )

    def run(self, run_logger: RunLogger, run_phase: Callable[[Phase], None] | None = None) -> list[TrialRecord]:
        """Run or resume the search and return its trials. run_phase: default `play`, on the simulated clock."""
        study = self.open()
        with progress(Console(file=io.StringIO())) as display:
            Execution(
                experiment=self._experiment,
                conditions={},
                study_storage=self.study_storage or "",
                run_logger=run_logger,
                display=display,
                threads=1,
                run_phase=run_phase or self.play,
                scored=_no_final_runs,
            ).run("student", study, self._plan, label)
        trials = study.trials()
        if self.study_storage is not None:
            study.close()
        return trials

    def play(self, phase: Phase, calls: "PhaseCalls | None" = None) -> None:
        """Run the phase on the simulated clock. calls: makes the calls to the phase."""
        calls = calls or PhaseCalls()
        running: list[_RunningTrial] = []
        order = itertools.count()

        def fill(now: float) -> None:
            while len(running) < self.at_once and (launch := calls.next_launch(phase, now)) is not None:
                heapq.heappush(running, _RunningTrial.begin(now, next(order), launch, self.table, self.payload))

        fill(0.0)
        while running:
            trial = heapq.heappop(running)
            continues = not calls.on_report(phase, trial.report, trial.due)
            if continues and trial.advance():
                heapq.heappush(running, trial)
                continue
            phase.on_launch_end(trial.launch, None)
            fill(trial.due)

    @property
    def _run(self) -> RunSettings:
        return RunSettings(epochs=self.table.epochs)

    @property
    def _experiment(self) -> Experiment:
        """The experiment that trials share; replayed trials read nothing from it."""
        encoder = EncoderFiles(name="table of learning curves", directory=self.storage, digest="")
        corpora = Corpora(label_names=(), pad_id=0, source_train="", target_train="", dev="", final_dev="")
        return Experiment(storage=Storage.at(self.storage), encoder=encoder, corpora=corpora)

    def _plan(self, record: TrialRecord) -> TrialPlan:
        configuration = Configuration(
            teachers=(TeacherSettings(),), student=settings_of(StudentSettings, record.parameters)
        )
        return TrialPlan(phase="student", number=record.number, run=self._run, configurations=(configuration,))


class _Memory(InMemoryStorage):
    """Optuna's in-memory storage with the URL that a study's error messages need."""

    url = "sqlite://"


def _in_memory(
    name: str,
    *,
    space: Mapping[str, Parameter],
    seed: int,
    trials: int,
    first: Sequence[Mapping[str, JSON]],
    pruning: Pruning | None,
) -> PhaseStudy:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    memory = _Memory()
    study = optuna.create_study(study_name=name, storage=memory, direction="maximize")
    return PhaseStudy(
        study,
        memory,  # type: ignore[arg-type]
        memory,
        points=Points(space, seed=seed, first=first),
        trials=trials,
        pruning=pruning,
    )


class PhaseCalls:
    """The calls to a phase; subclasses measure them or fail. now: simulated seconds since the beginning."""

    def next_launch(self, phase: Phase, now: float) -> Launch | None:
        """Return the next launch, if there is one."""
        return phase.next_launch()

    def on_report(self, phase: Phase, report: TrialReport, now: float) -> bool:
        """Pass on a trial's report and return whether the trial must stop."""
        return phase.on_report(report)


@dataclass(kw_only=True, order=True)
class _RunningTrial:
    """A running trial. report: its next report, at `due` simulated seconds."""

    due: float
    order: int
    launch: Launch = field(compare=False)
    reports: Iterator[tuple[float, TrialReport]] = field(compare=False)
    report: TrialReport = field(compare=False)

    @classmethod
    def begin(cls, now: float, order: int, launch: Launch, table: CurveTable, payload: int) -> "_RunningTrial":
        (plan,) = launch.trials
        reports = replay(plan, table, start=now, payload=payload)
        due, report = next(reports)
        return cls(due=due, order=order, launch=launch, reports=reports, report=report)

    def advance(self) -> bool:
        """Advance to the next report; return False after the last one."""
        following = next(self.reports, None)
        if following is not None:
            self.due, self.report = following
        return following is not None


def replay(
    plan: TrialPlan, table: CurveTable, *, start: float = 0.0, payload: int = 0
) -> Iterator[tuple[float, TrialReport]]:
    """Yield a student trial's reports with their times in simulated seconds. start: time of the trial's start."""
    student = plan.configurations[0].student
    assert student is not None
    curve = table.curve({name: getattr(student, name) for name in SPACE})
    now, last = start, len(curve.f1)
    for epoch, (f1, seconds) in enumerate(zip(curve.f1, curve.seconds, strict=True), start=1):
        now += seconds
        more = {f"payload/{index:02}": float(epoch) for index in range(payload)}
        yield now, _report(plan, now, f"student epoch {epoch}/{last}", {dev_metric("target"): f1, **more}, epoch=epoch)
    best = max(curve.f1)
    results = {dev_metric("target"): best, "best_epoch": float(curve.f1.index(best) + 1)}
    yield now, _report(plan, now, "finished", results, finished=True)


def _report(
    plan: TrialPlan,
    now: float,
    stage: str,
    metrics: Mapping[str, float],
    *,
    epoch: int | None = None,
    finished: bool = False,
) -> TrialReport:
    return TrialReport(
        number=plan.number,
        stage=stage,
        epoch=epoch,
        timestamp_ms=ORIGIN_MS + round(1000 * now),
        metrics=metrics,
        finished=finished,
    )


class NullRunLogger:
    """Run logger (`records.RunLogger`) that discards everything, for searches of which only the study is used."""

    def child(self, key: str, *, name: str, parameters: Mapping[str, JSON], tags: Mapping[str, str]) -> None:
        """Discard the call."""

    def run_id(self, key: str) -> str | None:
        """Return None."""
        return None

    def check(self) -> None:
        """Accept everything."""

    def log_epoch(self, key: str, *, epoch: int, metrics: Mapping[str, float], timestamp_ms: int) -> None:
        """Discard the call."""

    def log_file(self, key: str, path: Path, artifact_path: str | None = None) -> None:
        """Discard the call."""

    def finish(
        self,
        key: str,
        *,
        state: Ending,
        reason: str | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Discard the call."""


def random_points(count: int, seed: int) -> list[dict[str, JSON]]:
    """Draw points at random from the space, as random search does."""
    rng = np.random.default_rng(seed)
    points: list[dict[str, JSON]] = []
    for _ in range(count):
        point: dict[str, JSON] = {}
        for name, parameter in SPACE.items():
            if isinstance(parameter, Range):
                point[name] = float(parameter.low * (parameter.high / parameter.low) ** rng.random())
            elif isinstance(parameter, Choice):
                point[name] = parameter.values[rng.integers(len(parameter.values))]
        points.append(point)
    return points


def best_value(trials: Sequence[TrialRecord]) -> float:
    """Return the best F1 of the complete trials; 0 without one."""
    return max((trial.value for trial in trials if trial.state == "COMPLETE" and trial.value is not None), default=0.0)


def epochs_trained(trials: Sequence[TrialRecord]) -> int:
    """Return the total number of epochs of all trials."""
    return sum(len(trial.values) for trial in trials)


def decisions(trials: Sequence[TrialRecord]) -> list[tuple[int, str, dict[str, JSON], list[int]]]:
    """Return each trial's number, state, parameters and trained epochs: the decisions of a search."""
    return [(trial.number, trial.state, trial.parameters, sorted(trial.values)) for trial in trials]


def _no_final_runs() -> Scored:
    raise AssertionError("a simulated search has no final runs")

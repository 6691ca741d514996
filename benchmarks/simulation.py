"""A student phase whose trainings are read from the table of learning curves, on a simulated clock.

All but the training is the real thing: `Execution` and `Phase`, the study in its database with its proposals and its
early stopping, and the given run logger. Trials run `at_once` at a time; each report comes when the
curves' seconds say so, equal times in the order of their starts. So a search is a function of table, seed and
settings, and takes as long as its driver does.
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
from msd_ray.search.phase import Ending, Phase, RunLogger
from msd_ray.search.plans import Corpora, Experiment, Launch, Scored, TrialPlan, TrialReport
from msd_ray.search.spaces import with_every_choice
from msd_ray.search.studies import PhaseStudy, Pruning, TrialRecord
from msd_ray.storage.layout import Storage

from .curve_table import PAPER, SPACE, CurveTable

ORIGIN_MS = 1_700_000_000_000  # when simulated searches begin, Unix time
REDUCTION = 3


@dataclass(frozen=True, kw_only=True)
class SimulatedSearch:
    """A search's student phase.

    study_storage: its database; None keeps the study in memory, for searches of which only the decisions count.
    storage: a directory for what is written. first: parameters of the first trials, the paper's unless others are
    given; trials of choices that these do not make follow. pruned: whether weak trials stop early. kinds: see
    `asha.Pruning`; none, because in the table's short trainings one kind of start gets nowhere. payload: further
    metrics an epoch, so that recording one is as much work as that of a real epoch.
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
        """The study, begun unless it is there."""
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
        """Run it, or go on with it; its trials. run_phase: how, on the simulated clock (`play`) unless it is given."""
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

    def play(self, phase: Phase, drive: "Drive | None" = None) -> None:
        """Run the phase on the simulated clock. drive: tells it of what happens."""
        drive = drive or Drive()
        playing: list[_Playing] = []
        order = itertools.count()

        def fill(now: float) -> None:
            while len(playing) < self.at_once and (launch := drive.next_launch(phase, now)) is not None:
                heapq.heappush(playing, _Playing.begin(now, next(order), launch, self.table, self.payload))

        fill(0.0)
        while playing:
            trial = heapq.heappop(playing)
            resume_epochs = not drive.on_report(phase, trial.report, trial.due)
            if resume_epochs and trial.advance():
                heapq.heappush(playing, trial)
                continue
            phase.on_launch_end(trial.launch, None)
            fill(trial.due)

    @property
    def _run(self) -> RunSettings:
        return RunSettings(epochs=self.table.epochs)

    @property
    def _experiment(self) -> Experiment:
        """What trials share; a replayed trial reads nothing of it."""
        encoder = EncoderFiles(name="table of learning curves", directory=self.storage, digest="")
        corpora = Corpora(label_names=(), pad_id=0, source_train="", target_train="", dev="", final_dev="")
        return Experiment(storage=Storage.at(self.storage), encoder=encoder, corpora=corpora)

    def _plan(self, record: TrialRecord) -> TrialPlan:
        configuration = Configuration(
            teachers=(TeacherSettings(),), student=settings_of(StudentSettings, record.parameters)
        )
        return TrialPlan(phase="student", number=record.number, run=self._run, configurations=(configuration,))


class _Memory(InMemoryStorage):
    """Optuna's storage without a database, with what a study asks a database for when something fails."""

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
        space=space,
        seed=seed,
        trials=trials,
        first=first,
        pruning=pruning,
    )


class Drive:
    """How the phase hears of things; a subclass measures, or dies. now: simulated seconds since the beginning."""

    def next_launch(self, phase: Phase, now: float) -> Launch | None:
        """Ask for the next trial."""
        return phase.next_launch()

    def on_report(self, phase: Phase, report: TrialReport, now: float) -> bool:
        """Tell the news of a trial; whether it is to be stopped."""
        return phase.on_report(report)


@dataclass(kw_only=True, order=True)
class _Playing:
    """A trial under way: `report` is its next, at `due` simulated seconds."""

    due: float
    order: int
    launch: Launch = field(compare=False)
    reports: Iterator[tuple[float, TrialReport]] = field(compare=False)
    report: TrialReport = field(compare=False)

    @classmethod
    def begin(cls, now: float, order: int, launch: Launch, table: CurveTable, payload: int) -> "_Playing":
        (plan,) = launch.trials
        reports = replay(plan, table, start=now, payload=payload)
        due, report = next(reports)
        return cls(due=due, order=order, launch=launch, reports=reports, report=report)

    def advance(self) -> bool:
        """Go on to the next report; False after the last."""
        following = next(self.reports, None)
        if following is not None:
            self.due, self.report = following
        return following is not None


def replay(
    plan: TrialPlan, table: CurveTable, *, start: float = 0.0, payload: int = 0
) -> Iterator[tuple[float, TrialReport]]:
    """What a student trial reports, each with the seconds since the search began; `start`: when the trial does."""
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


class Unrecorded:
    """Run logger that stores nothing, for searches of which only the study is inspected."""

    def child(self, key: str, *, name: str, parameters: Mapping[str, JSON], tags: Mapping[str, str]) -> None:
        """Forget it."""

    def run_id(self, key: str) -> str | None:
        """There is none."""
        return None

    def check(self) -> None:
        """Nothing is refused."""

    def log_epoch(self, key: str, *, epoch: int, metrics: Mapping[str, float], timestamp_ms: int) -> None:
        """Forget it."""

    def log_file(self, key: str, path: Path, artifact_path: str | None = None) -> None:
        """Forget it."""

    def finish(
        self,
        key: str,
        *,
        state: Ending,
        reason: str | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Forget it."""


def random_points(count: int, seed: int) -> list[dict[str, JSON]]:
    """Points drawn at random from the space: what random search tries."""
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
    """The best F1 of the trials that were trained to the end; 0 if there are none."""
    return max((trial.value for trial in trials if trial.state == "COMPLETE" and trial.value is not None), default=0.0)


def epochs_trained(trials: Sequence[TrialRecord]) -> int:
    """How many epochs all trials took together."""
    return sum(len(trial.values) for trial in trials)


def decisions(trials: Sequence[TrialRecord]) -> list[tuple[int, str, dict[str, JSON], list[int]]]:
    """What a search decided: of each trial its number, how it ended, its parameters, and which epochs it was given."""
    return [(trial.number, trial.state, trial.parameters, sorted(trial.values)) for trial in trials]


def _no_final_runs() -> Scored:
    raise AssertionError("a simulated search ends with its students")

"""Where the phases of a study run, and where they are recorded: what a search and an ablation have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from msd_ray.method.settings import dev_metric

from .budget import Remaining, Seconds
from .parameters import JSON
from .phase import Phase, RunLabel, RunLogger
from .plans import Experiment, Scored, TrialPlan
from .progress import NO_WORK, Display, PhasePlan
from .studies import PhaseStudy, TrialRecord


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One study of one target language.

    Args:
        experiment: what all trials share.
        conditions: what else determines a score (data, encoder, precision), compared when the study is resumed.
        study_storage: URL of the database of studies.
        run_logger: records the runs.
        display: shows the progress.
        threads: of each process of a trial.
        run_phase: runs a phase to its end.
        scored: reads the split that final runs are scored on, when they need it.
        seed_a_launch: whether the final runs of one seed share a launch, which saves the start of workers.
        concurrent: the number of concurrent trials; starts the cluster.
        expected: duration of one training, if `--hours` limits the search.
        phases: those that were run.
    """

    experiment: Experiment
    conditions: Mapping[str, JSON]
    study_storage: str
    run_logger: RunLogger
    display: Display
    threads: int
    run_phase: Callable[[Phase], None]
    scored: Callable[[], Scored]
    seed_a_launch: bool = True
    concurrent: Callable[[], int] = lambda: 1
    expected: Seconds | None = None
    phases: list[Phase] = field(default_factory=list)

    def run(
        self,
        name: str,
        study: PhaseStudy,
        plan: Callable[[TrialRecord], TrialPlan],
        label: Callable[[TrialRecord, TrialPlan], RunLabel],
        *,
        more: Callable[[], bool] = lambda: True,
        spared: frozenset[int] = frozenset(),
        work: Sequence[Remaining] = (NO_WORK,),
        launches: Sequence[int] = (),
        after: Remaining = NO_WORK,
    ) -> None:
        """Run a phase: every trial of its study that is not finished. The cluster starts only if there is one.

        more, spared: see `Phase`. work, launches, after: see `PhasePlan`.
        """
        finished, total = study.finished, study.limit
        concurrent = 1 if finished else self.concurrent()
        self.display.phase(
            PhasePlan(name=name, total=total, work=work, launches=launches, after=after, concurrent=concurrent)
        )
        share = name in ("confirm", "final") and self.seed_a_launch
        phase = Phase(
            name=name,
            experiment=self.experiment,
            study=study,
            score=dev_metric(self.experiment.select_on),
            plan=plan,
            label=label,
            run_logger=self.run_logger,
            display=self.display,
            threads=self.threads,
            together=(lambda trial: trial.run.seed) if share else None,
            more=more,
            spared=spared,
        )
        self.phases.append(phase)
        if not finished:
            self.run_phase(phase)

    def note_run_ids(self) -> None:
        """Tell the studies of all phases the ids of their runs, once MLflow has given them all."""
        for phase in self.phases:
            phase.note_run_ids()

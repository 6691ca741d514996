"""Environment of a study: what its phases run on, and where they are recorded. Shared by searches and ablations."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from .budget import Remaining, Seconds
from .lost_runs import record_again
from .parameters import JSON
from .phase import Phase
from .plans import Experiment, Scored, TrialPlan
from .progress import NO_WORK, Display, PhasePlan
from .records import RunLabel, RunLogger
from .studies import PhaseStudy, TrialRecord


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Environment of one study of one target language.

    Args:
        experiment: what all trials share.
        conditions: what else determines a score (data, encoder, precision); compared when the study is resumed.
        study_storage: URL of the study database.
        run_logger: records runs.
        display: shows progress.
        threads: CPU threads per worker.
        run_phase: runs a phase to its end.
        scored: reads the split on which final runs are scored; called by the final phase only.
        one_launch_per_seed: whether confirmation and final runs of one seed share a launch, which starts workers once.
        concurrent: returns the number of concurrent trials; starts the cluster.
        expected: seconds per training, measured if `--hours` limits the search.
        phases: the phases that were run.
    """

    experiment: Experiment
    conditions: Mapping[str, JSON]
    study_storage: str
    run_logger: RunLogger
    display: Display
    threads: int
    run_phase: Callable[[Phase], None]
    scored: Callable[[], Scored]
    one_launch_per_seed: bool = True
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
        may_start: Callable[[], bool] = lambda: True,
        never_pruned: Collection[int] = (),
        retry_failed: bool = False,
        work: Sequence[Remaining] = (NO_WORK,),
        launches: Sequence[int] = (),
        after: Remaining = NO_WORK,
    ) -> None:
        """Run every trial of a study that is not finished. The cluster starts only if there is one.

        Args:
            name: of the phase.
            study: of the phase.
            plan: see `Phase`.
            label: see `Phase`.
            may_start: see `Phase`.
            never_pruned: see `Phase`.
            retry_failed: whether failed trials are retried.
            work: see `PhasePlan`.
            launches: see `PhasePlan`.
            after: see `PhasePlan`.
        """
        if retry_failed and (count := study.retry_failed()):
            self.display.line(f"{name}: retrying {count} failed")
        finished, total = study.finished, study.limit
        concurrent = 1 if finished else self.concurrent()
        self.display.phase(
            PhasePlan(name=name, total=total, work=work, launches=launches, after=after, concurrent=concurrent)
        )
        phase = Phase(
            name=name,
            experiment=self.experiment,
            study=study,
            plan=plan,
            label=label,
            run_logger=self.run_logger,
            display=self.display,
            threads=self.threads,
            one_launch_per_seed=self.one_launch_per_seed and name in ("confirm", "final"),
            may_start=may_start,
            never_pruned=never_pruned,
        )
        self.phases.append(phase)
        if not finished:
            self.run_phase(phase)

    def record_again(self, lost: Mapping[str, TrialRecord]) -> None:
        """Record lost runs (`lost_runs`) again; final runs are scored on the cluster, from stored weights."""
        for phase in self.phases:
            if record_again(phase, [trial for key, trial in lost.items() if key.startswith(f"{phase.name}/")]):
                self.run_phase(phase)

    def store_run_ids(self) -> None:
        """Store the MLflow run ids of all trials in the studies, after MLflow has all records."""
        for phase in self.phases:
            phase.store_run_ids()

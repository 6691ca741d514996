"""Where the phases of a study run, and where they are recorded: what a search and an ablation have in common."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from msd_ray.method.settings import dev_metric

from .budget import Seconds
from .parameters import JSON
from .phase import Phase, RunLabel, RunLogger
from .plans import Experiment, Scored, TrialPlan
from .progress import Display
from .studies import PhaseStudy, TrialRecord


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One study of one target language.

    conditions: what else decides a score (data, encoder, precision), compared when the study goes on.
    run_phase: runs a phase to its end. scored: reads the split that final runs are scored on, when they need it.
    seed_a_launch: whether the final runs of one seed share a launch, which saves the start of workers. concurrent:
    trials at once. expected: how long a training takes, where `--hours` limits the search. phases: those that were run.
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
    concurrent: int = 1
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
    ) -> None:
        """Run a phase: every trial of its study that is not finished. more, spared: see `Phase`."""
        self.display.phase(name, study.limit)
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
        self.run_phase(phase)

    def note_run_ids(self) -> None:
        """Tell the studies of all phases the ids of their runs, once MLflow has given them all."""
        for phase in self.phases:
            phase.note_run_ids()

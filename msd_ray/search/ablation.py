"""The ablation of one target language (the paper's section 5.6.1): every variant with every seed.

A variant's data order depends on the seed alone, and variants whose teachers are equal share them through the
teacher store, so that two rows of one seed differ in what the variant changes and in nothing else.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from msd_ray.method.settings import Configuration, RunSettings, StudentSettings, TeacherSettings
from msd_ray.method.variants import Variant

from .budget import Remaining, total
from .configuration import label
from .execution import Execution
from .final import Rows, SeededRuns, final_seeds
from .standing import PhaseStanding, seeded_standing


@dataclass(frozen=True, kw_only=True)
class AblationSettings:
    """name: the study's. teacher, student: what MSD is here, and the variants are variants of."""

    name: str
    variants: Sequence[Variant]
    teacher: TeacherSettings
    student: StudentSettings
    run: RunSettings
    seeds: int

    @property
    def rows(self) -> Rows:
        """The variants' configurations by their names."""
        return {
            variant.name: (
                Configuration(
                    teachers=(variant.teacher_settings(self.teacher),),
                    student=variant.student_settings(self.student),
                ),
            )
            for variant in self.variants
        }


def ablation_runs(settings: AblationSettings, *, seed_a_launch: bool) -> SeededRuns:
    """The runs of an ablation."""
    return SeededRuns(
        phase="final",
        study=settings.name,
        rows=settings.rows,
        run=settings.run,
        seeds=final_seeds(settings.run, settings.seeds),
        seed_a_launch=seed_a_launch,
    )


def ablation_standing(settings: AblationSettings, storage_url: str) -> Iterator[PhaseStanding]:
    """How far a stored ablation is."""
    yield seeded_standing(ablation_runs(settings, seed_a_launch=False), storage_url)


def ablation_work(settings: AblationSettings, phases: Sequence[PhaseStanding]) -> Remaining:
    """The trainings that are left, at most."""
    runs = ablation_runs(settings, seed_a_launch=False)
    return phases[-1].share(total(runs.work(runs.in_order)))


def run_ablation(settings: AblationSettings, execution: Execution, target_gold: Callable[[], str]) -> Rows:
    """Run what is not finished; the rows. Raises UserError if the study was begun with other settings.

    target_gold: reads the gold labels of the target's training sentences; called only for a variant that is not
    zero-shot.
    """
    rows, runs = settings.rows, ablation_runs(settings, seed_a_launch=execution.seed_a_launch)
    study = runs.open(execution.conditions, execution.study_storage)
    scored = execution.scored()
    gold = None if all(variant.zero_shot for variant in settings.variants) else target_gold()
    order = runs.runs(execution.study_storage)
    execution.run(
        "final",
        study,
        lambda record: runs.plan(record, scored, gold),
        label,
        work=runs.work(order),
        launches=runs.launches(order),
    )
    return rows

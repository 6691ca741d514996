"""Ablation for one target language (section 5.6.1 of the paper): every variant with every seed.

A variant's data order depends only on the seed, and variants with equal teachers share them through the storage. So
two rows of one seed differ only in what the variant changes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from msd_ray.method.settings import Configuration, RunSettings, StudentSettings, TeacherSettings
from msd_ray.method.variants import Variant

from .budget import Remaining, total
from .execution import Execution
from .final import Rows, final_seeds, rows_study, run_rows, trainings
from .parameters import JSON
from .phase_status import PhaseStatus, rows_status
from .studies import check_study


@dataclass(frozen=True, kw_only=True)
class AblationSettings:
    """Settings of an ablation.

    Args:
        name: name of the study.
        variants: what is compared.
        teacher: teacher of the variant `msd`, from which the other variants are derived.
        student: its student.
        run: settings of all trainings.
        seeds: runs per variant.
    """

    name: str
    variants: Sequence[Variant]
    teacher: TeacherSettings
    student: StudentSettings
    run: RunSettings
    seeds: int

    @property
    def rows(self) -> Rows:
        """The variants' configurations by name."""
        return {
            variant.name: (
                Configuration(
                    teachers=(variant.teacher_settings(self.teacher),),
                    student=variant.student_settings(self.student),
                ),
            )
            for variant in self.variants
        }


def check_ablation(settings: AblationSettings, conditions: Mapping[str, JSON], storage_url: str) -> None:
    """Raise UserError if `run_ablation` would because of the study's settings; writes nothing."""
    definition = rows_study(
        storage_url,
        "final",
        study=settings.name,
        rows=settings.rows,
        run=settings.run,
        seeds=final_seeds(settings.run, settings.seeds),
        conditions=conditions,
        one_launch_per_seed=False,
    )
    check_study(storage_url, **definition)


def ablation_status(settings: AblationSettings, storage_url: str) -> Iterator[PhaseStatus]:
    """Status of the phases of a stored ablation."""
    seeds = final_seeds(settings.run, settings.seeds)
    yield rows_status("final", settings.rows, seeds, study=settings.name, storage_url=storage_url)


def ablation_work(settings: AblationSettings, phases: Sequence[PhaseStatus]) -> Remaining:
    """The trainings that are left, at most. phases: the ablation's status."""
    rows, seeds = settings.rows, final_seeds(settings.run, settings.seeds)
    runs: list[dict[str, JSON]] = [{"row": row, "seed": seed} for seed in seeds for row in rows]
    return phases[-1].share(total(trainings(rows, runs)))


def run_ablation(settings: AblationSettings, execution: Execution, target_gold: Callable[[], str]) -> Rows:
    """Run what is not finished; return the rows. For `target_gold` and errors see `run_rows`."""
    rows = settings.rows
    run_rows(
        execution,
        "final",
        study=settings.name,
        rows=rows,
        run=settings.run,
        seeds=final_seeds(settings.run, settings.seeds),
        target_gold=target_gold,
    )
    return rows

"""The ablation of one target language (the paper's section 5.6.1): every variant with every seed.

A variant's data order depends on the seed alone, and variants whose teachers are equal share them through the
teacher store, so that two rows of one seed differ in what the variant changes and in nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..progress import Display
from ..training import RunSettings, StudentSettings, TeacherSettings
from ..training.scores import DEV_TARGET_F1
from ..variants import Variant
from .configuration import Configuration, label
from .final import FinalRuns
from .parameters import JSON
from .phase import Phase, RunRecords
from .plans import Experiment, Scored


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
    def rows(self) -> dict[str, Configuration]:
        """The variants' configurations by their names."""
        return {
            variant.name: Configuration(
                teacher=variant.teacher_settings(self.teacher, self.student),
                student=variant.student_settings(self.student),
            )
            for variant in self.variants
        }


@dataclass(kw_only=True)
class Ablation:
    """One study; `conditions` to `seed_a_launch` as in `Search`.

    target_gold: reads the gold labels of the target's training sentences; called only for a variant that is not
    zero-shot.
    """

    settings: AblationSettings
    experiment: Experiment
    conditions: Mapping[str, JSON]
    study_storage: str
    records: RunRecords
    display: Display
    threads: int
    run_phase: Callable[[Phase], None]
    scored: Callable[[], Scored]
    target_gold: Callable[[], str]
    seed_a_launch: bool = True

    def run(self) -> dict[str, Configuration]:
        """Run what is not finished; the rows. Raises UserError if the study was begun with other settings."""
        settings, rows = self.settings, self.settings.rows
        runs = FinalRuns(study=settings.name, rows=rows, run=settings.run, seeds=settings.seeds)
        study = runs.open(self.conditions, self.study_storage)
        scored = self.scored()
        gold = None if all(variant.zero_shot for variant in settings.variants) else self.target_gold()
        self.display.phase("final", study.limit)
        self.run_phase(
            Phase(
                name="final",
                experiment=self.experiment,
                study=study,
                score=DEV_TARGET_F1,
                plan=lambda record: runs.plan(record, scored, gold),
                label=label,
                records=self.records,
                display=self.display,
                threads=self.threads,
                together=(lambda trial: trial.run.seed) if self.seed_a_launch else None,
            )
        )
        return rows

"""The best student of a search, exported with its model card, and what the parent run says of the search."""

import importlib.metadata
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .corpora import DATASETS
from .export import export_student
from .manifest import digests_of
from .model_card import SELECTIONS, ModelCard, ScoreRow, hub_name
from .search.configuration import row_digest
from .search.copies import publish_files
from .search.final import Rows, final_seeds
from .search.kept import trained_weights
from .setup import Setup
from .tracking.comparison import SummaryRow
from .tracking.rows import RunRow
from .training import Configuration, to_json
from .training.selection import dev_metric

VERSIONED = ("msd-ray", "torch", "transformers", "ray", "optuna", "mlflow")


def versions() -> dict[str, str]:
    """Versions of what decides results."""
    return {name: importlib.metadata.version(name) for name in VERSIONED}


def export_winner(setup: Setup, winner: RunRow, row: Sequence[Configuration], summary: Sequence[SummaryRow]) -> Path:
    """Write the winner as a self-contained directory; where it is. row: the configurations of its row."""
    directory = setup.storage.model(setup.settings.name)
    experiment = setup.prepared.experiment
    export_student(
        directory,
        encoder=experiment.encoder,
        weights_file=trained_weights(setup.storage, winner.tags["weights"], winner.tags["weights_sha256"]),
        label_names=experiment.corpora.label_names,
        frozen_layers=setup.settings.run.frozen_layers,
        max_length=setup.settings.run.max_length,
        decode=experiment.decode,
        card=_card(setup, winner, row, summary),
    )
    if setup.storage.store is not None:
        publish_files(setup.storage.store, setup.storage.name(directory), directory, digests_of(directory))
    return directory


def _card(setup: Setup, winner: RunRow, row: Sequence[Configuration], summary: Sequence[SummaryRow]) -> ModelCard:
    settings, encoder = setup.settings, setup.prepared.experiment.encoder
    teachers = {teacher: None for configuration in row for teacher in configuration.teachers}  # in their order, once
    return ModelCard(
        dataset=setup.data.dataset,
        lang=setup.lang,
        source_lang="en",
        encoder=encoder.name,
        base_model=hub_name(encoder),
        encoder_licence=encoder.licence,
        data_licence=DATASETS[setup.data.dataset].licence,
        teachers=tuple(to_json(teacher) for teacher in teachers),
        students=tuple(to_json(one.student) for one in row if one.student is not None),
        seed=int(winner.tags["seed"]),
        epoch=int(winner.metrics["best_epoch"]) if len(row) == 1 else None,
        seeds=tuple(final_seeds(settings.run, settings.seeds)),
        scores=tuple(
            ScoreRow(
                system=line.label,
                mean=line.test.mean,
                deviation=line.test.deviation,
                n=line.test.n,
                split="dev" if line.scored_split == "dev" else "test",
                model=line.name == winner.tags["row"],
            )
            for line in summary
            if line.test is not None
        ),
        data_digests=setup.prepared.digests,
        study=settings.name,
        versions=versions(),
        selection=SELECTIONS[setup.data.select_on],
        run=asdict(settings.run),
        configuration=row_digest(row),
        dev_f1=winner.metrics[dev_metric(setup.data.select_on)],
        entity_types=tuple(sorted({name[2:] for name in setup.prepared.experiment.corpora.label_names if name != "O"})),
        max_length=settings.run.max_length,
    )


def configuration_tags(rows: Rows) -> dict[str, str]:
    """The configurations of the final runs as tags of the parent run."""
    return {f"configuration.{name}": row_digest(row) for name, row in rows.items()}

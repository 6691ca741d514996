"""Export and register the best student of a search, with its model card."""

import hashlib
import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path

from msd_ray.common.manifest import digests_of
from msd_ray.data.catalogue import DATASETS
from msd_ray.method.settings import Configuration, dev_metric, to_json
from msd_ray.predict.export import DESCRIPTION, export_student
from msd_ray.predict.model_card import SELECTIONS, ModelCard, ScoreRow, hub_name
from msd_ray.report.comparison import SummaryRow
from msd_ray.search.configuration import row_digest
from msd_ray.search.final import Rows, final_seeds
from msd_ray.storage.artifacts import trained_weights
from msd_ray.storage.transfer import upload_files
from msd_ray.tracking.champion import Candidate
from msd_ray.tracking.registry import RegisteredVersion, register
from msd_ray.tracking.rows import RunRow

from .setup import Setup

VERSIONED = ("msd-ray", "torch", "transformers", "ray", "optuna", "mlflow")


def versions() -> dict[str, str]:
    """Installed versions of the packages that determine results."""
    return {name: importlib.metadata.version(name) for name in VERSIONED}


def export_winner(setup: Setup, winner: RunRow, row: Sequence[Configuration], summary: Sequence[SummaryRow]) -> Path:
    """Write the winner as a self-contained directory, and return it. row: the configurations of its row."""
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
        label_at=setup.data.label_at,
        word_rule=setup.corpora.target.word_rule,
        card=_card(setup, winner, row, summary),
    )
    if setup.storage.store is not None:
        upload_files(setup.storage.store, setup.storage.name(directory), directory, digests_of(directory))
    return directory


def _card(setup: Setup, winner: RunRow, row: Sequence[Configuration], summary: Sequence[SummaryRow]) -> ModelCard:
    settings, encoder = setup.settings, setup.prepared.experiment.encoder
    teachers = {teacher: None for configuration in row for teacher in configuration.teachers}  # in their order, once
    return ModelCard(
        dataset=setup.data.dataset,
        lang=setup.lang,
        source_lang=setup.data.source,
        encoder=encoder.name,
        base_model=hub_name(encoder),
        encoder_licence=encoder.licence,
        data_licence="that of the user's own files" if setup.data.own else DATASETS[setup.data.dataset].licence,
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
        run=to_json(settings.run),
        configuration=row_digest(row),
        dev_f1=winner.metrics[dev_metric(setup.data.select_on)],
        entity_types=tuple(sorted({name[2:] for name in setup.prepared.experiment.corpora.label_names if name != "O"})),
        max_length=settings.run.max_length,
        label_at=setup.data.label_at,
        scored_on_source=any(line.scored_on_source for line in summary),
    )


def configuration_tags(rows: Rows) -> dict[str, str]:
    """The configurations of the final runs as tags of the parent run."""
    return {f"configuration.{name}": row_digest(row) for name, row in rows.items()}


def is_current(tags: Mapping[str, str], rows: Rows) -> bool:
    """Whether a run is one of the current final runs; one without a row, or of a former configuration, is not."""
    row = rows.get(tags.get("row", ""))
    return row is not None and row_digest(row) == tags.get("configuration")


def register_winner(
    setup: Setup, winner: RunRow, configuration: str, summary: Sequence[SummaryRow], directory: Path
) -> RegisteredVersion:
    """Register the student that `export_winner` wrote to `directory`, under a lock of the storage.

    configuration: digest of the winner's row.
    Raises: UserError if MLflow fails.
    """
    row = winner.tags["row"]
    line = next(line for line in summary if line.name == row)
    candidate = Candidate(
        dataset=setup.data.dataset,
        lang=setup.lang,
        study=setup.settings.name,
        run_id=winner.run_id,
        row=row,
        configuration=configuration,
        seed=int(winner.tags["seed"]),
        encoder=setup.encoder.name,
        zero_shot=winner.tags.get("zero_shot") != "false",
        content_sha256=content_digest(directory),
        dev_f1=winner.metrics[line.dev_metric],
        scored_split=line.scored_split,
        scores=_scores(line),
        data_digests=setup.corpora.digests,
        scored_on_source=line.scored_on_source,
    )
    with setup.storage.registry_lock():
        return register(setup.mlflow_uri, directory, candidate)


def content_digest(directory: Path) -> str:
    """SHA-256 of an export's description: labels, limits, and digests of all other files except the card."""
    return hashlib.sha256((directory / DESCRIPTION).read_bytes()).hexdigest()


def _scores(row: SummaryRow) -> dict[str, float]:
    """Means, sample standard deviations and numbers of seeds, by tag name."""
    found: dict[str, float] = {}
    for split, scores in (("dev", row.dev), (row.scored_split, row.test)):
        if scores is not None:
            found |= {f"{split}_f1_mean": scores.mean, f"{split}_f1_n": scores.n}
            if scores.deviation is not None:
                found[f"{split}_f1_sd"] = scores.deviation
    return found

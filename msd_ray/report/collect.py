"""Collect the final runs of recorded studies by row, language and seed, as input of the tables."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from msd_ray.data.catalogue import Split
from msd_ray.method.variants import VARIANTS
from msd_ray.tracking.artifacts import Predictions
from msd_ray.tracking.rows import RunRow
from msd_ray.tracking.study_reader import RecordedStudy

from .comparison import ROW_LABELS
from .results import LABELS, Measures, Results, Scores
from .statistics.span_errors import SpanErrors, span_errors

Read = Callable[[str], Predictions | None]
"""Takes a run id and returns the run's predictions; None if it stored none."""
Value = TypeVar("Value")

ABLATE, TUNE = "ablate", "tune"
PAPER_ROW = "paper"
"""The row of a search that is MSD with the paper's hyperparameters."""


def newest_studies(studies: Iterable[RecordedStudy], command: str) -> dict[str, RecordedStudy]:
    """Return the newest study of a command per language. studies: newest first."""
    found: dict[str, RecordedStudy] = {}
    for study in studies:
        if study.command == command:
            found.setdefault(study.lang, study)
    return found


def variant_runs(ablation: RecordedStudy | None, search: RecordedStudy | None) -> dict[str, list[RunRow]]:
    """Return the final runs of each variant in one language.

    They come from the ablation. If it has none of MSD, the search's runs of the paper's configuration are used.
    """
    runs: dict[str, list[RunRow]] = defaultdict(list)
    if ablation is not None:
        for run in current_final_runs(ablation):
            if run.tags["row"] in VARIANTS:
                runs[run.tags["row"]].append(run)
    if search is not None and not runs["msd"]:
        runs["msd"] = [run for run in current_final_runs(search) if run.tags["row"] == PAPER_ROW]
    return runs


def row_runs(study: RecordedStudy) -> dict[str, list[RunRow]]:
    """Return a study's final runs by row, in the order of the printed table."""
    runs = current_final_runs(study)
    labels = row_labels(study)
    return {name: found for name in labels if (found := [run for run in runs if run.tags["row"] == name])}


def row_labels(study: RecordedStudy) -> dict[str, str]:
    """Return the label of each row that the parent run or a final run names, in the order of the printed table."""
    known = LABELS if study.command == ABLATE else ROW_LABELS
    run = {run.tags["row"] for run in current_final_runs(study)}
    return {name: known[name] for name in known if name in run or f"configuration.{name}" in study.parent.tags}


def current_final_runs(study: RecordedStudy) -> list[RunRow]:
    """Return the final runs of a study's current configurations, without runs of a row's earlier configurations."""
    digests = {
        name.removeprefix("configuration."): value
        for name, value in study.parent.tags.items()
        if name.startswith("configuration.")
    }
    final = [run for run in study.runs if run.phase == "final" and "row" in run.tags]
    return [
        run for run in final if digests.get(run.tags["row"], run.tags["configuration"]) == run.tags["configuration"]
    ]


def collect(
    dataset: str,
    runs: Mapping[str, Mapping[str, Sequence[RunRow]]],
    read: Read,
    notes: tuple[str, ...] = (),
    labels: Mapping[str, str] = LABELS,
) -> Results:
    """Collect the results of one data set. runs: language -> variant -> its final runs; labels: see `Results`."""
    finished = [
        (variant, lang, run)
        for lang, by_variant in runs.items()
        for variant, own in by_variant.items()
        for run in own
        if run.state == "COMPLETE"
    ]
    splits = {lang: _split(run) for _, lang, run in finished}

    def scores(name: str) -> Scores:
        """Return a metric of all runs; `{split}` in its name is replaced by each run's scored split."""
        return _nested(
            (variant, lang, run, run.metrics.get(name.format(split=splits[lang]))) for variant, lang, run in finished
        )

    def measures(prefix: str) -> Measures:
        return Measures(**{name: scores(f"{prefix}/{name}") for name in ("precision", "recall", "f1")})

    types = sorted({name for _, lang, run in finished for name in _types(run.metrics, splits[lang])})
    return Results(
        dataset=dataset,
        scored_splits=splits,
        source_scored=frozenset(lang for _, lang, run in finished if run.tags.get("scored_on") == "source"),
        overall=measures("{split}"),
        types={name: measures(f"{{split}}/{name}") for name in types},
        f1_deduplicated=scores("{split}/f1_deduplicated"),
        source_f1=_nested((variant, lang, run, _source_f1(run)) for variant, lang, run in finished),
        span_errors=_nested((variant, lang, run, _errors(read(run.run_id))) for variant, lang, run in finished),
        failed=_failed(runs),
        notes=notes,
        labels=labels,
    )


def _nested(
    values: Iterable[tuple[str, str, RunRow, Value | None]],
) -> Mapping[str, Mapping[str, Mapping[int, Value]]]:
    """Return variant -> language -> seed -> value, without values that are None."""
    nested: dict[str, dict[str, dict[int, Value]]] = {}
    for variant, lang, run, value in values:
        if value is not None:
            nested.setdefault(variant, {}).setdefault(lang, {})[int(run.tags["seed"])] = value
    return nested


def _split(run: RunRow) -> Split:
    return "dev" if run.tags.get("scored_split") == "dev" else "test"


def _types(metrics: Mapping[str, float], split: Split) -> list[str]:
    """Return the entity types that a run has scores for."""
    names = (name.split("/") for name in metrics)
    return [parts[1] for parts in names if len(parts) == 3 and parts[0] == split and parts[2] == "f1"]


def _source_f1(run: RunRow) -> float | None:
    """Return the teacher's F1 on the source language's test set, or on its dev set without a test set."""
    return run.metrics.get("source_test/f1", run.metrics.get("source_dev/f1"))


def _errors(predictions: Predictions | None) -> SpanErrors | None:
    return None if predictions is None else span_errors(predictions.gold, predictions.predicted)


def _failed(runs: Mapping[str, Mapping[str, Sequence[RunRow]]]) -> dict[str, dict[str, int]]:
    """Return variant -> language -> number of failed runs."""
    failed: dict[str, dict[str, int]] = {}
    for lang, by_variant in runs.items():
        for variant, own in by_variant.items():
            failed.setdefault(variant, {})[lang] = sum(run.state == "FAIL" for run in own)
    return failed

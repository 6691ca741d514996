"""Corpus statistics in MLflow: one run per language in the experiment `msd-DATASET-corpus`.

Only `python -m msd_ray.data check` writes them: studies must not read test files or target training labels. Each count
creates a new run; the newest run per language is valid.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from msd_ray.data.bio import EntityCount
from msd_ray.data.catalogue import DATASETS, SPLITS, Split
from msd_ray.data.inventory import SplitCount

from .client import mlflow_errors
from .connection import connect, experiment_id
from .experiments import PREFIX

if TYPE_CHECKING:
    from mlflow.entities import Run

KIND = "corpus"


def record_counts(tracking_uri: str, dataset: str, counts: Iterable[SplitCount]) -> None:
    """Write one run per language with metrics such as `train/sentences`; missing splits have no metrics.

    Args:
        counts: grouped by language.

    Raises:
        UserError: the store is unusable.
    """
    from mlflow.entities import Metric

    client = connect(tracking_uri)
    experiment = experiment_id(client, tracking_uri, f"{PREFIX}{dataset}-corpus", None)
    with mlflow_errors(tracking_uri):
        for lang, splits in groupby(counts, key=lambda count: count.lang):
            tags = {"kind": KIND, "dataset": dataset, "lang": lang}
            run_id = client.create_run(experiment, run_name=f"corpus {lang}", tags=tags).info.run_id
            now = time.time_ns() // 1_000_000
            counted = [Metric(name, value, now, 0) for count in splits for name, value in _metrics(count).items()]
            client.log_batch(run_id, metrics=counted)
            client.set_terminated(run_id)


def counts_of(runs: Sequence["Run"]) -> dict[str, list[SplitCount]]:
    """Counts of each language's newest run, by data set. runs: oldest first; runs of studies are ignored."""
    newest = {
        (run.data.tags["dataset"], run.data.tags["lang"]): run.data.metrics
        for run in runs
        if run.data.tags.get("kind") == KIND and run.info.status == "FINISHED"
    }
    found: dict[str, list[SplitCount]] = {}
    for (dataset, lang), metrics in newest.items():
        found.setdefault(dataset, []).extend(_count(dataset, lang, split, metrics) for split in SPLITS)
    return found


def _metrics(count: SplitCount) -> dict[str, int]:
    if count.sentences is None or count.entities is None:
        return {}
    values = {
        "sentences": count.sentences,
        "documents": count.documents,
        "entities_begin_b": count.entities.begin_b,
        "entities_begin_i": count.entities.begin_i,
        **({} if count.sampled_from is None else {"sampled_from": count.sampled_from}),
    }
    return {f"{count.split}/{name}": value for name, value in values.items()}


def _count(dataset: str, lang: str, split: Split, metrics: Mapping[str, float]) -> SplitCount:
    expected = DATASETS[dataset].counts.get((lang, split))
    found = {name.removeprefix(f"{split}/"): int(value) for name, value in metrics.items() if name.startswith(split)}
    if not found:
        return SplitCount(lang=lang, split=split, expected=expected)
    return SplitCount(
        lang=lang,
        split=split,
        expected=expected,
        sentences=found["sentences"],
        documents=found["documents"],
        entities=EntityCount(begin_b=found["entities_begin_b"], begin_i=found["entities_begin_i"]),
        sampled_from=found.get("sampled_from"),
    )

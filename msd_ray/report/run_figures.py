"""The figures of final runs, from their metrics and artifacts: domains, entity types, layer weights."""

from collections.abc import Callable, Mapping, Sequence

from msd_ray.tracking.artifacts import FloatArray
from msd_ray.tracking.rows import RunRow
from msd_ray.tracking.study_reader import Curves

from .collect import Read
from .figures import FigureWithData
from .figures.confusion import confusion_figure
from .figures.domains import MEASURES, PAIRS, DomainDistance, domains_figure
from .figures.layer_weights import LayerWeights, layer_weights_figure
from .figures.text import row_label
from .figures.tsne import DomainVectors, tsne_figure
from .figures.types import TypeScore, types_figure
from .results import Results, by_seed
from .statistics.confusion import type_confusion

Runs = Mapping[str, Sequence[RunRow]]
"""Variant, or row of a search -> its final runs in one language."""
ReadDomains = Callable[[str], Mapping[str, FloatArray] | None]
PANELS = ("no-all", "no-mmd", "msd", "tsl", "paper", "best")
"""The panels of Figure 3: plain distillation, the distillers without MMD losses, full MSD; and a search's students."""


def first_seed(runs: Sequence[RunRow]) -> RunRow | None:
    """Return the finished run with the lowest seed."""
    finished = [run for run in runs if run.state == "COMPLETE"]
    return min(finished, key=lambda run: int(run.tags["seed"]), default=None)


def domain_figures(runs: Runs, read: ReadDomains, scope: str) -> tuple[FigureWithData, ...]:
    """Draw Figures 3 and 4."""
    vectors = []
    for variant in PANELS:
        run = first_seed(runs.get(variant, ()))
        arrays = None if run is None else read(run.run_id)
        if arrays is not None and "student_source" in arrays:
            vectors.append(
                DomainVectors(
                    variant=variant,
                    tea_src=arrays["teacher_source"],
                    tea_tgt=arrays["teacher_target"],
                    stu_src=arrays["student_source"],
                    stu_tgt=arrays["student_target"],
                )
            )
    distinct = [each for each in vectors if each.distinct]
    return drawn(tsne_figure(distinct, scope=scope), domains_figure(_distances(runs), scope=scope))


def drawn(*figures: FigureWithData | None) -> tuple[FigureWithData, ...]:
    """Return those figures that have data."""
    return tuple(figure for figure in figures if figure is not None)


def _distances(runs: Runs) -> list[DomainDistance]:
    found = []
    for variant, own in runs.items():
        for measure in MEASURES:
            for pair in PAIRS:
                name = f"domain/{pair}/{measure}"
                values = tuple(run.metrics[name] for run in own if run.state == "COMPLETE" and name in run.metrics)
                if values:
                    found.append(DomainDistance(variant=variant, pair=pair, measure=measure, values=values))
    return found


def type_figures(
    results: Results, lang: str, runs: Runs, student: RunRow | None, read: Read, scope: str
) -> tuple[FigureWithData, ...]:
    """Draw the scores by entity type, and the confusion of types of one run."""
    scores = [
        TypeScore(
            variant=variant,
            type=name,
            f1=tuple(by_seed(measures.f1, variant, lang).values()),
            precision=tuple(by_seed(measures.precision, variant, lang).values()),
            recall=tuple(by_seed(measures.recall, variant, lang).values()),
        )
        for name, measures in results.types.items()
        for variant in runs
        if all(by_seed(measure, variant, lang) for measure in (measures.f1, measures.precision, measures.recall))
    ]
    return drawn(types_figure(scores, scope=scope), _confusion(student, read, scope))


def _confusion(run: RunRow | None, read: Read, scope: str) -> FigureWithData | None:
    predictions = None if run is None else read(run.run_id)
    if run is None or predictions is None:
        return None
    confusion = type_confusion(predictions.gold, predictions.predicted)
    of = f"{scope}, {row_label(run.tags['row'])}, seed {run.tags['seed']}"
    return confusion_figure(confusion.types, confusion.counts, scope=of)


def layer_weight_figure(
    teacher: RunRow | None, student: RunRow | None, curves: Mapping[str, Curves], scope: str
) -> tuple[FigureWithData, ...]:
    """Draw lambda of a run that applies a mixture teacher, and lambda' of a student."""
    models = []
    for run, model in ((teacher, "teacher λ"), (student, "student λ′")):
        if run is not None:
            weights = {
                int(name.removeprefix("layer_weight/")): curve
                for name, curve in curves.get(run.run_id, {}).items()
                if name.startswith("layer_weight/")
            }
            models.append(LayerWeights(model=f"{model}, seed {run.tags['seed']}", curves=weights))
    return drawn(layer_weights_figure(models, scope=scope))

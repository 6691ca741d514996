"""The figures of final runs, from their metrics and artifacts: domains, entity types, layer weights."""

from collections.abc import Callable, Mapping, Sequence

from msd_ray.tracking.artifacts import FloatArray
from msd_ray.tracking.rows import RunRow
from msd_ray.tracking.study_reader import Curves

from .collect import Read
from .figures import FigureWithData
from .figures.confusion import TITLE as CONFUSION
from .figures.confusion import confusion_figure
from .figures.domains import MEASURES, PAIRS, DomainDistance, domains_figure
from .figures.figure import empty
from .figures.layer_weights import LayerWeights, layer_weights_figure
from .figures.text import variant_label
from .figures.tsne import DomainVectors, tsne_figure
from .figures.types import TypeScore, types_figure
from .results import Results, by_seed
from .statistics.confusion import type_confusion

Runs = Mapping[str, Sequence[RunRow]]
"""Variant -> its final runs in one language."""
ReadDomains = Callable[[str], Mapping[str, FloatArray] | None]
PANELS = ("no-all", "no-mmd", "msd")
"""The panels of Figure 3: plain distillation, the distillers without MMD losses, full MSD."""


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
    return tsne_figure(vectors, scope=scope), domains_figure(_distances(runs), scope=scope)


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


def type_figures(results: Results, lang: str, runs: Runs, read: Read, scope: str) -> tuple[FigureWithData, ...]:
    """Draw the scores by entity type, and the confusion of types for MSD's first seed."""
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
    return types_figure(scores, scope=scope), _confusion(runs, read, scope)


def _confusion(runs: Runs, read: Read, scope: str) -> FigureWithData:
    run = first_seed(runs.get("msd", ()))
    predictions = None if run is None else read(run.run_id)
    if run is None or predictions is None:
        message = "Not run: no run of MSD stored its predictions."
        return empty(title=CONFUSION, scope=scope, message=message, columns=("gold", "predicted", "entities"))
    confusion = type_confusion(predictions.gold, predictions.predicted)
    of = f"{scope}, {variant_label('msd')}, seed {run.tags['seed']}"
    return confusion_figure(confusion.types, confusion.counts, scope=of)


def layer_weight_figure(runs: Runs, curves: Mapping[str, Curves], scope: str) -> FigureWithData:
    """Draw lambda of the mixture teacher and lambda' of MSD's student, each for its first seed."""
    models = []
    for variant, model in (("mixture", "teacher λ"), ("msd", "student λ′")):
        run = first_seed(runs.get(variant, ()))
        if run is not None:
            weights = {
                int(name.removeprefix("layer_weight/")): curve
                for name, curve in curves.get(run.run_id, {}).items()
                if name.startswith("layer_weight/")
            }
            models.append(LayerWeights(model=f"{model}, seed {run.tags['seed']}", curves=weights))
    return layer_weights_figure(models, scope=scope)

"""Figure 3: the [CLS] vectors of teacher and student on source and target sentences, projected by t-SNE.

Each panel is one variant; its four sets are projected together (van der Maaten and Hinton 2008). t-SNE preserves
neighbourhoods: axes have no unit, and distances between groups have no meaning. Figure 4 shows distances.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from .figure import FigureWithData
from .panels import finish_panels, panels
from .text import joined, label, row_label
from .theme import NEUTRAL, PALETTE

SETS = {  # colour and symbol
    "teacher, source": (NEUTRAL, "circle"),
    "teacher, target": (NEUTRAL, "circle-open"),
    "student, source": (PALETTE[5], "diamond"),
    "student, target": (PALETTE[5], "diamond-open"),
}
"""A model on sentences of a language."""

PERPLEXITY = 30.0
"""Perplexity of t-SNE, reduced for few points."""

_COLUMNS = ("variant", "set", "sentence", "x", "y")


@dataclass(frozen=True, kw_only=True, eq=False)
class DomainVectors:
    """Last-layer [CLS] vectors of one run: (M, H) of M source sentences, (N, H) of N target sentences."""

    variant: str
    tea_src: npt.NDArray[np.float32]
    tea_tgt: npt.NDArray[np.float32]
    stu_src: npt.NDArray[np.float32]
    stu_tgt: npt.NDArray[np.float32]

    def sets(self) -> list[npt.NDArray[np.float32]]:
        """The four arrays in the order of `SETS`."""
        return [self.tea_src, self.tea_tgt, self.stu_src, self.stu_tgt]

    @property
    def distinct(self) -> bool:
        """Whether any two vectors differ, as t-SNE requires."""
        together = np.concatenate(self.sets())
        return not (together == together[0]).all()


def project(vectors: DomainVectors, *, seed: int = 0) -> list[npt.NDArray[np.float32]]:
    """Project the four sets together and return their points (n, 2) in the order of `SETS`.

    Deterministic for equal arrays and seed: initialised with the first two principal components, and computed by one
    thread, because the summation order of several threads varies. Perplexity is at most a third of the other points.

    Raises:
        ValueError: the arrays are not matrices of one width of at least 2, a set is empty, a number is not finite, or
            all vectors are equal.
    """
    sets = vectors.sets()
    if any(each.ndim != 2 or 0 in each.shape for each in sets) or len({each.shape[1:] for each in sets}) > 1:
        shapes = ", ".join(f"{name} {each.shape}" for name, each in zip(SETS, sets, strict=True))
        raise ValueError(f"t-SNE: expected four non-empty sets of vectors of one width, found {shapes}")
    together = np.concatenate(sets).astype(np.float32)
    if together.shape[1] < 2 or not np.isfinite(together).all() or (together == together[0]).all():
        raise ValueError(f"t-SNE of {vectors.variant}: expected finite vectors, wider than 1 and not all equal")
    projection = TSNE(
        n_components=2,
        perplexity=min(PERPLEXITY, (len(together) - 1) / 3),
        init="pca",
        learning_rate="auto",
        random_state=seed,
    )
    with threadpool_limits(limits=1):
        points = projection.fit_transform(together)
    return np.split(points, np.cumsum([len(each) for each in sets])[:-1])


def tsne_figure(runs: Sequence[DomainVectors], *, scope: str = "", seed: int = 0) -> FigureWithData | None:
    """Draw one panel per run, in order (the paper: `no-all`, `no-mmd`, `msd`). Raises as `project` does."""
    title = "Figure 3: domains by t-SNE"
    if not runs:
        return None
    names = [row_label(run.variant) for run in runs]
    figure = panels(names)
    rows: list[tuple[str, ...]] = []
    sentences: list[str] = []
    for panel, (run, name) in enumerate(zip(runs, names, strict=True), start=1):
        points = project(run, seed=seed)
        for set_name, of_set in zip(SETS, points, strict=True):
            figure.add_trace(_points(set_name, of_set, name, in_legend=panel == 1), row=panel, col=1)
            rows += [(name, set_name, str(i), f"{x:.4f}", f"{y:.4f}") for i, (x, y) in enumerate(of_set, start=1)]
        sentences.append(f"{name}: {100 * mixed(points):.0f} %")
    figure.update_xaxes(title_text="t-SNE 1 (no unit)", showticklabels=False, zeroline=False)
    figure.update_yaxes(title_text="t-SNE 2 (no unit)", showticklabels=False, zeroline=False)
    alt = (
        f"Scatter plots of [CLS] vectors of teacher and student on source and target sentences, one panel per variant. "
        f"Points whose nearest neighbour is of the other model: {joined(sentences)}."
    )
    finish_panels(figure, count=len(runs), panel_height=300, columns=3, legend=list(SETS))
    return FigureWithData.of(figure, title=title, scope=scope, alt=alt, columns=_COLUMNS, rows=rows)


def mixed(points: Sequence[npt.NDArray[np.float32]]) -> float:
    """Return the share (0..1) of projected points whose nearest neighbour belongs to the other model."""
    together = np.concatenate(points).astype(np.float64)
    student = np.repeat([name.startswith("student") for name in SETS], [len(each) for each in points])
    distances = ((together[:, None] - together[None]) ** 2).sum(axis=-1)  # (P, P)
    np.fill_diagonal(distances, np.inf)
    return float(np.mean(student[distances.argmin(axis=1)] != student))


def _points(set_name: str, points: npt.NDArray[np.float32], variant: str, *, in_legend: bool) -> Any:
    colour, symbol = SETS[set_name]
    return go.Scatter(
        x=points[:, 0].tolist(),
        y=points[:, 1].tolist(),
        mode="markers",
        name=set_name,
        legendgroup=set_name,
        showlegend=in_legend,
        marker={"color": colour, "symbol": symbol, "size": 7, "opacity": 0.75},
        hovertext=[f"{set_name}, sentence {i}<br>{label(variant)}" for i in range(1, len(points) + 1)],
        hoverinfo="text",
    )

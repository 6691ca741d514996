"""FigureWithData: a figure with its title, text alternative and numbers; the common layout of figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LEGEND_HEIGHT = 20  # pixels per line of a legend
F1_RANGE = (0, 100)
"""Range of every axis of F1 in percent, so that lengths compare and small differences look small."""


@dataclass(frozen=True, kw_only=True)
class FigureWithData:
    """A Plotly figure with its title, text alternative and numbers.

    figure: a `plotly.graph_objects.Figure`. title: plain text, shown by the page. alt: one or two sentences on what
    the figure shows. columns, rows: the figure's numbers as text, F1 in percent.
    """

    figure: Any
    title: str
    alt: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"figure `{self.title}`: expected {len(self.columns)} cells per row")

    @classmethod
    def of(
        cls, figure: Any, *, title: str, scope: str, alt: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]]
    ) -> "FigureWithData":
        """Wrap a figure that `finish` was called with; `scope` becomes part of the title."""
        return cls(
            figure=figure,
            title=f"{title} ({scope})" if scope else title,
            alt=alt,
            columns=tuple(columns),
            rows=tuple(rows),
        )


def finish(figure: Any, *, height: int, legend: bool = True, above: int = 0) -> None:
    """Set a figure's margins, legend and interaction.

    Args:
        figure: changed in place.
        height: in pixels.
        legend: whether the figure has a legend.
        above: pixels above the plot, for the titles of panels.
    """
    figure.update_layout(
        template="none",
        autosize=True,
        height=height,
        margin={"l": 8, "r": 12, "t": 12 + above, "b": 8},
        showlegend=legend,
        legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom", "itemsizing": "trace"},
        hovermode="closest",
        dragmode=False,  # scrolling the page by touch must not zoom the figure; the mode bar's buttons do
    )
    # Without a standoff, Plotly draws axis titles over long tick labels.
    figure.update_xaxes(automargin=True, title_standoff=8)
    figure.update_yaxes(automargin=True, title_standoff=6)

"""FigureWithData: a figure with its text alternative and its numbers; the common layout of figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from .text import wrapped
from .theme import TEMPLATES

TITLE_HEIGHT = 24  # pixels per line of a title
LEGEND_HEIGHT = 20  # pixels per line of a legend


@dataclass(frozen=True, kw_only=True)
class FigureWithData:
    """A Plotly figure with its text alternative and its numbers.

    figure: a `plotly.graph_objects.Figure`. title: plain text, also in the figure. alt: one or two sentences on what
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


def finish(figure: Any, *, title: str, scope: str, height: int, legend: bool = True, above: int = 0) -> None:
    """Set a figure's title, margins, legend and interaction.

    Args:
        figure: changed in place.
        title: plain text.
        scope: what data the figure shows, such as `mlowner ko, dev`; shown below the title.
        height: in pixels, without the title's lines.
        legend: whether the figure has a legend.
        above: pixels between title and plot.
    """
    text = f"<b>{wrapped(title)}</b>" + (f"<br>{wrapped(scope)}" if scope else "")
    figure.update_layout(
        template=TEMPLATES["light"],
        autosize=True,
        height=height + TITLE_HEIGHT * (text.count("<br>") + 1),
        # The title's and the legend's margins grow with their lines.
        title={
            "text": text,
            "font": {"size": 14},
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 1,
            "yref": "paper",  # with yref "container", Plotly misplaces titles of several lines
            "yanchor": "bottom",
            "pad": {"t": 8, "l": 4, "b": 10 + above},
            "automargin": True,
        },
        margin={"l": 8, "r": 12, "t": 8, "b": 8},
        showlegend=legend,
        legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom", "itemsizing": "trace"},
        hovermode="closest",
        dragmode=False,  # scrolling the page by touch must not zoom the figure; the mode bar's buttons do
    )
    # Without a standoff, Plotly draws axis titles over long tick labels.
    figure.update_xaxes(automargin=True, title_standoff=8)
    figure.update_yaxes(automargin=True, title_standoff=6)


def empty(*, title: str, scope: str, message: str, columns: Sequence[str]) -> FigureWithData:
    """Return a figure without data that shows a message."""
    figure = go.Figure()
    figure.add_annotation(
        text=wrapped(message), showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper", font={"size": 14}
    )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    finish(figure, title=title, scope=scope, height=160, legend=False)
    return FigureWithData.of(figure, title=title, scope=scope, alt=message, columns=columns, rows=())

"""FigureWithData: a figure, what it says in a sentence or two, and its numbers; what all figures have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from .text import wrapped
from .theme import TEMPLATES

TITLE_HEIGHT = 24  # pixels of a title's line
LEGEND_HEIGHT = 20  # pixels of a legend's line


@dataclass(frozen=True, kw_only=True)
class FigureWithData:
    """A Plotly figure and what stands for it.

    figure: a `plotly.graph_objects.Figure`. title: plain text, also in the figure. alt: one or two sentences that say
    what the figure shows. columns, rows: the numbers behind it as people read them, F1 in percent.
    """

    figure: Any
    title: str
    alt: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"a row of the figure `{self.title}` has not {len(self.columns)} cells")

    @classmethod
    def of(
        cls, figure: Any, *, title: str, scope: str, alt: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]]
    ) -> "FigureWithData":
        """A figure that `finish` has been called with; `scope` becomes a part of the title."""
        return cls(
            figure=figure,
            title=f"{title} ({scope})" if scope else title,
            alt=alt,
            columns=tuple(columns),
            rows=tuple(rows),
        )


def finish(figure: Any, *, title: str, scope: str, height: int, legend: bool = True, above: int = 0) -> None:
    """Give a figure its title, margins, legend and behaviour.

    `scope` says what data it is about, such as `mlowner ko, dev`; it stands below the title. `height` is in pixels, the
    title's lines not counted; `above` is how many pixels the title stays away from the plot.
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
            "yref": "paper",  # Plotly misplaces a title of several lines whose margin it makes at the container's edge
            "yanchor": "bottom",
            "pad": {"t": 8, "l": 4, "b": 10 + above},
            "automargin": True,
        },
        margin={"l": 8, "r": 12, "t": 8, "b": 8},
        showlegend=legend,
        legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom", "itemsizing": "trace"},
        hovermode="closest",
        dragmode=False,  # a finger that scrolls the page over a figure shall not zoom it; the mode bar's buttons do
    )
    # Without a distance of its own, Plotly sets a title upon long tick labels.
    figure.update_xaxes(automargin=True, title_standoff=8)
    figure.update_yaxes(automargin=True, title_standoff=6)


def empty(*, title: str, scope: str, message: str, columns: Sequence[str]) -> FigureWithData:
    """A figure that says why there is nothing to see."""
    figure = go.Figure()
    figure.add_annotation(
        text=wrapped(message), showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper", font={"size": 14}
    )
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    finish(figure, title=title, scope=scope, height=160, legend=False)
    return FigureWithData.of(figure, title=title, scope=scope, alt=message, columns=columns, rows=())

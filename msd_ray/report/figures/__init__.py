"""Figures of a study: one module per figure, each with a function from plain data to a `FigureWithData`.

    final_scores.py   F1 of each row on the first screen: mean, 95 % interval, every seed
    history.py        SearchTrial; every trial's best dev F1 by number, and the best so far
    slices.py         dev F1 by the value of each searched parameter
    importance.py     share of the scores' variance that each parameter explains
    curves.py         dev F1 and losses of every trial over epochs
    types.py          precision, recall and F1 by entity type and row
    confusion.py      confusion between entity types
    tsne.py           Figure 3 of the paper: [CLS] vectors of teacher and student, source and target, by t-SNE
    domains.py        Figure 4 of the paper: MMD, symmetric KL and cosine between domains, by row
    layer_weights.py  lambda of the teacher, lambda' of the student over epochs (Eq. 10, 12)

    figure.py         FigureWithData; common layout
    panels.py         figures of several panels, stacked on narrow screens
    theme.py          colours, symbols, dashes and patterns
    text.py           escaped labels; display names; number formats

A figure without data is None. Contract with the page: a figure has no width and no title, fills its container and sets
no colour of text, axes or background, which come from the page's theme. If `layout.meta` has `wide_from`, a container
of at least that many pixels has room for panels side by side: `layout.meta.wide` holds the changes. Legends are at the
bottom of the container (`yref`), which reserves the space for them. Text inside the figure is escaped for Plotly;
`title`, `alt`, `columns` and `rows` are plain. F1 axes go from 0 to 100.
"""

from .figure import FigureWithData

__all__ = ["FigureWithData"]

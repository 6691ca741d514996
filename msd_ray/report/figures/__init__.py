"""Figures of a study: one module per figure, each with a function from plain data to a `FigureWithData`.

    tsne.py           Figure 3 of the paper: [CLS] vectors of teacher and student, source and target, by t-SNE
    domains.py        Figure 4 of the paper: MMD, symmetric KL and cosine between domains, by variant
    history.py        SearchTrial; every trial's best dev F1 by number, and the best so far
    parallel.py       parallel coordinates of the searched parameters
    importance.py     share of the scores' variance that each parameter explains
    curves.py         dev F1 and losses of every trial over epochs
    layer_weights.py  lambda of the teacher, lambda' of the student over epochs (Eq. 10, 12)
    types.py          precision, recall and F1 by entity type and variant
    confusion.py      confusion between entity types

    figure.py         FigureWithData; common layout
    panels.py         figures of several panels, stacked on narrow screens
    theme.py          colours, symbols, the light and the dark template
    text.py           escaped labels; number formats

Contract with the page: a figure has no width and fills its container (`responsive` in `CONFIG`). Figures set no colour
of text, axes or background, so `Plotly.relayout(figure, {template: ...})` with `template_json` switches between light
and dark. If `layout.meta` has `wide_from`, a container of at least that many pixels has room for panels side by side:
`Plotly.relayout(figure, layout.meta.wide)`; `layout.meta.narrow`, the initial layout, reverts it. Legends are at the
bottom of the container (`yref`), which reserves the space for them. Only text inside the figure is escaped for Plotly;
`title`, `alt`, `columns` and `rows` are plain.
"""

from .figure import FigureWithData
from .theme import CONFIG, TEMPLATES, template_json

__all__ = ["CONFIG", "TEMPLATES", "FigureWithData", "template_json"]

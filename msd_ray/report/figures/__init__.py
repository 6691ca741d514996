"""Figures of a study: one module a figure, each a function from plain data to a `FigureWithData`.

    tsne.py           Figure 3 of the paper: [CLS] vectors of teacher and student, source and target, by t-SNE
    domains.py        Figure 4 of the paper: MMD, symmetric KL and cosine between domains, by variant
    history.py        every trial's best dev F1 by number, and the best so far
    parallel.py       parallel coordinates of the searched parameters
    importance.py     how much of the scores' variance each parameter explains
    curves.py         dev F1 and losses of every trial over epochs
    layer_weights.py  lambda of the teacher, lambda' of the student over epochs (Eq. 10, 12)
    types.py          precision, recall and F1 by entity type and variant
    confusion.py      which entity types are taken for which

    figure.py         FigureWithData; what all figures have in common
    panels.py         several panels in one figure, on a phone one below the other
    theme.py          colours, symbols, the light and the dark template
    text.py           labels that come from data, made harmless; numbers as people read them
    trials.py         SearchTrial: a trial as history, parallel and curves take it

For the page that shows them. A figure has no width: it fills its container (`CONFIG` says `responsive`). Nothing in a
figure names a colour of text, axes or background, so `Plotly.relayout(figure, {template: ...})` with `template_json`
switches it from light to dark at run time. Where `layout.meta` has `wide_from`, a container of that many pixels or more
has room for panels side by side: `Plotly.relayout(figure, layout.meta.wide)`, and back with `layout.meta.narrow`, which
is how the figure is made. Legends lie at the bottom of the container (`yref`), which makes room for them by itself.
Only text within the figure is escaped for Plotly; `title`, `alt`, `columns` and `rows` are plain.
"""

from .figure import FigureWithData
from .theme import CONFIG, TEMPLATES, template_json

__all__ = ["CONFIG", "TEMPLATES", "FigureWithData", "template_json"]

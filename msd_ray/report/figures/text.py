"""Text in figures: labels that come from data, made harmless; numbers as people read them.

Plotly reads a part of HTML in every text of a figure (<b>, <br>, <a href>, entities) and fills in `%{...}`.
"""

import textwrap
from collections.abc import Callable, Sequence
from html import escape

from msd_ray.method.variants import VARIANTS

from ..statistics.summary import Summary

LONGEST_LABEL = 40  # characters; a longer label would leave a phone's screen no room for the plot
TITLE_WIDTH = 40  # characters of the title's size that stand side by side on a phone

_PARAMETERS = {
    "learning_rate": "learning rate",
    "alpha": "α",
    "beta": "β",
    "alpha_prime": "α′ (MMD, models)",
    "beta_prime": "β′ (MMD, languages)",
    "weight_decay": "weight decay",
    "warmup": "warm-up share",
    "dropout": "dropout",
}


def harmless(text: str) -> str:
    """`text` as Plotly shows it literally."""
    return escape(text, quote=False).replace("%{", "%&#123;")


def label(text: str, limit: int = LONGEST_LABEL) -> str:
    """A label that comes from data: harmless, on one line, cut with an ellipsis beyond `limit` characters."""
    line = " ".join(text.split())
    return harmless(line if len(line) <= limit else line[: limit - 1] + "…")


def wrapped(text: str, width: int = TITLE_WIDTH) -> str:
    """`text`, harmless, on as many lines as it takes at `width` characters each."""
    return "<br>".join(harmless(line) for line in textwrap.wrap(text, width))


def variant_label(name: str) -> str:
    """A variant's label for people (plain, not escaped); of a variant nobody knows, its name."""
    return VARIANTS[name].label if name in VARIANTS else name


def parameter_label(name: str) -> str:
    """A hyperparameter's name for people (plain, not escaped)."""
    return _PARAMETERS.get(name, name.replace("_", " "))


def percent(value: float | None, missing: str = "no score") -> str:
    """A share (0..1) in percent with two decimals."""
    return missing if value is None else f"{100 * value:.2f}"


def number(value: object) -> str:
    """A number with four significant digits; anything else as it is written."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def mean_text(summary: Summary, text: Callable[[float], str]) -> str:
    """A mean with its standard deviation, if it has one, each written by `text`."""
    return text(summary.mean) + ("" if summary.deviation is None else f" ± {text(summary.deviation)}")


def joined(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)

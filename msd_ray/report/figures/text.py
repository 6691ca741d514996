"""Text in figures: escaped labels, display names and number formats.

Plotly interprets a subset of HTML in every text of a figure (<b>, <br>, <a href>, entities) and replaces `%{...}`.
"""

import textwrap
from collections.abc import Callable, Sequence
from html import escape

from msd_ray.method.variants import VARIANTS

from ..comparison import ROW_LABELS
from ..statistics.summary import Summary

LONGEST_LABEL = 40  # characters; longer labels leave no room for the plot on a phone
TITLE_WIDTH = 40  # characters per line of a title on a phone

_PARAMETERS = {
    "learning_rate": "learning rate",
    "head_learning_rate": "classifiers' rate (factor)",
    "omega_learning_rate": "channel weights' rate (factor)",
    "alpha": "α (channels)",
    "beta": "β (channels)",
    "alpha_prime": "α′ (MMD, models)",
    "beta_prime": "β′ (MMD, languages)",
    "warmup": "warm-up share",
    "init": "initial weights",
    "kd_loss": "distillation loss",
}


def escaped(text: str) -> str:
    """Escape a text so that Plotly shows it literally."""
    return escape(text, quote=False).replace("%{", "%&#123;")


def label(text: str, limit: int = LONGEST_LABEL) -> str:
    """Escape a label from data, on one line, shortened with an ellipsis beyond `limit` characters."""
    line = " ".join(text.split())
    return escaped(line if len(line) <= limit else line[: limit - 1] + "…")


def wrapped(text: str, width: int = TITLE_WIDTH) -> str:
    """Escape a text and wrap it at `width` characters per line."""
    return "<br>".join(escaped(line) for line in textwrap.wrap(text, width))


def row_label(name: str) -> str:
    """Return the display label of a search's row or a variant, not escaped; for an unknown one its name."""
    return ROW_LABELS.get(name) or (VARIANTS[name].label if name in VARIANTS else name)


def parameter_label(name: str) -> str:
    """Return a hyperparameter's display name, not escaped."""
    return _PARAMETERS.get(name, name.replace("_", " "))


def percent(value: float | None, missing: str = "no score") -> str:
    """Format a share (0..1) in percent with two decimals."""
    return missing if value is None else f"{100 * value:.2f}"


def number(value: object) -> str:
    """Format a float with four significant digits, anything else with `str`."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def mean_text(summary: Summary, text: Callable[[float], str]) -> str:
    """Format a mean with its standard deviation, if defined; `text` formats each number."""
    return text(summary.mean) + ("" if summary.deviation is None else f" ± {text(summary.deviation)}")


def joined(items: Sequence[str]) -> str:
    """Join items as `a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)

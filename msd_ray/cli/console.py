"""Printing of unwrapped lines, which can be copied and searched."""

from collections.abc import Sequence

from rich.console import Console

from msd_ray.common.text import one_line


def print_line(console: Console, text: str) -> None:
    """Print a line without wrapping; line ends in it are escaped."""
    console.print(one_line(text), highlight=False, markup=False, soft_wrap=True)


def print_pairs(console: Console, pairs: Sequence[tuple[str, str]]) -> None:
    """Print names and texts in two columns."""
    width = max(len(name) for name, _ in pairs)
    for name, text in pairs:
        print_line(console, f"{name:<{width}}  {text}")

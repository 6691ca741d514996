"""What commands print beside progress and tables: whole lines, to be copied or searched for in one piece."""

from collections.abc import Sequence

from rich.console import Console

from msd_ray.common.text import one_line


def print_line(console: Console, text: str) -> None:
    """A line as it is, however long; a line end in it is shown, too."""
    console.print(one_line(text), highlight=False, markup=False, soft_wrap=True)


def print_pairs(console: Console, pairs: Sequence[tuple[str, str]]) -> None:
    """Names and what they are, in two columns."""
    width = max(len(name) for name, _ in pairs)
    for name, text in pairs:
        print_line(console, f"{name:<{width}}  {text}")

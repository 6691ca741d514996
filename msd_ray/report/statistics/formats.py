"""How scores, differences and p values are written, the same in the terminal and in reports."""

from .summary import Summary


def signed(value: float, decimals: int = 2) -> str:
    """`+0.31`, `−1.20`, `+0.00` also for a negative number that rounds to nothing."""
    return f"{value:+z.{decimals}f}".replace("-", "−")


def spread(summary: Summary, *, scale: float = 100.0, decimals: int = 2) -> str:
    """`61.67 ± 0.41`, without the deviation for one seed."""
    deviation = "" if summary.deviation is None else f" ± {scale * summary.deviation:.{decimals}f}"
    return f"{scale * summary.mean:.{decimals}f}{deviation}"


def p_text(p: float | None) -> str:
    """Four decimals, with which five seeds' 0.0625 is exact; `n/a` where the test is undefined."""
    if p is None:
        return "n/a"
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"

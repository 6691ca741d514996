"""The kinds of cells, and how numbers are written in them.

Scores are in 0..1 inside and percentages with two decimals outside; differences are percentage points. The same number
always gives the same text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from .statistics.summary import Summary, p_text, signed, spread
from .table import Cell, CsvValue, Shown

NOT_RUN = "not run"
NONE = "–"
"""There is no such number: a system that is only cited, a language that the paper has not."""

SUMMARY_FIELDS = ("mean", "sd", "low", "high", "n")
PAPER_FIELDS = ("paper", *SUMMARY_FIELDS, "difference")


def best_of(summaries: Sequence[Summary | None]) -> str | None:
    """The highest mean as a percentage as it is shown; None unless there are two to choose from."""
    means = [summary.mean for summary in summaries if summary is not None]
    return f"{100 * max(means):.2f}" if len(means) > 1 else None


def is_best(summary: Summary | None, best: str | None) -> bool:
    """Whether this mean is shown as the best one is; ties are all best."""
    return summary is not None and f"{100 * summary.mean:.2f}" == best


def _summary_values(summary: Summary | None, scale: float) -> tuple[CsvValue, ...]:
    if summary is None:
        return (None,) * len(SUMMARY_FIELDS)
    numbers = (summary.mean, summary.deviation, summary.low, summary.high)
    return (*(None if number is None else scale * number for number in numbers), summary.n)


@dataclass(frozen=True, kw_only=True, slots=True)
class SummaryCell:
    """One score over seeds.

    absent: what stands there without one. failed: how many more runs failed. row_n: the number of seeds that the row
    shows already, so that this cell need not. scale, decimals: 100 and 2 for scores in 0..1.
    """

    summary: Summary | None
    absent: str = NOT_RUN
    failed: int = 0
    best: bool = False
    row_n: int | None = None
    scale: float = 100.0
    decimals: int = 2

    def shown(self) -> tuple[Shown, ...]:
        """Mean, deviation and number of seeds, in one column."""
        if self.summary is None:
            return (Shown(text=self.absent),)
        text = spread(self.summary, scale=self.scale, decimals=self.decimals)
        if self.failed:
            text += f" (n={self.summary.n}, {self.failed} failed)"
        elif self.row_n != self.summary.n:
            text += f" (n={self.summary.n})"
        return (Shown(text=text, number=self.scale * self.summary.mean, bold=self.best),)

    def values(self) -> tuple[CsvValue, ...]:
        """As `SUMMARY_FIELDS`, in the unit shown."""
        return _summary_values(self.summary, self.scale)


@dataclass(frozen=True, kw_only=True, slots=True)
class PaperCell:
    """The paper's F1 in percent as printed, our F1 in 0..1 over seeds, and the difference."""

    paper: Decimal | None
    ours: Summary | None
    absent: str = NOT_RUN
    failed: int = 0
    paper_bold: bool = False
    best: bool = False

    @property
    def difference(self) -> float | None:
        """Ours minus the paper's in percentage points; None if either is missing."""
        if self.paper is None or self.ours is None:
            return None
        return 100 * self.ours.mean - float(self.paper)

    def shown(self) -> tuple[Shown, ...]:
        """Three columns: paper, ours, difference."""
        paper = Shown(text=NONE)
        if self.paper is not None:
            paper = Shown(text=str(self.paper), number=float(self.paper), bold=self.paper_bold)
        ours = SummaryCell(summary=self.ours, absent=self.absent, failed=self.failed, best=self.best)
        return (paper, *ours.shown(), *points(self.difference).shown())

    def values(self) -> tuple[CsvValue, ...]:
        """As `PAPER_FIELDS`, in percent."""
        paper = None if self.paper is None else float(self.paper)
        return (paper, *_summary_values(self.ours, 100.0), self.difference)


@dataclass(frozen=True, kw_only=True, slots=True)
class CountCell:
    """A count in the paper, the one found, and the difference."""

    paper: int | None
    found: int | None
    absent: str

    def shown(self) -> tuple[Shown, ...]:
        """Three columns: paper, found, difference."""
        numbers = (self.paper, self.found, self._difference)
        texts = (
            NONE if self.paper is None else f"{self.paper:,}",
            self.absent if self.found is None else f"{self.found:,}",
            NONE if self._difference is None else f"{self._difference:+,}".replace("-", "−").replace("+0", "0"),
        )
        return tuple(Shown(text=text, number=number) for text, number in zip(texts, numbers, strict=True))

    def values(self) -> tuple[CsvValue, ...]:
        """Paper, found, difference."""
        return self.paper, self.found, self._difference

    @property
    def _difference(self) -> int | None:
        return None if self.paper is None or self.found is None else self.found - self.paper


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberCell:
    """One number as a text of its own."""

    text: str
    value: float | None

    def shown(self) -> tuple[Shown, ...]:
        """The text."""
        return (Shown(text=self.text, number=self.value),)

    def values(self) -> tuple[CsvValue, ...]:
        """The number."""
        return (self.value,)


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedsCell:
    """How many of a row's runs finished, and how many failed."""

    n: int
    failed: int

    def shown(self) -> tuple[Shown, ...]:
        """`5`, `4, 1 failed`, or that nothing was run."""
        if not self.n:
            return (Shown(text=f"{self.failed} failed" if self.failed else NOT_RUN),)
        return (Shown(text=f"{self.n}, {self.failed} failed" if self.failed else str(self.n), number=self.n),)

    def values(self) -> tuple[CsvValue, ...]:
        """Finished, failed."""
        return self.n, self.failed


@dataclass(frozen=True, kw_only=True, slots=True)
class TextCell:
    """Something that people read and programs find elsewhere in the row: it has no field in CSV."""

    text: str

    def shown(self) -> tuple[Shown, ...]:
        """The text."""
        return (Shown(text=self.text),)

    def values(self) -> tuple[CsvValue, ...]:
        """Nothing."""
        return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinedCell:
    """Several cells under one group of columns."""

    parts: tuple[Cell, ...]

    def shown(self) -> tuple[Shown, ...]:
        """All of them, side by side."""
        return tuple(shown for part in self.parts for shown in part.shown())

    def values(self) -> tuple[CsvValue, ...]:
        """All of them, side by side."""
        return tuple(value for part in self.parts for value in part.values())


def points(difference: float | None) -> NumberCell:
    """A difference in percentage points."""
    return NumberCell(text=NONE if difference is None else signed(difference), value=difference)


def p_value(p: float | None) -> NumberCell:
    """The p value of a test."""
    return NumberCell(text=p_text(p), value=p)


def interval(summary: Summary | None, absent: str) -> TextCell:
    """The 95 % interval of a mean in percent; its ends are fields of the mean's own cell."""
    if summary is None:
        return TextCell(text=absent)
    if summary.low is None or summary.high is None:
        return TextCell(text="one seed")
    return TextCell(text=f"{100 * summary.low:.2f} to {100 * summary.high:.2f}")

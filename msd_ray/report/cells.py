"""Cell types and their number formats.

Cells take scores in 0..1 and show percentages with two decimals; differences are percentage points. Equal numbers
always give equal text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from .statistics.summary import Summary, p_text, percent_range, signed, spread
from .table import Cell, CsvValue, Shown

NOT_RUN = "not run"
NONE = "–"
"""Shown where a number cannot exist: for a system that is only cited, or a language that is not in the paper."""

SUMMARY_FIELDS = ("mean", "sd", "low", "high", "n")
PAPER_FIELDS = ("paper", *SUMMARY_FIELDS, "difference")


def best_of(summaries: Sequence[Summary | None]) -> str | None:
    """Return the highest mean as shown, in percent; None for fewer than two means."""
    means = [summary.mean for summary in summaries if summary is not None]
    return f"{100 * max(means):.2f}" if len(means) > 1 else None


def is_best(summary: Summary | None, best: str | None) -> bool:
    """Return whether this mean is shown with the same text as the best one; ties are all best."""
    return summary is not None and f"{100 * summary.mean:.2f}" == best


def _summary_values(summary: Summary | None, scale: float) -> tuple[CsvValue, ...]:
    if summary is None:
        return (None,) * len(SUMMARY_FIELDS)
    numbers = (summary.mean, summary.deviation, summary.low, summary.high)
    return (*(None if number is None else scale * number for number in numbers), summary.n)


@dataclass(frozen=True, kw_only=True, slots=True)
class SummaryCell:
    """One score over seeds.

    absent: text shown without a score. failed: number of failed runs. row_n: number of seeds that the row shows in
    another column; this cell then omits it. scale, decimals: 100 and 2 for scores in 0..1.
    """

    summary: Summary | None
    absent: str = NOT_RUN
    failed: int = 0
    best: bool = False
    row_n: int | None = None
    scale: float = 100.0
    decimals: int = 2

    def shown(self) -> tuple[Shown, ...]:
        """Return one column: mean, deviation and number of seeds."""
        if self.summary is None:
            return (Shown(text=self.absent),)
        text = spread(self.summary, scale=self.scale, decimals=self.decimals)
        if self.failed:
            text += f" (n={self.summary.n}, {self.failed} failed)"
        elif self.row_n != self.summary.n:
            text += f" (n={self.summary.n})"
        return (Shown(text=text, number=self.scale * self.summary.mean, bold=self.best),)

    def values(self) -> tuple[CsvValue, ...]:
        """Return the values of `SUMMARY_FIELDS`, in the unit shown."""
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
        """Our F1 minus the paper's in percentage points; None if either is missing."""
        if self.paper is None or self.ours is None:
            return None
        return 100 * self.ours.mean - float(self.paper)

    def shown(self) -> tuple[Shown, ...]:
        """Return three columns: paper, ours, difference."""
        paper = Shown(text=NONE)
        if self.paper is not None:
            paper = Shown(text=str(self.paper), number=float(self.paper), bold=self.paper_bold)
        ours = SummaryCell(summary=self.ours, absent=self.absent, failed=self.failed, best=self.best)
        return (paper, *ours.shown(), *points(self.difference).shown())

    def values(self) -> tuple[CsvValue, ...]:
        """Return the values of `PAPER_FIELDS`, in percent."""
        paper = None if self.paper is None else float(self.paper)
        return (paper, *_summary_values(self.ours, 100.0), self.difference)


@dataclass(frozen=True, kw_only=True, slots=True)
class CountCell:
    """The paper's count, the count in the files, and the difference."""

    paper: int | None
    found: int | None
    absent: str

    def shown(self) -> tuple[Shown, ...]:
        """Return three columns: paper, found, difference."""
        numbers = (self.paper, self.found, self._difference)
        texts = (
            NONE if self.paper is None else f"{self.paper:,}",
            self.absent if self.found is None else f"{self.found:,}",
            NONE if self._difference is None else f"{self._difference:+,}".replace("-", "−").replace("+0", "0"),
        )
        return tuple(Shown(text=text, number=number) for text, number in zip(texts, numbers, strict=True))

    def values(self) -> tuple[CsvValue, ...]:
        """Return paper, found and difference."""
        return self.paper, self.found, self._difference

    @property
    def _difference(self) -> int | None:
        return None if self.paper is None or self.found is None else self.found - self.paper


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberCell:
    """One number with its own text."""

    text: str
    value: float | None

    def shown(self) -> tuple[Shown, ...]:
        """Return the text."""
        return (Shown(text=self.text, number=self.value),)

    def values(self) -> tuple[CsvValue, ...]:
        """Return the number."""
        return (self.value,)


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedsCell:
    """The numbers of a row's finished and failed runs."""

    n: int
    failed: int

    def shown(self) -> tuple[Shown, ...]:
        """Return one column: `5`, `4, 1 failed` or `not run`."""
        if not self.n:
            return (Shown(text=f"{self.failed} failed" if self.failed else NOT_RUN),)
        return (Shown(text=f"{self.n}, {self.failed} failed" if self.failed else str(self.n), number=self.n),)

    def values(self) -> tuple[CsvValue, ...]:
        """Return the numbers of finished and failed runs."""
        return self.n, self.failed


@dataclass(frozen=True, kw_only=True, slots=True)
class TextCell:
    """A text without a field in CSV, because other fields of the row hold its values."""

    text: str

    def shown(self) -> tuple[Shown, ...]:
        """Return the text."""
        return (Shown(text=self.text),)

    def values(self) -> tuple[CsvValue, ...]:
        """Return no value."""
        return ()


@dataclass(frozen=True, kw_only=True, slots=True)
class JoinedCell:
    """Several cells under one group of columns."""

    parts: tuple[Cell, ...]

    def shown(self) -> tuple[Shown, ...]:
        """Return those of all parts, in order."""
        return tuple(shown for part in self.parts for shown in part.shown())

    def values(self) -> tuple[CsvValue, ...]:
        """Return those of all parts, in order."""
        return tuple(value for part in self.parts for value in part.values())


def points(difference: float | None) -> NumberCell:
    """Return the cell of a difference in percentage points."""
    return NumberCell(text=NONE if difference is None else signed(difference), value=difference)


def p_value(p: float | None) -> NumberCell:
    """Return the cell of a test's p value."""
    return NumberCell(text=p_text(p), value=p)


def interval(summary: Summary | None, absent: str) -> TextCell:
    """Return the cell of a mean's 95 % interval in percent; the fields of its ends belong to the mean's cell."""
    if summary is None:
        return TextCell(text=absent)
    if summary.low is None or summary.high is None:
        return TextCell(text="one seed")
    return TextCell(text=percent_range(summary.low, summary.high))

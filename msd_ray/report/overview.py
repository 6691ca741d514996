"""The table of several languages: one column per language, and the average.

As in the paper, the average is over the languages' means over seeds. It is shown if every language has the row and all
were scored on the same split.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from .comparison import NOT_RUN, SummaryRow

NO_AVERAGE = "-"


@dataclass(frozen=True, kw_only=True)
class LanguageSummary:
    """One language's rows from `summary_rows`; every language has the same rows in the same order."""

    lang: str
    rows: tuple[SummaryRow, ...]

    @property
    def split(self) -> str:
        """Split that the final runs were scored on: test, or dev without a test file."""
        return "dev" if any(row.scored_split == "dev" for row in self.rows) else "test"

    def score(self, name: str) -> float | None:
        """Return the mean F1 (0..1) over the seeds of the named row; None if none of its runs has finished."""
        row = next(row for row in self.rows if row.name == name)
        return None if row.test is None else row.test.mean


def average(languages: Sequence[LanguageSummary], name: str) -> float | None:
    """Return a row's mean over the languages; None unless every language has it, scored on the same split."""
    scores = [language.score(name) for language in languages]
    found = [score for score in scores if score is not None]
    if not found or len(found) < len(scores) or len({language.split for language in languages}) > 1:
        return None
    return statistics.fmean(found)


def print_overview(console: Console, languages: Sequence[LanguageSummary], *, title: str | None = None) -> None:
    """Print the table: scores in percent, marked if they are on dev."""
    splits = {language.split for language in languages}
    scored = {"dev": "F1 on dev (no test file)", "test": "test F1"}[next(iter(splits))] if len(splits) == 1 else "F1"
    table = Table(title=title, title_justify="left")
    table.add_column(f"{scored}, mean over seeds")
    for language in languages:
        table.add_column(language.lang if len(splits) == 1 else f"{language.lang} ({language.split})", justify="right")
    table.add_column("average", justify="right")
    for row in languages[0].rows:
        mean = average(languages, row.name)
        table.add_row(
            row.label,
            *(_cell(language, row.name) for language in languages),
            NO_AVERAGE if mean is None else f"{100 * mean:.2f}",
        )
    console.print(table)
    if len(splits) > 1:
        console.print(
            "No average: not all languages were scored on the same split.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def _cell(language: LanguageSummary, name: str) -> str:
    score = language.score(name)
    return NOT_RUN if score is None else f"{100 * score:.2f}"

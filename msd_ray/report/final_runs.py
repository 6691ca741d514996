"""Table of a study's final rows, as the command prints it: means, intervals, gains of the best or of MSD."""

from dataclasses import dataclass

from msd_ray.tracking.rows import dev_metric_of
from msd_ray.tracking.study_reader import RecordedStudy

from . import notes
from .cells import (
    NONE,
    NOT_RUN,
    SUMMARY_FIELDS,
    NumberCell,
    SeedsCell,
    SummaryCell,
    best_of,
    interval,
    is_best,
    p_value,
    points,
)
from .collect import ABLATE, current_final_runs, row_labels
from .comparison import DEV_LABELS, Comparison, Headline, SummaryRow, comparisons, headline, variant_rows, winner_row
from .table import Group, Row, Section, Table
from .variant_rows import SOURCE_DEV


@dataclass(frozen=True, kw_only=True)
class FinalRows:
    """The final rows of a study with the gains of one of them, and its headline."""

    rows: tuple[SummaryRow, ...]
    gains: tuple[Comparison, ...]
    headline: Headline | None

    @property
    def on_dev(self) -> bool:
        """Whether the rows were scored on dev, because there is no test file."""
        return any(row.scored_split == "dev" for row in self.rows)

    @property
    def on_source(self) -> bool:
        """Whether the rows were scored on the source's dev set, because there are no target labels."""
        return any(row.scored_on_source for row in self.rows)


def final_rows(study: RecordedStudy) -> FinalRows:
    """Return the rows that the parent run or a final run names, in the order of the printed table.

    The headline of a search is the exported row over direct transfer, that of an ablation MSD over TSL.
    """
    rows = variant_rows(current_final_runs(study), row_labels(study), dev_metric=dev_metric_of(study.runs))
    if study.command == ABLATE:
        return FinalRows(
            rows=tuple(rows), gains=tuple(comparisons(rows, of="msd")), headline=headline(rows, "msd", "no-all")
        )
    winner = study.parent.tags.get("winner") or winner_row(rows)
    return FinalRows(rows=tuple(rows), gains=tuple(comparisons(rows)), headline=headline(rows, winner))


def final_runs_table(study: RecordedStudy, *table_notes: str) -> Table:
    """Build the table of `final_rows`."""
    found = final_rows(study)
    gains = {pair.b: pair for pair in found.gains}
    best = best_of([row.test for row in found.rows if row.zero_shot])
    on_dev = found.on_dev
    on_source = found.on_source
    scored = SOURCE_DEV if on_source else "DEV SET (no test file)" if on_dev else "test set"
    f1 = "F1 on source dev" if on_source else "F1 on dev" if on_dev else "test F1"
    suffix = "_on_source_dev" if on_source else "_on_dev" if on_dev else ""
    dev = DEV_LABELS[dev_metric_of(study.runs)]
    return Table(
        key=f"final-runs-{study.dataset}-{study.lang}",
        title=f"Final runs: {study.dataset} {study.lang}, {scored}",
        label_heading="Row",
        groups=(
            _group("dev", f"dev F1 ({dev})", *SUMMARY_FIELDS),
            _group("f1", f1, *(f"{field}{suffix}" for field in SUMMARY_FIELDS)),
            _group("interval", "95 % interval"),
            _group("seeds", "seeds", "n", "failed"),
            _group("gain", f"gain of {found.gains[0].a}" if found.gains else "gain", f"difference{suffix}"),
            _group("p", "p (Holm)", "holm"),
        ),
        sections=(Section(rows=tuple(_row(row, gains.get(row.name), best) for row in found.rows)),),
        notes=(
            notes.SPREAD,
            notes.FINAL_RUNS,
            *([f"{study.lang}: {notes.NO_TARGET_LABELS if on_source else notes.ON_DEV}"] if on_dev else []),
            *table_notes,
        ),
    )


def _group(key: str, heading: str, *fields: str) -> Group:
    return Group(key=key, heading=heading, columns=("",), fields=fields)


def _row(row: SummaryRow, gain: Comparison | None, best: str | None) -> Row:
    absent = f"{row.failed} failed" if row.failed else NOT_RUN
    bold = row.zero_shot and is_best(row.test, best)
    none = NumberCell(text=NONE, value=None)
    compared = (none, none)
    if gain is not None and gain.difference is not None:
        compared = (points(100 * gain.difference), p_value(gain.p))
    return Row(
        label=row.label,
        name=row.name,
        zero_shot=row.zero_shot,
        cells=(
            SummaryCell(summary=row.dev, absent=absent, row_n=row.seeds),
            SummaryCell(summary=row.test, absent=absent, row_n=row.seeds, best=bold),
            interval(row.test, NONE),
            SeedsCell(n=row.seeds, failed=row.failed),
            *compared,
        ),
    )

"""Table of a search's final rows, as the search prints it: means, intervals, gains of the best configuration."""

from msd_ray.tracking.rows import dev_metric_of
from msd_ray.tracking.study_reader import RecordedStudy

from . import notes
from .cells import (
    NONE,
    NOT_RUN,
    SUMMARY_FIELDS,
    JoinedCell,
    NumberCell,
    SummaryCell,
    best_of,
    interval,
    is_best,
    p_value,
    points,
)
from .collect import current_final_runs
from .comparison import DEV_LABELS, ROW_LABELS, Comparison, SummaryRow, comparisons, summary_rows
from .table import Cell, Group, Row, Section, Table
from .variant_rows import SOURCE_DEV


def final_runs_table(study: RecordedStudy, *table_notes: str) -> Table:
    """Build the table of the rows that the parent run or a final run names, in the order of the printed table."""
    runs = current_final_runs(study)
    run_rows = {run.tags["row"] for run in runs}
    names = [name for name in ROW_LABELS if name in run_rows or f"configuration.{name}" in study.parent.tags]
    dev_metric = dev_metric_of(study.runs)
    rows = summary_rows(runs, names, dev_metric=dev_metric)
    gains = {pair.b: pair for pair in comparisons(rows)}
    best = best_of([row.test for row in rows])
    on_dev = any(row.scored_split == "dev" for row in rows)
    on_source = any(row.scored_on_source for row in rows)
    scored = SOURCE_DEV if on_source else "DEV SET (no test file)" if on_dev else "test set"
    suffix = "_on_source_dev" if on_source else "_on_dev" if on_dev else ""
    return Table(
        key=f"final-runs-{study.dataset}-{study.lang}",
        title=f"Final runs of the search: {study.dataset} {study.lang}, {scored}",
        label_heading="Row",
        groups=(
            Group(key="dev", heading=f"dev F1 ({DEV_LABELS[dev_metric]})", columns=("",), fields=SUMMARY_FIELDS),
            Group(
                key="f1",
                heading="F1 (source dev)" if on_source else "F1 (dev)" if on_dev else "F1",
                columns=("mean ± sd", "95 % interval"),
                fields=tuple(f"{field}{suffix}" for field in SUMMARY_FIELDS),
            ),
            Group(
                key="gain",
                heading="gain of best",
                columns=("difference", "p (Holm)"),
                fields=(f"difference{suffix}", "p_holm"),
            ),
        ),
        sections=(Section(rows=tuple(_row(row, gains.get(row.name), best) for row in rows)),),
        notes=(
            notes.SPREAD,
            notes.FINAL_RUNS,
            *([f"{study.lang}: {notes.NO_TARGET_LABELS if on_source else notes.ON_DEV}"] if on_dev else []),
            *table_notes,
        ),
    )


def _row(row: SummaryRow, gain: Comparison | None, best: str | None) -> Row:
    absent = f"{row.failed} failed" if row.failed else NOT_RUN
    test = SummaryCell(summary=row.test, absent=absent, failed=row.failed, best=is_best(row.test, best))
    return Row(
        label=row.label,
        cells=(
            SummaryCell(summary=row.dev, absent=absent, row_n=row.seeds),
            JoinedCell(parts=(test, interval(row.test, NONE))),
            _gain(gain),
        ),
    )


def _gain(pair: Comparison | None) -> Cell:
    if pair is None or pair.difference is None:
        none = NumberCell(text=NONE, value=None)
        return JoinedCell(parts=(none, none))
    return JoinedCell(parts=(points(100 * pair.difference), p_value(pair.p)))

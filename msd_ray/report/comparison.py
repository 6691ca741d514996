"""The table at the end of a search or an ablation, built from the runs in the tracking database.

A row is one configuration, run with several seeds. F1 scores are in 0..1 and printed as percentages. The same rows and
comparisons give the printed table, the metrics of the study's parent run, the report's table and the `--summary` file.
"""

import errno
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.table import Table

from msd_ray.common.errors import UserError
from msd_ray.common.files import check_writable, new_file
from msd_ray.tracking.rows import RunRow

from .statistics.paired import holm, paired_tests
from .statistics.summary import Summary, p_text, percent_range, signed, spread, summarise

NOT_RUN = "not run"
NONE = "-"
ROW_LABELS: Mapping[str, str] = {
    "direct": "direct transfer (teacher)",
    "tsl": "plain distillation (TSL)",
    "paper": "paper's configuration",
    "best": "best found",
    "average": "average of the best",
}
"""Label of each final row of a search, in display order."""
DEV_LABELS: Mapping[str, str] = {"dev_target/f1": "target", "dev_source/f1": "source"}
"""Language of the dev set that selected epochs and configurations, by dev metric."""


@dataclass(frozen=True, kw_only=True)
class SummaryRow:
    """One row of the table; a score is None if no finished run has it.

    name: value of the tag `row`, part of the parent's metric names. label: display text. seeds: number of seeds with a
    finished run. failed: number of seeds whose run failed. zero_shot: False if target labels reached a training of the
    row. scored_split: `test`, or `dev` if the data set has no test file. scored_on_source: the target has no labels,
    and that is the source's dev set. dev_metric: F1 on the dev set that selected epochs and configurations. dev: scores
    on that set. test: scores on the scored split.
    """

    name: str
    label: str
    seeds: int
    failed: int
    zero_shot: bool
    scored_split: str
    dev_metric: str
    dev: Summary | None
    test: Summary | None
    test_by_seed: Mapping[int, float]
    scored_on_source: bool = False


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The gain of row `a` over row `b` on the scored split, over the seeds that both have.

    n: number of shared seeds. difference: mean of a - b over them, in -1..1; None without a seed. p: p value of the
    paired t-test, corrected by Holm's method for all comparisons of the table; None if undefined (one seed, or equal
    differences).
    """

    a: str
    b: str
    n: int
    difference: float | None
    p: float | None


def summary_rows(runs: Iterable[RunRow], rows: Sequence[str], *, dev_metric: str) -> list[SummaryRow]:
    """Return the requested final rows of a search, in the order of `ROW_LABELS`.

    Args:
        runs: oldest first, as the tracker returns them.
        rows: names of the rows. A row without runs is included, without a score.
        dev_metric: `dev_target/f1`, or `dev_source/f1` if the source's dev set selects.
    """
    return variant_rows(runs, {name: ROW_LABELS[name] for name in ROW_LABELS if name in rows}, dev_metric=dev_metric)


def variant_rows(runs: Iterable[RunRow], labels: Mapping[str, str], *, dev_metric: str) -> list[SummaryRow]:
    """Return a row per variant, in the order of `labels` (variant name -> display text)."""
    final = [run for run in runs if run.phase == "final" and run.tags.get("seed", "").isdecimal()]
    return [
        _row(name, label, [run for run in final if run.tags.get("row") == name], dev_metric)
        for name, label in labels.items()
    ]


def _row(name: str, label: str, runs: Sequence[RunRow], dev_metric: str) -> SummaryRow:
    finished: dict[int, RunRow] = {}
    for run in runs:
        if run.state == "COMPLETE":
            finished.setdefault(int(run.tags["seed"]), run)  # of two runs, the older one counts
    failed = {int(run.tags["seed"]) for run in runs if run.state == "FAIL"} - finished.keys()
    split = "dev" if any(run.tags.get("scored_split") == "dev" for run in finished.values()) else "test"
    test = _by_seed(finished, f"{split}/f1")
    return SummaryRow(
        name=name,
        label=label,
        seeds=len(finished),
        failed=len(failed),
        zero_shot=all(run.tags.get("zero_shot") != "false" for run in runs),
        scored_split=split,
        dev_metric=dev_metric,
        dev=_summary(_by_seed(finished, dev_metric)),
        test=_summary(test),
        test_by_seed=test,
        scored_on_source=any(run.tags.get("scored_on") == "source" for run in finished.values()),
    )


def _by_seed(runs: Mapping[int, RunRow], metric: str) -> dict[int, float]:
    return {seed: runs[seed].metrics[metric] for seed in sorted(runs) if metric in runs[seed].metrics}


def _summary(scores: Mapping[int, float]) -> Summary | None:
    return summarise(tuple(scores.values())) if scores else None


def comparisons(rows: Sequence[SummaryRow], of: str = "best") -> list[Comparison]:
    """Return the gain of row `of` over each other zero-shot row, in their order; empty if `of` is not among the rows.

    All comparisons form one family for Holm's correction.
    """
    reference = next((row for row in rows if row.name == of), None)
    if reference is None:
        return []
    others = [row for row in rows if row is not reference and row.zero_shot]
    tests = [paired_tests(reference.test_by_seed, row.test_by_seed) for row in others]
    corrected = holm([test.t_p for test in tests])
    return [
        Comparison(a=of, b=row.name, n=test.n, difference=test.difference, p=p)
        for row, test, p in zip(others, tests, corrected, strict=True)
    ]


def winner_row(rows: Iterable[SummaryRow]) -> str:
    """Return the row that a search exports: `average` if its mean dev F1 exceeds that of `best`, else `best`."""
    dev = {row.name: row.dev.mean for row in rows if row.dev is not None}
    return "average" if "best" in dev and dev.get("average", 0.0) > dev["best"] else "best"


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The row that a study is about, and its gain over the row that it has to beat; None if that has no run."""

    row: SummaryRow
    gain: Comparison | None


def headline(rows: Sequence[SummaryRow], name: str, over: str = "direct") -> Headline | None:
    """Return the headline of a table; None if the named row has no score."""
    row = next((row for row in rows if row.name == name and row.test is not None), None)
    if row is None:
        return None
    gains = {pair.b: pair for pair in comparisons(rows, of=name) if pair.difference is not None}
    return Headline(row=row, gain=gains.get(over))


def summary_metrics(rows: Sequence[SummaryRow], compared: Iterable[Comparison] = ()) -> dict[str, float]:
    """Return the table's numbers as metrics for the study's parent run.

    Names are `final/best/test_f1_mean`, `..._sd`, `..._n`, `..._low`, `..._high`, the same for `dev_target_f1`;
    `gain/best-paper/difference` and `.../p`; of the row that a search exports `winner/test_f1` and its
    `winner/gain_over_direct`. Undefined numbers are left out.
    """
    metrics: dict[str, float | None] = {}
    for row in rows:
        for name, scores in ((row.dev_metric.replace("/", "_"), row.dev), (f"{row.scored_split}_f1", row.test)):
            if scores is not None:
                key = f"final/{row.name}/{name}"
                metrics |= {f"{key}_mean": scores.mean, f"{key}_sd": scores.deviation, f"{key}_n": scores.n}
                metrics |= {f"{key}_low": scores.low, f"{key}_high": scores.high}
    for pair in compared:
        key = f"gain/{pair.a}-{pair.b}"
        metrics |= {f"{key}/difference": pair.difference, f"{key}/p": pair.p}
    winner = headline(rows, winner_row(rows))
    if winner is not None and winner.row.test is not None:
        metrics[f"winner/{winner.row.scored_split}_f1"] = winner.row.test.mean
        metrics["winner/gain_over_direct"] = None if winner.gain is None else winner.gain.difference
    return {name: value for name, value in metrics.items() if value is not None}


def summary_json(
    rows: Sequence[SummaryRow],
    compared: Iterable[Comparison],
    *,
    study: str,
    dataset: str,
    lang: str,
    best_configuration: Mapping[str, Any],
    model: str | None,
) -> dict[str, Any]:
    """Return the table's numbers for JSON: F1 and differences as fractions, null if undefined.

    If `scored_split` is `dev`, there is no test file and the `test_...` scores are on the dev set; if it is
    `source dev`, there are no target labels, and they are on the source's.
    """
    split = "dev" if any(row.scored_split == "dev" for row in rows) else "test"
    return {
        "study": study,
        "dataset": dataset,
        "lang": lang,
        "scored_split": "source dev" if any(row.scored_on_source for row in rows) else split,
        "rows": [
            {
                "name": row.name,
                "n": row.seeds,
                "dev_mean": None if row.dev is None else row.dev.mean,
                "test_mean": None if row.test is None else row.test.mean,
                "test_sd": None if row.test is None else row.test.deviation,
                "test_by_seed": {str(seed): f1 for seed, f1 in row.test_by_seed.items()},
            }
            for row in rows
        ],
        "comparisons": [{"a": pair.a, "b": pair.b, "difference": pair.difference, "p": pair.p} for pair in compared],
        "best_configuration": dict(best_configuration),
        "model": model,
    }


def check_summary(path: Path) -> None:
    """Raise UserError if `write_summary` would fail; nothing is written."""
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        check_writable(next(parent for parent in path.absolute().parents if parent.exists()))
    except OSError as error:
        raise _unwritable(path, error) from error


def write_summary(path: Path, content: Any) -> None:
    """Write the result of `summary_json`, or a list of them, atomically. Raises UserError if that fails."""
    try:
        with new_file(path) as scratch:
            scratch.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(f"--summary {path}: cannot be written ({error.strerror or error}). Name another file")


def print_summary(
    console: Console,
    rows: Sequence[SummaryRow],
    compared: Sequence[Comparison],
    *,
    title: str | None = None,
    dev_label: str | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Print the table with notes on its numbers below.

    On a narrow console the table loses padding, then shows row names instead of labels, so that no row wraps.

    Args:
        console: where to print.
        rows: rows of the table.
        compared: comparisons between them.
        title: title above the table.
        dev_label: heading of dev F1; default: the dev set of the rows' dev metric.
        notes: further notes.
    """
    label = dev_label or DEV_LABELS[rows[0].dev_metric]
    layouts = [(False, 1), (False, 0), (True, 1), (True, 0)]
    tables = [_table(rows, compared, title, label, by_name=by_name, padding=padding) for by_name, padding in layouts]
    unlimited = console.options.update(width=1000)
    fitting = [table for table in tables if console.measure(table, options=unlimited).maximum <= console.width]
    console.print(fitting[0] if fitting else tables[-1])
    for note in (*_notes(rows, compared), *notes):
        console.print(note, highlight=False, markup=False)


def _table(
    rows: Sequence[SummaryRow],
    compared: Sequence[Comparison],
    title: str | None,
    dev_label: str,
    *,
    by_name: bool,
    padding: int,
) -> Table:
    scored = "test F1,\nmean ± sd"
    if any(row.scored_on_source for row in rows):
        scored = "F1 on source\ndev (no target\nlabels)"
    elif any(row.scored_split == "dev" for row in rows):
        scored = "F1 on dev\n(no test file)"
    table = Table(title=title, title_justify="left", padding=(0, padding))
    table.add_column("", no_wrap=True)
    for heading in (
        "\n".join(["dev F1", *wrap(f"({dev_label})", 12)]),
        scored,
        "95 %\ninterval",
        "n",
        *((f"gain\nof {compared[0].a}", "p\n(Holm)") if compared else ()),
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    gains = {pair.b: pair for pair in compared}
    for row in rows:
        table.add_row(
            row.name if by_name else row.label,
            *_scores(row),
            f"{row.seeds}, {row.failed} failed" if row.failed else str(row.seeds),
            *(_gain(gains.get(row.name)) if compared else ()),
        )
    return table


def _scores(row: SummaryRow) -> tuple[str, str, str]:
    if row.seeds == 0:
        return NOT_RUN, NOT_RUN, NONE
    return (
        NONE if row.dev is None else f"{100 * row.dev.mean:.2f}",
        NONE if row.test is None else spread(row.test),
        _interval(row.test),
    )


def _interval(scores: Summary | None) -> str:
    """Return e.g. `48.58, 53.82`, in percent; `-` for one seed."""
    if scores is None or scores.low is None or scores.high is None:
        return NONE
    return percent_range(scores.low, scores.high, between=", ")


def _gain(pair: Comparison | None) -> tuple[str, str]:
    if pair is None or pair.difference is None:
        return NONE, NONE
    return signed(100 * pair.difference), p_text(pair.p)


def _notes(rows: Sequence[SummaryRow], compared: Sequence[Comparison]) -> list[str]:
    notes = []
    if any(row.scored_on_source for row in rows):
        notes.append(
            "No target labels: all scores are on the source's dev set, which also selected epochs and configurations. "
            "They do not measure how well the target language is tagged."
        )
    if any(row.seeds for row in rows):
        notes.append("95 % interval: Student's t, of the mean over n seeds.")
    if any(pair.difference is not None for pair in compared):
        notes.append(
            f"gain of {compared[0].a}: mean difference in F1 points over the seeds that both rows have. p: paired "
            f"t-test over these seeds, Holm's correction for {sum(pair.p is not None for pair in compared)} "
            "comparisons. n/a: undefined (one seed, or equal differences)."
        )
    return notes

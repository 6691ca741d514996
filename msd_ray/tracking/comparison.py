"""The table at the end of a search, from the runs in the tracking database alone.

Three rows: the teacher applied directly to the target language, the student with the paper's configuration, the best
student found. F1 scores are percentages; each is the mean over the final runs' seeds, with the sample standard
deviation (n - 1).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from msd_ray.statistics.summary import Summary, summarise
from msd_ray.tracking.rows import RunRow

NOT_RUN = "not run"


@dataclass(frozen=True, kw_only=True)
class SummaryRow:
    """One line of the table; a score is None when no finished run holds it."""

    name: str  # teacher, paper, best: the part of the parent's metric names
    label: str
    seeds: int  # finished final runs
    failed: int  # final runs in state FAIL
    scored_split: str  # test, or dev when the data set has no test file
    dev: Summary | None  # epoch chosen on target dev
    test: Summary | None
    test_source_selected: Summary | None  # epoch chosen on source dev


def summary_rows(runs: Sequence[RunRow]) -> list[SummaryRow]:
    """Teacher, paper's configuration, best found, in this order; always three rows.

    The teachers are those that the best configuration's students learned from, or the paper's where that was not run.
    """
    final = {name: _final_runs(runs, name) for name in ("paper", "best")}
    taught = final["best"] if any(run.state == "COMPLETE" for run in final["best"]) else final["paper"]
    return [
        _row("teacher", "teacher (direct transfer)", taught, "teacher/dev_target_f1", "teacher/{split}_f1"),
        _row("paper", "paper's configuration", final["paper"], "dev_target/f1", "{split}/f1"),
        _row("best", "best found", final["best"], "dev_target/f1", "{split}/f1"),
    ]


def variant_rows(runs: Sequence[RunRow], labels: Mapping[str, str]) -> list[SummaryRow]:
    """A row a variant, in the order of `labels`, which gives what people read by the variant's name."""
    return [_row(name, label, _final_runs(runs, name), "dev_target/f1", "{split}/f1") for name, label in labels.items()]


def summary_metrics(rows: Iterable[SummaryRow]) -> dict[str, float]:
    """The same numbers as metrics for the study's parent run: `final/best/test_f1_mean`, `..._sd`, `..._n`."""
    metrics: dict[str, float] = {}
    for row in rows:
        for name, scores in (
            ("dev_target_f1", row.dev),
            (f"{row.scored_split}_f1", row.test),
            (f"{row.scored_split}_f1_source_selected", row.test_source_selected),
        ):
            if scores is not None:
                metrics[f"final/{row.name}/{name}_mean"] = scores.mean
                metrics[f"final/{row.name}/{name}_n"] = scores.n
                if scores.deviation is not None:
                    metrics[f"final/{row.name}/{name}_sd"] = scores.deviation
    return metrics


def print_summary(console: Console, rows: Sequence[SummaryRow], *, title: str | None = None) -> None:
    """Print the table; its header says so when the scored split is the dev set."""
    on_dev = any(row.scored_split == "dev" for row in rows)
    scored = "F1 on dev (no test file)" if on_dev else "test F1"
    table = Table(title=title, title_justify="left")
    table.add_column("")
    table.add_column("dev F1", justify="right")
    table.add_column(f"{scored}, mean ± sd", justify="right")
    table.add_column("epoch chosen on source dev", justify="right")
    for row in rows:
        if row.seeds == 0:
            failed = f" ({row.failed} failed)" if row.failed else ""
            table.add_row(row.label, NOT_RUN + failed, NOT_RUN, NOT_RUN)
        else:
            failed = f", {row.failed} failed" if row.failed else ""
            table.add_row(
                row.label,
                _percent(row.dev),
                f"{_spread(row.test)} (n={row.seeds}{failed})",
                _spread(row.test_source_selected),
            )
    console.print(table)


def _final_runs(runs: Sequence[RunRow], name: str) -> list[RunRow]:
    return [run for run in runs if run.phase == "final" and run.tags.get("row") == name]


def _row(name: str, label: str, runs: Sequence[RunRow], dev: str, scored: str) -> SummaryRow:
    """One row; `scored` is the metric's name with `{split}` for the split that the runs were scored on."""
    finished = [run for run in runs if run.state == "COMPLETE"]
    split = "dev" if any(run.tags.get("scored_split") == "dev" for run in finished) else "test"
    metric = scored.format(split=split)
    return SummaryRow(
        name=name,
        label=label,
        seeds=len(finished),
        failed=sum(run.state == "FAIL" for run in runs),
        scored_split=split,
        dev=_scores(finished, dev),
        test=_scores(finished, metric),
        test_source_selected=_scores(finished, f"{metric}_source_selected"),
    )


def _scores(runs: Sequence[RunRow], metric: str) -> Summary | None:
    values = tuple(run.metrics[metric] for run in runs if metric in run.metrics)
    return summarise(values) if values else None


def _percent(scores: Summary | None) -> str:
    return "-" if scores is None else f"{100 * scores.mean:.2f}"


def _spread(scores: Summary | None) -> str:
    if scores is None or scores.deviation is None:
        return _percent(scores)
    return f"{_percent(scores)} ± {100 * scores.deviation:.2f}"

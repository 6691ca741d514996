"""The summary of a search from rows in memory and from a real database: numbers, table, metrics and JSON are one."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from scipy import stats

from msd_ray.common.errors import UserError
from msd_ray.report.comparison import (
    ROW_LABELS,
    Comparison,
    SummaryRow,
    comparisons,
    print_summary,
    summary_json,
    summary_metrics,
    summary_rows,
    variant_rows,
    winner_row,
    write_summary,
)
from msd_ray.tracking.rows import RunRow, State
from msd_ray.tracking.study import StudyTracker

TARGET, SOURCE = "dev_target/f1", "dev_source/f1"
SCORES = {
    "direct": [0.21, 0.22, 0.23],
    "tsl": [0.45, 0.48, 0.44],
    "paper": [0.40, 0.42, 0.44],
    "best": [0.501, 0.522, 0.513],
    "average": [0.511, 0.530, 0.515],
}
ALL = tuple(SCORES)


def final_run(
    row: str, seed: int, f1: float, *, state: State = "COMPLETE", split: str = "test", dev: str = TARGET
) -> RunRow:
    return RunRow(
        run_id=f"{row}{seed}",
        key=f"final/{row}/seed-{seed}",
        name=f"{row} {seed}",
        phase="final",
        state=state,
        status="FINISHED",
        parameters={},
        metrics={dev: f1 + 0.1, f"{split}/f1": f1},
        tags={"phase": "final", "row": row, "seed": str(seed), "scored_split": split},
    )


def all_runs(dev: str = TARGET, split: str = "test") -> list[RunRow]:
    runs = [final_run(row, seed, f1, dev=dev, split=split) for row in SCORES for seed, f1 in enumerate(SCORES[row])]
    trial = RunRow(
        run_id="t",
        key="student/0",
        name="t",
        phase="student",
        state="COMPLETE",
        status="FINISHED",
        parameters={},
        metrics={dev: 0.99, "test/f1": 0.99},
        tags={},
    )
    return [trial, *runs]


def rows_of(runs: Sequence[RunRow], rows: Sequence[str] = ALL, dev_metric: str = TARGET) -> list[SummaryRow]:
    return summary_rows(runs, rows, dev_metric=dev_metric)


def printed(rows: Sequence[SummaryRow], *, width: int = 120, title: str | None = None) -> list[str]:
    console = Console(file=StringIO(), width=width)
    print_summary(console, rows, comparisons(rows), title=title)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


def cells(lines: Sequence[str], label: str) -> list[str]:
    (line,) = (line for line in lines if line.strip("│ ").startswith(label) and "│" in line)
    return [cell.strip() for cell in line.strip("│ ").split("│")][1:]


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    return float(low), float(high)


def holm_of(p_values: Sequence[float]) -> list[float]:
    """The correction as its definition has it: the smallest times m, the next times m - 1, never falling."""
    order = np.argsort(p_values)
    stepped = np.minimum(1, np.maximum.accumulate(np.array(p_values)[order] * np.arange(len(order), 0, -1)))
    corrected = np.empty(len(order))
    corrected[order] = stepped
    return [float(p) for p in corrected]


def test_rows_come_in_the_tables_order_and_only_those_asked_for() -> None:
    rows = rows_of(all_runs(), ("best", "direct", "paper"))
    assert [(row.name, row.label) for row in rows] == [
        ("direct", "direct transfer (teacher)"),
        ("paper", "paper's configuration"),
        ("best", "best found"),
    ]
    assert tuple(ROW_LABELS) == ALL


def test_means_deviations_and_intervals_are_numpys_and_scipys() -> None:
    rows = rows_of(all_runs())
    metrics = summary_metrics(rows, comparisons(rows))
    for name, values in SCORES.items():
        low, high = t_interval(values)
        expected = {
            "mean": np.mean(values),
            "sd": np.std(values, ddof=1),
            "n": 3,
            "low": low,
            "high": high,
        }
        for field, value in expected.items():
            assert metrics[f"final/{name}/test_f1_{field}"] == pytest.approx(value)
        assert metrics[f"final/{name}/dev_target_f1_mean"] == pytest.approx(np.mean(values) + 0.1)
    assert not any("source" in name or "teacher" in name for name in metrics)


def test_gains_are_paired_t_tests_with_holms_correction() -> None:
    rows = rows_of(all_runs())
    found = comparisons(rows)
    others = [name for name in ALL if name != "best"]
    assert [(pair.a, pair.b, pair.n) for pair in found] == [("best", name, 3) for name in others]
    p_values = [stats.ttest_rel(SCORES["best"], SCORES[name]).pvalue for name in others]
    assert [pair.p for pair in found] == pytest.approx(holm_of(p_values))
    metrics = summary_metrics(rows, found)
    for pair in found:
        difference = np.mean(np.array(SCORES["best"]) - np.array(SCORES[pair.b]))
        assert pair.difference == pytest.approx(difference)
        assert metrics[f"gain/best-{pair.b}/difference"] == pair.difference
        assert metrics[f"gain/best-{pair.b}/p"] == pair.p


def test_the_exported_row_and_its_gain_over_direct_transfer_are_metrics_of_their_own() -> None:
    rows = rows_of(all_runs())
    metrics = summary_metrics(rows, comparisons(rows))
    assert winner_row(rows) == "average"
    assert metrics["winner/test_f1"] == pytest.approx(np.mean(SCORES["average"]))
    difference = np.mean(np.array(SCORES["average"]) - np.array(SCORES["direct"]))
    assert metrics["winner/gain_over_direct"] == pytest.approx(difference)
    alone = summary_metrics(rows_of(all_runs(), ("tsl", "best")))
    assert [name for name in alone if name.startswith("winner/")] == ["winner/test_f1"]
    assert not any(name.startswith("winner/") for name in summary_metrics(rows_of(all_runs(), ("paper",))))


def test_only_shared_seeds_are_compared() -> None:
    runs = [final_run("best", seed, f1) for seed, f1 in ((1, 0.5), (2, 0.6), (3, 0.9))]
    runs += [final_run("paper", seed, f1) for seed, f1 in ((2, 0.5), (3, 0.7), (4, 0.1))]
    (pair,) = comparisons(rows_of(runs, ("paper", "best")))
    assert pair.n == 2
    assert pair.difference == pytest.approx(0.15)


def test_what_is_undefined_has_no_p_and_does_not_count_into_the_correction() -> None:
    """Where the paper's configuration is the best found, both rows are the same runs."""
    runs = [final_run(row, seed, f1) for row in ("best", "paper") for seed, f1 in enumerate(SCORES["best"])]
    runs += [final_run("direct", seed, f1) for seed, f1 in enumerate(SCORES["direct"])]
    rows = rows_of(runs, ("direct", "tsl", "paper", "best"))
    found = comparisons(rows)
    assert found[1:] == [
        Comparison(a="best", b="tsl", n=0, difference=None, p=None),
        Comparison(a="best", b="paper", n=3, difference=0.0, p=None),
    ]
    assert found[0].p == pytest.approx(stats.ttest_rel(SCORES["best"], SCORES["direct"]).pvalue)
    metrics = summary_metrics(rows, found)
    assert metrics["gain/best-paper/difference"] == 0.0
    assert "gain/best-paper/p" not in metrics
    assert not any(name.startswith("gain/best-tsl") for name in metrics)
    assert cells(printed(rows), "paper's")[-2:] == ["+0.00", "n/a"]
    assert cells(printed(rows), "plain")[-2:] == ["-", "-"]
    assert comparisons(rows_of(runs, ("paper",))) == []


def test_one_seed_has_no_deviation_interval_or_p() -> None:
    rows = rows_of([final_run("paper", 1, 0.4), final_run("best", 1, 0.5)], ("paper", "best"))
    assert cells(printed(rows), "paper's") == ["50.00", "40.00", "-", "1", "+10.00", "n/a"]
    metrics = summary_metrics(rows, comparisons(rows))
    assert {name.rpartition("/")[2] for name in metrics if name.startswith("final/")} == {
        *("test_f1_mean", "test_f1_n", "dev_target_f1_mean", "dev_target_f1_n"),
    }
    assert [name for name in metrics if name.startswith("gain/")] == ["gain/best-paper/difference"]


def test_of_two_runs_of_one_seed_the_older_counts() -> None:
    runs = [final_run("best", 1, 0.5), final_run("best", 2, 0.6), final_run("best", 1, 0.9)]
    (row,) = rows_of(runs, ("best",))
    assert row.seeds == 2
    assert row.test_by_seed == {1: 0.5, 2: 0.6}
    assert row.dev is not None
    assert row.dev.mean == pytest.approx(0.65)


def test_a_failed_seed_is_named_and_not_averaged() -> None:
    runs = [*all_runs(), final_run("best", 3, 0.01, state="FAIL"), final_run("best", 2, 0.01, state="FAIL")]
    (row,) = rows_of(runs, ("best",))
    assert (row.seeds, row.failed) == (3, 1)  # seed 2 has a finished run as well
    assert cells(printed([row]), "best found")[1:4:2] == ["51.20 ± 1.05", "3, 1 failed"]
    failed = rows_of([final_run("paper", 1, 0.1, state="FAIL")], ("paper",))
    assert cells(printed(failed), "paper's") == ["not run", "not run", "-", "0, 1 failed"]


def test_rows_that_never_ran_say_so() -> None:
    lines = printed(rows_of([]))
    for label in ROW_LABELS.values():
        assert cells(lines, label)[:4] == ["not run", "not run", "-", "0"]
    assert summary_metrics(rows_of([]), comparisons(rows_of([]))) == {}


def test_the_printed_table() -> None:
    lines = printed(rows_of(all_runs()), title="wikiann-ar: wikiann, en to ar")
    text = " ".join(" ".join(lines).replace("┃", " ").split())
    for heading in ("wikiann-ar: wikiann, en to ar", "dev F1", "(target)", "test F1,", "mean ± sd", "gain", "(Holm)"):
        assert heading in text
    assert "paired t-test over these seeds, Holm's correction for 4 comparisons" in text
    low, high = t_interval(SCORES["paper"])
    p = {pair.b: pair.p for pair in comparisons(rows_of(all_runs()))}["paper"]
    interval = f"{100 * low:.2f}, {100 * high:.2f}"
    assert cells(lines, "paper's") == ["52.00", "42.00 ± 2.00", interval, "3", "+9.20", f"{p:.4f}"]
    assert cells(lines, "average")[-2] == "−0.67"
    assert cells(lines, "best found")[-2:] == ["-", "-"]


@pytest.mark.parametrize("width", [60, 80, 100, 140])
@pytest.mark.parametrize("failed", [False, True])
def test_every_row_is_one_line_however_narrow(width: int, failed: bool) -> None:
    runs = [*all_runs(), *([final_run("best", 9, 0.1, state="FAIL")] if failed else [])]
    lines = printed(rows_of(runs), width=width)
    body = [line for line in lines if line.startswith("│")]
    assert len(body) == len(SCORES)
    assert all(len(line) <= width for line in lines)
    if width >= 80:
        assert not any("…" in line for line in lines)
    if width >= 100 or (width == 80 and not failed):
        assert [line.strip("│ ").split("│")[0].strip() for line in body] == list(ROW_LABELS.values())


def test_an_ablation_compares_msd_with_the_other_zero_shot_variants() -> None:
    variants = {"msd": "best", "direct": "direct", "gold-aux": "average"}
    runs = [final_run(name, seed, f1) for name, row in variants.items() for seed, f1 in enumerate(SCORES[row])]
    runs = [replace(run, tags={**run.tags, "zero_shot": str("gold-aux" not in run.key).lower()}) for run in runs]
    labels = {"msd": "MSD", "direct": "direct transfer (teacher)", "gold-aux": "gold-aux (NOT zero-shot)"}
    rows = variant_rows(runs, labels, dev_metric=TARGET)
    assert [row.label for row in rows] == list(labels.values())
    assert [row.zero_shot for row in rows] == [True, True, False]
    (pair,) = comparisons(rows, of="msd")
    assert (pair.a, pair.b) == ("msd", "direct")
    assert pair.p == pytest.approx(stats.ttest_rel(SCORES["best"], SCORES["direct"]).pvalue)
    console = Console(file=StringIO(), width=100)
    print_summary(console, rows, [pair], title=None)
    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    assert "of msd" in text
    assert cells(text.splitlines(), "gold-aux")[-2:] == ["-", "-"]


def test_where_source_dev_chooses_its_scores_are_shown_and_called_so() -> None:
    rows = rows_of(all_runs(dev=SOURCE), dev_metric=SOURCE)
    assert "(source)" in " ".join(printed(rows))
    assert "(target)" not in " ".join(printed(rows))
    metrics = summary_metrics(rows)
    assert metrics["final/best/dev_source_f1_mean"] == pytest.approx(np.mean(SCORES["best"]) + 0.1)
    assert not any("dev_target" in name for name in metrics)
    console = Console(file=StringIO(), width=80)
    print_summary(console, rows, comparisons(rows), dev_label="source, last epochs averaged")
    assert isinstance(console.file, StringIO)
    lines = console.file.getvalue().splitlines()
    for part in ("(source,", "last epochs", "averaged)"):
        assert any(part in line for line in lines)
    assert all(len(line) <= 80 for line in lines)


def test_further_notes_stand_below_the_table() -> None:
    rows = rows_of(all_runs())
    console = Console(file=StringIO(), width=120)
    print_summary(console, rows, comparisons(rows), notes=["Trials were scored on 9 of 250 dev sentences."])
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue().splitlines()[-1] == "Trials were scored on 9 of 250 dev sentences."


def test_scores_on_dev_say_so() -> None:
    rows = rows_of(all_runs(split="dev"))
    assert "F1 on dev" in " ".join(printed(rows))
    assert "(no test file)" in " ".join(printed(rows))
    assert "final/best/dev_f1_mean" in summary_metrics(rows)
    assert not any("test" in key for key in summary_metrics(rows))


@pytest.mark.parametrize(
    ("rows", "winner"),
    [
        (ALL, "average"),
        (("best",), "best"),
        (("direct", "paper", "best"), "best"),
        (("average",), "best"),  # best has no finished run, and there is nothing to compare with
        ((), "best"),
    ],
)
def test_the_winner_is_what_is_better_on_what_chooses(rows: tuple[str, ...], winner: str) -> None:
    assert winner_row(rows_of([run for run in all_runs() if run.tags.get("row") in rows])) == winner


def test_a_winner_is_not_chosen_on_test_and_equal_rows_leave_best() -> None:
    def with_dev(row: str, dev: float, test: float) -> RunRow:
        return replace(final_run(row, 1, test), metrics={TARGET: dev, "test/f1": test})

    assert winner_row(rows_of([with_dev("best", 0.6, 0.1), with_dev("average", 0.5, 0.9)])) == "best"
    assert winner_row(rows_of([with_dev("best", 0.6, 0.1), with_dev("average", 0.6, 0.9)])) == "best"


def test_the_json_is_exactly_this() -> None:
    rows = rows_of(all_runs(), ("direct", "best"))
    found = comparisons(rows)
    content = summary_json(
        rows,
        found,
        study="s",
        dataset="sample",
        lang="ar",
        best_configuration={"student": {"beta": 0.5}},
        model="runs/models/s",
    )
    best = content["rows"][1]
    assert content == {
        "study": "s",
        "dataset": "sample",
        "lang": "ar",
        "scored_split": "test",
        "rows": [
            {
                "name": name,
                "n": 3,
                "dev_mean": pytest.approx(np.mean(SCORES[name]) + 0.1),
                "test_mean": pytest.approx(np.mean(SCORES[name])),
                "test_sd": pytest.approx(np.std(SCORES[name], ddof=1)),
                "test_by_seed": {str(seed): f1 for seed, f1 in enumerate(SCORES[name])},
            }
            for name in ("direct", "best")
        ],
        "comparisons": [{"a": "best", "b": "direct", "difference": found[0].difference, "p": found[0].p}],
        "best_configuration": {"student": {"beta": 0.5}},
        "model": "runs/models/s",
    }
    metrics = summary_metrics(rows, found)
    assert (best["test_mean"], best["dev_mean"]) == (
        metrics["final/best/test_f1_mean"],
        metrics["final/best/dev_target_f1_mean"],
    )


def test_the_json_of_scores_on_dev_and_of_nothing() -> None:
    def json_of(rows: Sequence[SummaryRow]) -> dict[str, object]:
        return summary_json(
            rows, comparisons(rows), study="s", dataset="d", lang="ar", best_configuration={}, model=None
        )

    on_dev = json_of(rows_of(all_runs(split="dev"), ("best",)))
    assert on_dev["scored_split"] == "dev"
    assert on_dev["rows"][0]["test_mean"] == pytest.approx(np.mean(SCORES["best"]))  # type: ignore[index]
    nothing = json_of(rows_of([], ("tsl", "best")))
    assert nothing["rows"] == [
        {"name": name, "n": 0, "dev_mean": None, "test_mean": None, "test_sd": None, "test_by_seed": {}}
        for name in ("tsl", "best")
    ]
    assert nothing["comparisons"] == [{"a": "best", "b": "tsl", "difference": None, "p": None}]


def test_the_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "new" / "summary.json"
    write_summary(path, {"study": "s", "rows": [1.5, None]})
    assert json.loads(path.read_text(encoding="utf-8")) == {"study": "s", "rows": [1.5, None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_summary(path, {"f1": float("nan")})
    assert json.loads(path.read_text(encoding="utf-8"))["study"] == "s"
    assert [file.name for file in path.parent.iterdir()] == ["summary.json"]
    with pytest.raises(UserError, match=r"--summary .*summary\.json/x: cannot be written"):
        write_summary(path / "x", {})


def test_the_database_gives_the_same_table(reopen: Callable[[], StudyTracker]) -> None:
    tracker = reopen()
    for run in all_runs():
        run_id = tracker.child(run.key, name=run.name, parameters=run.parameters, tags=run.tags)
        tracker.log_epoch(run_id, epoch=1, metrics={TARGET: 0.9}, timestamp_ms=1)
        tracker.log_epoch(run_id, epoch=2, metrics={TARGET: 0.1}, timestamp_ms=2)
        tracker.finish(run_id, state="COMPLETE", metrics=run.metrics)
    assert printed(rows_of(reopen().runs())) == printed(rows_of(all_runs()))

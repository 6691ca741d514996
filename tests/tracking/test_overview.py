"""The table of several languages: means per language, averages only over complete rows."""

from collections.abc import Sequence
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from msd_ray.report.comparison import summary_rows
from msd_ray.report.overview import LanguageSummary, average, print_overview
from msd_ray.tracking.rows import RunRow, State

PAPER, BEST = {"ar": [0.40, 0.42], "hi": [0.50, 0.60, 0.70]}, {"ar": [0.50, 0.55], "hi": [0.80, 0.90, 0.70]}


def final_run(row: str, seed: int, f1: float, *, split: str = "test", state: State = "COMPLETE") -> RunRow:
    return RunRow(
        run_id=f"{row}{seed}",
        key=f"final/{row}/seed-{seed}",
        name=f"{row} {seed}",
        phase="final",
        state=state,
        status="FINISHED",
        parameters={},
        metrics={f"{split}/f1": f1, "dev_target/f1": 0.99},
        tags={"row": row, "seed": str(seed), "scored_split": split},
    )


def language(lang: str, *, split: str = "test", best: bool = True) -> LanguageSummary:
    runs = [final_run("paper", seed, f1, split=split) for seed, f1 in enumerate(PAPER[lang])]
    runs += [final_run("direct", seed, f1 - 0.1, split=split) for seed, f1 in enumerate(PAPER[lang])]
    if best:
        runs += [final_run("best", seed, f1, split=split) for seed, f1 in enumerate(BEST[lang])]
    return of_runs(lang, runs)


def of_runs(lang: str, runs: Sequence[RunRow]) -> LanguageSummary:
    rows = summary_rows(runs, ("direct", "paper", "best"), dev_metric="dev_target/f1")
    return LanguageSummary(lang=lang, rows=tuple(rows))


def printed(languages: Sequence[LanguageSummary]) -> list[str]:
    console = Console(file=StringIO(), width=140)
    print_overview(console, languages, title="wikiann, all languages")
    assert isinstance(console.file, StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def cells(lines: list[str], label: str) -> list[str]:
    (line,) = (line for line in lines if label in line and ("│" in line or "┃" in line))
    return [cell.strip() for cell in line.strip("│┃ ").replace("┃", "│").split("│")][1:]


def test_means_over_seeds_and_the_average_over_languages() -> None:
    lines = printed([language("ar"), language("hi")])
    assert cells(lines, "test F1, mean over seeds") == ["ar", "hi", "average"]
    for label, scores in {"paper's configuration": PAPER, "best found": BEST}.items():
        means = [float(np.mean(scores[lang])) for lang in ("ar", "hi")]
        assert cells(lines, label) == [f"{100 * mean:.2f}" for mean in (*means, float(np.mean(means)))]
    assert cells(lines, "direct transfer (teacher)") == ["31.00", "50.00", "40.50"]
    assert average([language("ar"), language("hi")], "best") == pytest.approx((0.525 + 0.8) / 2)


def test_no_average_where_a_language_lacks_the_row() -> None:
    lines = printed([language("ar"), language("hi", best=False)])
    assert cells(lines, "best found") == ["52.50", "not run", "-"]
    assert cells(lines, "paper's configuration") == ["41.00", "60.00", "50.50"]
    nothing = of_runs("zh", [final_run("paper", 1, 0.9, state="FAIL")])
    assert cells(printed([language("ar"), nothing]), "paper's configuration") == ["41.00", "not run", "-"]


def test_scores_on_dev_say_so() -> None:
    lines = printed([language("ar", split="dev"), language("hi", split="dev")])
    assert cells(lines, "F1 on dev (no test file), mean over seeds") == ["ar", "hi", "average"]
    assert cells(lines, "best found") == ["52.50", "80.00", "66.25"]


def test_no_average_of_different_splits() -> None:
    lines = printed([language("ar", split="dev"), language("hi")])
    assert cells(lines, "F1, mean over seeds") == ["ar (dev)", "hi (test)", "average"]
    assert cells(lines, "best found") == ["52.50", "80.00", "-"]
    assert lines[-1] == "No average: not all languages were scored on the same split."

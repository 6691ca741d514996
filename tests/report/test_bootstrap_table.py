"""The bootstrap table of MSD against each variant: the seeds used and the numbers shown."""

import random

from msd_ray.method.variants import VARIANTS
from msd_ray.report.bootstrap_table import bootstrap_table
from msd_ray.report.collect import collect
from msd_ray.report.statistics.bootstrap import bootstrap_difference
from msd_ray.report.table import Table
from msd_ray.tracking.artifacts import Predictions
from msd_ray.tracking.rows import RunRow

GOLD = tuple(("B-PER", "I-PER", "O", "B-LOC") for _ in range(40))


def run(variant: str, seed: int) -> RunRow:
    return RunRow(
        run_id=f"{variant}-{seed}",
        key="",
        name="",
        phase="final",
        state="COMPLETE",
        status="FINISHED",
        parameters={},
        metrics={"test/f1": 0.5},
        tags={"row": variant, "seed": str(seed), "scored_split": "test"},
    )


def predictions(right: float, seed: int) -> Predictions:
    rng = random.Random(seed)
    return Predictions(
        tokens=tuple(("a", "b", "c", "d") for _ in GOLD),
        gold=GOLD,
        predicted=tuple(labels if rng.random() < right else ("O", "O", "O", "B-PER") for labels in GOLD),
        repeated=(False,) * len(GOLD),
    )


def table(runs: dict[str, list[RunRow]], stored: dict[str, Predictions]) -> Table:
    results = collect("wikiann", {"ar": runs}, stored.get)
    return bootstrap_table(results, "ar", runs, stored.get)


def cells(found: Table, variant: str) -> list[str]:
    (row,) = (row for row in found.rows() if row.label == VARIANTS[variant].label)
    return [shown.text for shown in row.shown()]


def test_all_shared_seeds_with_predictions_are_resampled_together() -> None:
    runs = {
        "msd": [run("msd", seed) for seed in (1, 2, 3, 4)],
        "direct": [run("direct", seed) for seed in (2, 3, 4, 5)],
    }
    stored = {f"msd-{seed}": predictions(0.8, seed) for seed in (1, 2, 3, 4)}
    stored |= {f"direct-{seed}": predictions(0.5, 10 + seed) for seed in (2, 3, 5)}  # seed 4 stored none
    found = table(runs, stored)
    expected = bootstrap_difference(
        GOLD,
        [stored["msd-2"].predicted, stored["msd-3"].predicted],
        [stored["direct-2"].predicted, stored["direct-3"].predicted],
    )
    (row,) = (row for row in found.rows() if row.label == VARIANTS["direct"].label)
    values = [value for cell in row.cells for value in cell.values()]
    assert values == [2, 100 * expected.difference, 100 * expected.low, 100 * expected.high, expected.p]
    assert cells(found, "direct")[0] == "2"
    assert "bootstrap over seeds and sentences" in found.title
    assert any("resamples seeds and scored sentences together" in note for note in found.notes)


def test_missing_comparisons_show_the_reason() -> None:
    other_gold = Predictions(tokens=(("a",),) * 2, gold=(("O",),) * 2, predicted=(("O",),) * 2, repeated=(False, False))
    runs = {name: [run(name, 1)] for name in ("msd", "direct", "no-all", "mixture")}
    stored = {"msd-1": predictions(0.8, 1), "direct-1": other_gold, "mixture-1": predictions(0.8, 2)}
    found = table(runs, stored)
    assert cells(found, "msd") == ["–", "–", "–", "n/a"]
    assert cells(found, "direct") == cells(found, "no-all") == ["–", "not recorded", "–", "n/a"]
    assert cells(found, "mixture")[0] == "1"
    assert [row.label for row in found.rows()] == [
        VARIANTS[name].label for name in ("msd", "no-all", "direct", "mixture")
    ]
    assert list(table({"msd": []}, {}).rows()) == []

"""Table of F1 differences between MSD and each variant, with bootstrap intervals over seeds and sentences."""

from collections.abc import Sequence
from dataclasses import dataclass

from msd_ray.method.variants import VARIANTS
from msd_ray.tracking.artifacts import Predictions

from . import notes
from .cells import NONE, JoinedCell, NumberCell, p_value, points
from .collect import Read
from .results import Results, by_seed
from .run_figures import Runs
from .statistics.bootstrap import BootstrapDifference, bootstrap_difference
from .statistics.summary import signed
from .table import Cell, CsvValue, Group, Shown, Table
from .variant_rows import absent, fields_on, scored_on, variant_sections, where

REFERENCE = "msd"
NOTE = (
    "The bootstrap resamples seeds and scored sentences together, the same for both rows. seeds: those for which both "
    "rows stored predictions. p is not corrected for multiple comparisons."
)


def bootstrap_table(results: Results, lang: str, runs: Runs, read: Read) -> Table:
    """Build the table of MSD's F1 minus each variant's, averaged over shared seeds, with the 95 % interval."""
    reference = _predictions(results, lang, REFERENCE, runs, read)
    gold = next((predictions.gold for predictions in reference.values()), ())

    def cells(variant: str) -> tuple[Cell, ...]:
        if variant == REFERENCE:
            return NumberCell(text=NONE, value=None), _difference(None, NONE)
        other = _predictions(results, lang, variant, runs, read)
        seeds = [seed for seed in reference if seed in other and gold == other[seed].gold == reference[seed].gold]
        return (
            NumberCell(text=str(len(seeds)) if seeds else NONE, value=len(seeds) or None),
            _difference(
                _compared([reference[seed] for seed in seeds], [other[seed] for seed in seeds]),
                absent(results, variant, lang),
            ),
        )

    return Table(
        key=f"bootstrap-{results.dataset}-{lang}",
        title=f"{VARIANTS[REFERENCE].label} minus each variant, bootstrap over seeds and sentences: "
        f"{where(results, (lang,))}",
        label_heading="Variant",
        groups=(
            Group(key="seeds", heading="", columns=("seeds",), fields=("n",)),
            Group(
                key="f1",
                heading=f"F1{scored_on(results, lang)}",
                columns=("difference", "95 % interval", "p"),
                fields=fields_on(results, lang, ("difference", "low", "high", "p")),
            ),
        ),
        sections=variant_sections(results, (lang,), cells),
        notes=notes.for_own_tables(results, (lang,), NOTE, notes.CONTROL),
    )


def _predictions(results: Results, lang: str, variant: str, runs: Runs, read: Read) -> dict[int, Predictions]:
    """Return a variant's predictions by seed, without seeds that stored none."""
    finished = {int(run.tags["seed"]): run for run in runs.get(variant, ()) if run.state == "COMPLETE"}
    found = {seed: read(finished[seed].run_id) for seed in by_seed(results.f1, variant, lang)}
    return {seed: predictions for seed, predictions in found.items() if predictions is not None}


def _compared(reference: Sequence[Predictions], other: Sequence[Predictions]) -> BootstrapDifference | None:
    """Return the difference; None without a seed or with fewer than two sentences. All runs share their gold labels."""
    if not reference or len(reference[0]) < 2:
        return None
    return bootstrap_difference(
        reference[0].gold, [run.predicted for run in reference], [run.predicted for run in other]
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _IntervalCell:
    """The ends of an interval, in 0..1; None if undefined."""

    ends: tuple[float, float] | None

    def shown(self) -> tuple[Shown, ...]:
        """Return one column: both ends in percentage points."""
        text = NONE if self.ends is None else f"{signed(100 * self.ends[0])} to {signed(100 * self.ends[1])}"
        return (Shown(text=text),)

    def values(self) -> tuple[CsvValue, ...]:
        """Return low and high, in percentage points."""
        return (None, None) if self.ends is None else (100 * self.ends[0], 100 * self.ends[1])


def _difference(found: BootstrapDifference | None, missing: str) -> Cell:
    if found is None:
        return JoinedCell(parts=(NumberCell(text=missing, value=None), _IntervalCell(ends=None), p_value(None)))
    ends = (found.low, found.high)
    return JoinedCell(parts=(points(100 * found.difference), _IntervalCell(ends=ends), p_value(found.p)))

"""MSD against each other variant on the scored sentences: what another choice of sentences would do to two runs."""

from dataclasses import dataclass

from ..statistics.bootstrap import BootstrapDifference, bootstrap_difference
from ..tracking.artifacts import Predictions
from ..variants import VARIANTS
from . import notes
from .cells import NONE, JoinedCell, NumberCell, p_value, points, signed
from .collect import Read
from .results import Results, by_seed
from .run_figures import Runs
from .table import Cell, CsvValue, Group, Shown, Table
from .variant_rows import absent, fields_on, scored_on, variant_sections, where

REFERENCE = "msd"
NOTE = (
    "The bootstrap draws the scored sentences again and again, the same for both runs of one seed; it says nothing "
    "about other seeds, which the paired tests are for."
)


def bootstrap_table(results: Results, lang: str, runs: Runs, read: Read) -> Table:
    """F1 of MSD minus F1 of each other variant for the first seed that both have, with the 95 % interval."""

    def cells(variant: str) -> tuple[Cell, ...]:
        seed, found = _compare(results, lang, variant, runs, read)
        return (
            NumberCell(text=NONE if seed is None else str(seed), value=seed),
            _difference(found, NONE if variant == REFERENCE else absent(results, variant, lang)),
        )

    return Table(
        key=f"bootstrap-{results.dataset}-{lang}",
        title=f"{VARIANTS[REFERENCE].label} minus each variant, bootstrap over sentences: {where(results, (lang,))}",
        label_heading="Variant",
        groups=(
            Group(key="seed", heading="", columns=("seed",), fields=("seed",)),
            Group(
                key="f1",
                heading=f"F1{scored_on(results, lang)}",
                columns=("difference", "95 % interval", "p"),
                fields=fields_on(results, lang, ("difference", "low", "high", "p")),
            ),
        ),
        sections=variant_sections(cells),
        notes=notes.ours_alone(results, (lang,), NOTE, notes.CONTROL),
    )


def _compare(
    results: Results, lang: str, variant: str, runs: Runs, read: Read
) -> tuple[int | None, BootstrapDifference | None]:
    """The first seed that both have, and their difference; None without one, or where no predictions were kept, or of
    one sentence.
    """
    seeds = by_seed(results.f1, REFERENCE, lang).keys() & by_seed(results.f1, variant, lang).keys()
    if variant == REFERENCE or not seeds:
        return None, None
    seed = min(seeds)
    reference, other = (_predictions(runs, name, seed, read) for name in (REFERENCE, variant))
    if reference is None or other is None or reference.gold != other.gold or len(reference) < 2:
        return seed, None
    return seed, bootstrap_difference(reference.gold, reference.predicted, other.predicted)


def _predictions(runs: Runs, variant: str, seed: int, read: Read) -> Predictions | None:
    run = next(run for run in runs[variant] if run.state == "COMPLETE" and int(run.tags["seed"]) == seed)
    return read(run.run_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class _IntervalCell:
    """The ends of an interval, 0..1; None where there is none."""

    ends: tuple[float, float] | None

    def shown(self) -> tuple[Shown, ...]:
        """Both, in percentage points."""
        text = NONE if self.ends is None else f"{signed(100 * self.ends[0])} to {signed(100 * self.ends[1])}"
        return (Shown(text=text),)

    def values(self) -> tuple[CsvValue, ...]:
        """Low, high."""
        return (None, None) if self.ends is None else (100 * self.ends[0], 100 * self.ends[1])


def _difference(found: BootstrapDifference | None, missing: str) -> Cell:
    if found is None:
        return JoinedCell(parts=(NumberCell(text=missing, value=None), _IntervalCell(ends=None), p_value(None)))
    ends = (found.low, found.high)
    return JoinedCell(parts=(points(100 * found.difference), _IntervalCell(ends=ends), p_value(found.p)))

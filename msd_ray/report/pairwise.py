"""Table of paired tests between all pairs of variants over seeds; Holm correction for MSD against the others."""

from collections.abc import Sequence
from itertools import combinations

from msd_ray.method.variants import VARIANTS, ZERO_SHOT

from . import notes
from .cells import NONE, JoinedCell, NumberCell, p_value, points
from .results import Results, by_seed
from .statistics.paired import PairedTests, holm, paired_tests
from .table import Cell, Group, Row, Section, Table
from .variant_rows import fields_on, scored_on, where

REFERENCE = "msd"


def pairwise_table(results: Results, lang: str) -> Table:
    """Build the table of F1 differences between all pairs of variants that were run, with both tests' p values.

    MSD against every other zero-shot variant is the primary family, whose p values are corrected. All other pairs,
    including those with the control, are secondary and not corrected.
    """
    run = [name for name in VARIANTS if by_seed(results.f1, name, lang)]
    zero_shot = [name for name in run if name in ZERO_SHOT]
    pairs = list(combinations(zero_shot, 2))
    controls = [(name, control) for control in run if control not in ZERO_SHOT for name in zero_shot]
    primary = _tested(results, lang, [pair for pair in pairs if pair[0] == REFERENCE])
    secondary = _tested(results, lang, [pair for pair in pairs if pair[0] != REFERENCE])
    with_control = _tested(results, lang, controls)
    sections = (
        Section(heading=notes.PRIMARY_HEADING, rows=_corrected(primary)),
        Section(heading=notes.SECONDARY_HEADING, rows=_uncorrected(secondary, zero_shot=True)),
        Section(heading=notes.CONTROL_HEADING, rows=_uncorrected(with_control, zero_shot=False)),
    )
    return Table(
        key=f"pairwise-{results.dataset}-{lang}",
        title=f"Paired tests between variants over seeds: {where(results, (lang,))}",
        label_heading="First − second",
        groups=(
            Group(key="seeds", heading="", columns=("seeds",), fields=("n",)),
            Group(
                key="f1",
                heading=f"F1{scored_on(results, lang)}",
                columns=("difference",),
                fields=fields_on(results, lang, ("difference",)),
            ),
            Group(key="t", heading="paired t", columns=("p", "p (Holm)"), fields=("p", "p_holm")),
            Group(key="wilcoxon", heading="Wilcoxon", columns=("p", "p (Holm)"), fields=("p", "p_holm")),
        ),
        sections=tuple(section for section in sections if section.rows),
        notes=notes.for_own_tables(
            results,
            (lang,),
            notes.PAIRED,
            *_wilcoxon_limit([tests for _, tests in (*primary, *secondary, *with_control)]),
        ),
    )


_Tested = list[tuple[str, PairedTests]]


def _tested(results: Results, lang: str, pairs: Sequence[tuple[str, str]]) -> _Tested:
    """Return the label and the tests of each pair."""
    return [
        (
            f"{VARIANTS[first].label} − {VARIANTS[second].label}",
            paired_tests(by_seed(results.f1, first, lang), by_seed(results.f1, second, lang)),
        )
        for first, second in pairs
    ]


def _corrected(family: _Tested) -> tuple[Row, ...]:
    t_holm = holm([tests.t_p for _, tests in family])
    wilcoxon_holm = holm([tests.wilcoxon_p for _, tests in family])
    return tuple(
        Row(label=label, cells=_cells(tests, p_value(t), p_value(wilcoxon)))
        for (label, tests), t, wilcoxon in zip(family, t_holm, wilcoxon_holm, strict=True)
    )


def _uncorrected(pairs: _Tested, *, zero_shot: bool) -> tuple[Row, ...]:
    none = NumberCell(text=NONE, value=None)
    return tuple(Row(label=label, cells=_cells(tests, none, none), zero_shot=zero_shot) for label, tests in pairs)


def _cells(tests: PairedTests, t_holm: Cell, wilcoxon_holm: Cell) -> tuple[Cell, ...]:
    return (
        NumberCell(text=str(tests.n), value=tests.n),
        points(None if tests.difference is None else 100 * tests.difference),
        JoinedCell(parts=(p_value(tests.t_p), t_holm)),
        JoinedCell(parts=(p_value(tests.wilcoxon_p), wilcoxon_holm)),
    )


def _wilcoxon_limit(tests: Sequence[PairedTests]) -> tuple[str, ...]:
    """Return a note on the smallest possible p: n differences have 2^n signs, so the exact p is at least 2 / 2^n."""
    n = max((test.n for test in tests), default=0)
    if n < 2:
        return ()
    return (f"Wilcoxon's p over {n} seeds cannot be below {2 / 2**n:.4g} before correction, whatever the difference.",)

"""Paired tests between every two variants of one language over their seeds, corrected by Holm's method."""

from collections.abc import Sequence
from itertools import combinations

from ..statistics.paired import PairedTests, holm, paired_tests
from ..variants import VARIANTS, ZERO_SHOT
from . import notes
from .cells import NOT_RUN, JoinedCell, NumberCell, p_value, points
from .results import Results, by_seed
from .table import Cell, Group, Row, Section, Table
from .variant_rows import fields_on, scored_on, where


def pairwise_table(results: Results, lang: str) -> Table:
    """F1 differences (epoch chosen on target dev) between every two variants that were run, with both tests' p.

    The pairs of zero-shot variants are one family for the correction, those with the control another.
    """
    run = [name for name in VARIANTS if by_seed(results.f1, name, lang)]
    zero_shot = [name for name in run if name in ZERO_SHOT]
    families = [
        _family(results, lang, list(combinations(zero_shot, 2))),
        _family(results, lang, [(name, control) for control in run if control not in ZERO_SHOT for name in zero_shot]),
    ]
    sections = [Section(rows=_rows(families[0], zero_shot=True))]
    if families[1]:
        sections.append(Section(heading=notes.CONTROL_HEADING, rows=_rows(families[1], zero_shot=False)))
    not_run = [VARIANTS[name].label for name in VARIANTS if name not in run]
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
        sections=tuple(sections),
        notes=notes.ours_alone(
            results,
            (lang,),
            notes.PAIRED,
            *_wilcoxon_limit([tests for family in families for _, tests in family]),
            *([f"{NOT_RUN}: {', '.join(not_run)}."] if not_run else []),
        ),
    )


_Family = list[tuple[str, PairedTests]]


def _family(results: Results, lang: str, pairs: Sequence[tuple[str, str]]) -> _Family:
    """The label and the tests of each pair."""
    return [
        (
            f"{VARIANTS[first].label} − {VARIANTS[second].label}",
            paired_tests(by_seed(results.f1, first, lang), by_seed(results.f1, second, lang)),
        )
        for first, second in pairs
    ]


def _rows(family: _Family, *, zero_shot: bool) -> tuple[Row, ...]:
    t_holm = holm([tests.t_p for _, tests in family])
    wilcoxon_holm = holm([tests.wilcoxon_p for _, tests in family])
    return tuple(
        Row(label=label, cells=_cells(tests, *corrected), zero_shot=zero_shot)
        for (label, tests), *corrected in zip(family, t_holm, wilcoxon_holm, strict=True)
    )


def _cells(tests: PairedTests, t_holm: float | None, wilcoxon_holm: float | None) -> tuple[Cell, ...]:
    return (
        NumberCell(text=str(tests.n), value=tests.n),
        points(None if tests.difference is None else 100 * tests.difference),
        JoinedCell(parts=(p_value(tests.t_p), p_value(t_holm))),
        JoinedCell(parts=(p_value(tests.wilcoxon_p), p_value(wilcoxon_holm))),
    )


def _wilcoxon_limit(tests: Sequence[PairedTests]) -> tuple[str, ...]:
    """n differences have 2^n signs, so the two-sided exact p is at least 2 / 2^n."""
    n = max((test.n for test in tests), default=0)
    if n < 2:
        return ()
    return (
        f"Wilcoxon's p over {n} seeds is never below {2 / 2**n:.4g}, before correction, however clear the rows are.",
    )

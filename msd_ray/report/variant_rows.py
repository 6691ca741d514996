"""Tables whose rows are this package's variants: the rows in their order, and what stands where nothing was run."""

from collections.abc import Callable, Iterable

from msd_ray.data.catalogue import DATASETS
from msd_ray.method.variants import VARIANTS, ZERO_SHOT

from . import notes
from .cells import NOT_RUN, SeedsCell, SummaryCell, best_of, is_best
from .results import Results, Scores, by_seed, summary_of
from .table import Cell, Group, Row, Section

NOT_RECORDED = "not recorded"
"""There are runs, but not of this number: a row without a student, or a run that kept no predictions."""


def variant_sections(cells: Callable[[str], tuple[Cell, ...]]) -> tuple[Section, ...]:
    """Every variant, and those that are not zero-shot apart at the end. cells: of the variant with this name."""
    controls = tuple(name for name in VARIANTS if name not in ZERO_SHOT)
    return (
        Section(rows=tuple(_row(name, cells) for name in ZERO_SHOT)),
        Section(heading=notes.CONTROL_HEADING, rows=tuple(_row(name, cells) for name in controls)),
    )


def _row(name: str, cells: Callable[[str], tuple[Cell, ...]]) -> Row:
    return Row(label=VARIANTS[name].label, cells=cells(name), zero_shot=VARIANTS[name].zero_shot)


def best_in(scores: Scores, lang: str) -> str | None:
    """The best zero-shot mean of a language, as `is_best` takes it."""
    return best_of([summary_of(scores, name, lang) for name in ZERO_SHOT])


def score_cell(
    results: Results, scores: Scores, variant: str, lang: str, best: str | None = None, *, row_n: int | None = None
) -> SummaryCell:
    """One score of a variant in a language; `best` from `best_in`, None where nothing is to be bold.

    row_n: the number of seeds in the row's own column of them, which says what failed as well.
    """
    summary = summary_of(scores, variant, lang)
    return SummaryCell(
        summary=summary,
        absent=absent(results, variant, lang),
        failed=failed(results, variant, lang) if row_n is None else 0,
        row_n=row_n,
        best=VARIANTS[variant].zero_shot and is_best(summary, best),
    )


def absent(results: Results, variant: str, lang: str) -> str:
    """What stands where a variant has no number: whether it was not run, failed, or did not record it."""
    if results.f1.get(variant, {}).get(lang):
        return NOT_RECORDED
    number = failed(results, variant, lang)
    return f"{number} failed" if number else NOT_RUN


def absent_average(results: Results, variant: str, langs: tuple[str, ...]) -> str:
    """What stands where a variant has no average over these languages: which of them it lacks."""
    missing = [lang for lang in langs if not results.f1.get(variant, {}).get(lang)]
    if len(missing) == len(langs) and not any(failed(results, variant, lang) for lang in langs):
        return NOT_RUN
    return f"no {', '.join(missing)}" if missing else "no shared seed"


def failed(results: Results, variant: str, lang: str) -> int:
    """How many runs of a variant in a language failed."""
    return results.failed.get(variant, {}).get(lang, 0)


SEEDS = Group(key="seeds", heading="", columns=("seeds",), fields=("n", "failed"))
"""The column of `seeds_cell`."""


def seeds_cell(results: Results, variant: str, lang: str) -> SeedsCell:
    """How many runs of a variant in a language finished and failed."""
    return SeedsCell(n=len(by_seed(results.f1, variant, lang)), failed=failed(results, variant, lang))


def scored_on(results: Results, lang: str) -> str:
    """For headings: nothing for test, else the split."""
    return " (dev)" if results.on_dev(lang) else ""


def fields_on(results: Results, lang: str, fields: Iterable[str]) -> tuple[str, ...]:
    """CSV's names of scores, which tell dev from test as well."""
    return tuple(f"{field}_on_dev" if results.on_dev(lang) else field for field in fields)


def where(results: Results, langs: Iterable[str]) -> str:
    """For titles: data set, languages and the split that they were scored on."""
    langs = tuple(langs)
    on_dev = [lang for lang in langs if results.on_dev(lang)]
    split = "test set"
    if on_dev:
        split = (
            "DEV SET (no test file)" if len(on_dev) == len(langs) else f"test set, {', '.join(on_dev)} on the DEV SET"
        )
    return f"{DATASETS[results.dataset].name} {' '.join(langs)}".strip() + f", {split}"

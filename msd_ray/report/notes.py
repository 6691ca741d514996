"""The notes below tables: definitions, conditions and limits of their numbers."""

from collections.abc import Iterable

from .paper import PaperTable, average_of_cells
from .results import Results, by_seed, is_zero_shot

CONTROL_HEADING = "Control, NOT zero-shot: gold labels of the target's training sentences reach the student"
SOURCE = (
    "The teachers' F1 on the source language, by the target language that they were trained for, at the epoch selected "
    "on the study's dev set."
)
NO_MMD = "MSD w/o MMD, without both MMD losses: the paper shows its domains (Figure 3b) but gives no score."
SPREAD = "Mean ± sample standard deviation over n seeds, in percent."
BOLD = "Bold in ours: the highest mean of the zero-shot rows; see the paired tests for its significance."
CONTROL = "gold-aux is NOT zero-shot and is never marked as best: it measures the gain from target labels."
PAIRED = (
    "Two-sided tests over the seeds that both rows have; differences in percentage points. Primary: MSD against every "
    "other zero-shot variant that was run, p corrected for these comparisons (Holm). All other pairs are secondary: "
    "their p values are not corrected, and some are below 0.05 by chance. n/a: undefined (one seed, or equal "
    "differences)."
)
PRIMARY_HEADING = "Primary: MSD against every other zero-shot variant"
SECONDARY_HEADING = "Secondary, not corrected: the other pairs"
TYPES = "Precision (P), recall (R) and F1 of each entity type."
DEDUPLICATED = (
    "deduplicated: without scored sentences that are also in the training text. difference: deduplicated minus "
    "F1, in percentage points. 95 % interval: Student's t, of the mean of F1."
)
FINAL_RUNS = (
    "dev F1: on the dev set that selected epochs and configurations. 95 % interval: Student's t, of the mean. gain of "
    "best: mean difference in F1 points over the seeds that both rows have; p: paired t-test over these seeds, "
    "corrected for all comparisons of the table (Holm). n/a: undefined (one seed, or equal differences)."
)
FIRST_SCREEN = (
    "Percent, mean ± standard deviation over seeds; Student's t interval; gain and p over shared seeds (paired t-test)."
)
SPANS = (
    "Number of entities, mean ± sample standard deviation over n seeds. boundary: overlap and correct type; type: "
    "correct boundaries, wrong type; both: overlap, wrong boundaries and type; missed: only in gold; spurious: only "
    "predicted."
)


ON_DEV = (
    "there is no test file, so ours was scored on the dev set, which also selected epochs and configurations unless "
    "the source's dev set did. Such scores are too high and not comparable with the paper's test scores."
)
NO_TARGET_LABELS = (
    "there are no target labels, so scores are on the source's dev set, which also selected epochs and configurations. "
    "They do not measure how well the target language is tagged."
)
SOURCE_ON_DEV = "there is no test file, so English was scored on its dev set too, unlike the paper's test score."


def on_dev(results: Results, langs: Iterable[str], why: str = ON_DEV) -> tuple[str, ...]:
    """Return a note on dev scores if any of these languages was scored on dev."""
    affected: dict[str, list[str]] = {}
    for lang in langs:
        if results.on_dev(lang):
            text = NO_TARGET_LABELS if why == ON_DEV and results.on_source(lang) else why
            affected.setdefault(text, []).append(lang)
    return tuple(f"{', '.join(own)}: {text}" for text, own in affected.items())


def for_paper_tables(results: Results, langs: Iterable[str], why_on_dev: str = ON_DEV) -> tuple[str, ...]:
    """Return the notes of tables with the paper's numbers and ours."""
    langs = tuple(langs)
    return (
        "paper: as printed, bold where the paper is bold. ours: mean ± sample standard deviation over n seeds, in "
        "percent. difference: ours minus the paper's, in percentage points. –: no such number; cited systems, and "
        "variants that were not run, have only the paper's.",
        BOLD,
        *not_run(results, langs),
        *on_dev(results, langs, why_on_dev),
        *results.notes,
    )


def for_own_tables(results: Results, langs: Iterable[str], *first: str, why_on_dev: str = ON_DEV) -> tuple[str, ...]:
    """Return the notes of tables that are not in the paper; `first` come before those on the conditions."""
    langs = tuple(langs)
    if all(is_zero_shot(name) for name in results.ran(langs)):
        first = tuple(note for note in first if note != CONTROL)
    return (*first, *not_run(results, langs), *on_dev(results, langs, why_on_dev), *results.notes)


def not_run(results: Results, langs: Iterable[str]) -> tuple[str, ...]:
    """Return one line with all rows that were never run, which tables leave out."""
    ran = results.ran(langs)
    missing = [label for name, label in results.labels.items() if name not in ran]
    return (f"Not run: {', '.join(missing)}.",) if missing else ()


def paper_averages(paper: PaperTable) -> tuple[str, ...]:
    """Return a note on the paper's averages that differ from those of its printed cells."""
    differing = [
        f"{row.label} {row.average} (cells: {average_of_cells(row)})"
        for row in paper.rows()
        if row.average is not None and row.average != average_of_cells(row)
    ]
    if not differing:
        return ()
    return (f"Averages in the paper that differ from those of its cells: {', '.join(differing)}.",)


def shared_seeds(results: Results, langs: tuple[str, ...]) -> tuple[str, ...]:
    """Return a note on averages that leave out seeds which some language has not run."""
    columns = {variant: [set(by_seed(results.f1, variant, lang)) for lang in langs] for variant in results.f1}
    fewer = [
        variant for variant, seeds in columns.items() if all(seeds) and any(found != seeds[0] for found in seeds[1:])
    ]
    if not fewer:
        return ()
    return (f"Avg only over the seeds that every language has: {', '.join(sorted(fewer))}.",)

"""The sentences below tables: how to read them, and what they cannot say."""

from collections.abc import Iterable

from .paper import PaperTable, average_of_cells
from .results import Results, by_seed

CONTROL_HEADING = "Control, NOT zero-shot: gold labels of the target's training sentences reach the student"
SOURCE = (
    "The teachers' F1 on the source language, by the target language that they were trained for; of the epoch that the "
    "study's dev set chose."
)
NO_MMD = "MSD w/o MMD, without both MMD losses: the paper shows its domains (Figure 3b) and no score."
SPREAD = "Mean ± sample standard deviation over n seeds, in percent."
BOLD = "Bold in ours: the highest mean of the zero-shot rows; whether it is more than chance, the paired tests say."
CONTROL = "gold-aux is NOT zero-shot and never counts as a best: it measures what target labels are worth."
PAIRED = (
    "Two-sided tests over the seeds that both rows have; differences in percentage points. Primary: MSD against every "
    "other zero-shot variant that was run, p corrected for these comparisons (Holm). All other pairs are secondary: "
    "their p are not corrected, and some fall below 0.05 by chance. n/a: undefined (one seed, or equal differences)."
)
PRIMARY_HEADING = "Primary: MSD against every other zero-shot variant"
SECONDARY_HEADING = "Secondary, not corrected: the other pairs"
TYPES = "Precision (P), recall (R) and F1 of each entity type."
DEDUPLICATED = (
    "deduplicated: without the scored sentences that also stand in the training text. difference: deduplicated minus "
    "F1, in percentage points. 95 % interval: Student's t, of the mean of F1."
)
FINAL_RUNS = (
    "dev F1: on the dev set that chose epochs and configurations. 95 % interval: Student's t, of the mean. gain of "
    "best: mean difference in F1 points over the seeds that both rows have; p: paired t-test over these seeds, "
    "corrected for all comparisons of the table (Holm). n/a: undefined (one seed, or equal differences)."
)
SPANS = (
    "Number of entities, mean ± sample standard deviation over n seeds. boundary: overlap and right type; type: right "
    "boundaries alone; both: overlap alone; missed: in gold alone; spurious: predicted alone."
)


ON_DEV = (
    "there is no test file, so ours was scored on the dev set, which also chose epochs and configurations unless the "
    "source's did. Such scores are too high and are not the paper's test scores."
)
SOURCE_ON_DEV = "there is no test file, so English was scored on its dev set, too. That is not the paper's test score."


def on_dev(results: Results, langs: Iterable[str], why: str = ON_DEV) -> tuple[str, ...]:
    """What scores on dev are worth, if any of these languages was scored there."""
    affected = [lang for lang in langs if results.on_dev(lang)]
    return (f"{', '.join(affected)}: {why}",) if affected else ()


def comparison(results: Results, langs: Iterable[str], why_on_dev: str = ON_DEV) -> tuple[str, ...]:
    """For the tables that hold the paper's numbers beside ours."""
    return (
        "paper: as printed there, bold where the paper has it bold. ours: mean ± sample standard deviation over n "
        "seeds, in percent. difference: ours minus the paper's, in percentage points. –: there is no such number; a "
        "cited system has the paper's alone.",
        BOLD,
        *on_dev(results, langs, why_on_dev),
        *results.notes,
    )


def ours_alone(results: Results, langs: Iterable[str], *first: str, why_on_dev: str = ON_DEV) -> tuple[str, ...]:
    """For the tables that the paper has not."""
    return (*first, *on_dev(results, langs, why_on_dev), *results.notes)


def paper_averages(paper: PaperTable) -> tuple[str, ...]:
    """Which printed averages are not those of the printed cells."""
    differing = [
        f"{row.label} {row.average} (cells: {average_of_cells(row)})"
        for row in paper.rows()
        if row.average is not None and row.average != average_of_cells(row)
    ]
    if not differing:
        return ()
    return (f"The paper's averages that its own cells do not give: {', '.join(differing)}.",)


def shared_seeds(results: Results, langs: tuple[str, ...]) -> tuple[str, ...]:
    """Which averages leave seeds out, because some language has not run them."""
    columns = {variant: [set(by_seed(results.f1, variant, lang)) for lang in langs] for variant in results.f1}
    fewer = [
        variant for variant, seeds in columns.items() if all(seeds) and any(found != seeds[0] for found in seeds[1:])
    ]
    if not fewer:
        return ()
    return (f"Avg over the seeds that every language has, not over all those shown: {', '.join(sorted(fewer))}.",)

"""The page of an ablation: its first screen, the paper's tables, significance, errors, domains and channels."""

from collections.abc import Mapping

from msd_ray.tracking.study_reader import Curves, RecordedStudy

from .beyond import deduplicated_table, english_table, span_error_table, type_table, variants_table
from .bootstrap_table import bootstrap_table
from .collect import Read, row_runs
from .final_runs import final_runs_table
from .first_screen import first_screen, page_title, winner_run
from .page import Page, Section
from .pairwise import pairwise_table
from .results import Results, is_zero_shot
from .run_figures import ReadDomains, Runs, domain_figures, first_seed, layer_weight_figure, type_figures
from .search_page import FOOTER, dev_notes, scope_of, worst_of
from .table import Table


def dataset_tables(results: Results) -> tuple[Table, ...]:
    """Build the tables of all languages of a data set that are not in the paper and have a number."""
    if not results.langs:
        return ()
    english = (english_table(results),) if results.source_f1 else ()
    return variants_table(results), *english, deduplicated_table(results)


def ablation_tables(study: RecordedStudy, results: Results, runs: Runs, read: Read) -> tuple[Table, ...]:
    """Build the tables of an ablation: final runs, two on significance, two on types and errors."""
    return (
        final_runs_table(study, *results.notes),
        pairwise_table(results, study.lang),
        bootstrap_table(results, study.lang, runs, read),
        type_table(results, study.lang),
        span_error_table(results, study.lang),
    )


def ablation_page(
    study: RecordedStudy,
    results: Results,
    curves: Mapping[str, Curves],
    paper: tuple[Table, ...],
    read: Read,
    read_domains: ReadDomains,
) -> Page:
    """Build the page of an ablation. results: of all languages of its data set; paper: the paper's tables about it."""
    lang, runs, student = study.lang, row_runs(study), winner_run(study)
    scope = scope_of(results, lang)
    _, pairwise, bootstrap, types, spans = ablation_tables(study, results, runs, read)
    # Of one language, the first screen has the scores of all variants.
    own = [table for table in dataset_tables(results) if len(results.langs) > 1 or not table.key.startswith("variants")]
    sections = (
        Section(heading="Beside the paper", anchor="paper", tables=(*paper, *own)),
        Section(
            heading="Significance",
            anchor="significance",
            paragraphs=(
                "Paired tests compare two variants over the seeds that both have. The p values of MSD against every "
                "other zero-shot variant are corrected (Holm). The bootstrap resamples seeds and sentences together.",
            ),
            tables=(pairwise, bootstrap),
        ),
        Section(
            heading="Entity types and errors",
            anchor="errors",
            tables=(types, spans),
            figures=type_figures(results, lang, runs, student, read, scope),
            sentence_lists=worst_of(study, read),
        ),
        Section(
            heading="Domains and channels",
            anchor="domains",
            figures=(
                *domain_figures(runs, read_domains, scope),
                *layer_weight_figure(first_seed(runs.get("mixture", ())), student, curves, scope),
            ),
        ),
    )
    return Page(
        title=page_title(study),
        first=first_screen(study),
        notes=(*dev_notes(results, lang), *_control_notes(results)),
        sections=tuple(section for section in sections if not section.empty),
        footer=FOOTER,
    )


def _control_notes(results: Results) -> tuple[str, ...]:
    controls = [results.labels[name] for name in results.f1 if not is_zero_shot(name)]
    if not controls:
        return ()
    return (
        f"{', '.join(controls)} is a control: it was trained with gold labels of the target language's training "
        "sentences.",
    )

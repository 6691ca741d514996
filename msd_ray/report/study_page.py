"""The page of one language: its data set's tables, its figures and sentences, and its search."""

from collections.abc import Mapping
from dataclasses import dataclass

from msd_ray.method.variants import VARIANTS
from msd_ray.tracking.artifacts import Predictions
from msd_ray.tracking.rows import dev_metric_of
from msd_ray.tracking.study_reader import Curves, RecordedStudy

from .beyond import deduplicated_table, english_table, span_error_table, type_table, variants_table
from .bootstrap_table import bootstrap_table
from .collect import Read
from .comparison import DEV_LABELS
from .final_runs import final_runs_table
from .marked_sentences import SentenceList, worst_sentences
from .notes import NO_TARGET_LABELS
from .page import Page, Section
from .pairwise import pairwise_table
from .results import Results
from .run_figures import ReadDomains, Runs, domain_figures, first_seed, layer_weight_figure, type_figures
from .search_figures import search_figures
from .table import Table

ABOUT = {
    "dataset": "data set",
    "encoder": "encoder",
    "limit": "training sentences per language",
    "epochs": "epochs",
    "select_on": "chosen on",
    "dev_limit": "dev sentences that score a trial, at most",
    "decode": "decoding",
}
"""Display name of each of the parent run's parameters that are shown as conditions of the results."""


@dataclass(frozen=True, kw_only=True)
class Language:
    """Recorded data of one language. curves: run id -> curves of the search's students and of the final runs."""

    lang: str
    ablation: RecordedStudy | None
    search: RecordedStudy | None
    runs: Runs
    curves: Mapping[str, Curves]

    @property
    def study(self) -> RecordedStudy:
        """The study that names the page: the ablation, or the search if there is none."""
        study = self.ablation or self.search
        assert study is not None, "every language has a recorded study"
        return study


def conditions(study: RecordedStudy) -> dict[str, str]:
    """Return the conditions of a study's results: data set, encoder, sentences, epochs and so on."""
    parameters = study.parent.parameters
    values = {text: parameters[name] for name, text in ABOUT.items() if name in parameters}
    return {name: "all" if value in ("null", "None") else value for name, value in values.items()}


def language_tables(results: Results, lang: str, runs: Runs, read: Read) -> tuple[Table, ...]:
    """Build the tables of one language that are not in the paper: two on significance, two on types and errors."""
    return (
        pairwise_table(results, lang),
        bootstrap_table(results, lang, runs, read),
        type_table(results, lang),
        span_error_table(results, lang),
    )


def dataset_tables(results: Results) -> tuple[Table, ...]:
    """Build the tables of all languages of a data set that are not in the paper."""
    return variants_table(results), english_table(results), deduplicated_table(results)


def search_tables(language: Language) -> tuple[Table, ...]:
    """Build the table of the search's final runs, if there is a search."""
    search = language.search
    if search is None:
        return ()
    about = ", ".join(f"{name} {value}" for name, value in conditions(search).items())
    return (final_runs_table(search, f"{search.name}: {about}"),)


def study_page(
    language: Language, results: Results, paper: tuple[Table, ...], read: Read, read_domains: ReadDomains
) -> Page:
    """Build one language's page. paper: the paper's tables about its data set."""
    lang, runs = language.lang, language.runs
    split = "source dev" if results.on_source(lang) else "dev"
    scope = f"{results.dataset} {lang}{f', scored on {split}' if results.on_dev(lang) else ''}"
    pairwise, bootstrap, types, spans = language_tables(results, lang, runs, read)
    variants, english, deduplicated = dataset_tables(results)
    sentences = _worst(language, read)
    sections = [
        Section(
            heading="Results",
            anchor="results",
            notes=_notes(results, lang),
            tables=(*search_tables(language), variants, *paper, english),
        ),
        Section(
            heading="Significance",
            anchor="significance",
            paragraphs=(
                "Paired tests compare two variants over the seeds that both have. The p values of MSD against every "
                "other zero-shot variant are corrected (Holm). The bootstrap resamples seeds and sentences together.",
            ),
            tables=(pairwise, bootstrap, deduplicated),
        ),
        Section(
            heading="Entity types and errors",
            anchor="errors",
            paragraphs=() if sentences else ("Sentences with the most wrong entities: not run.",),
            tables=(types, spans),
            figures=type_figures(results, lang, runs, read, scope),
            sentence_lists=sentences,
        ),
        Section(
            heading="Domains and channels",
            anchor="domains",
            figures=(*domain_figures(runs, read_domains, scope), layer_weight_figure(runs, language.curves, scope)),
        ),
    ]
    if language.search is not None:
        search = language.search
        sections.append(
            Section(
                heading="Search",
                anchor="search",
                paragraphs=(
                    f"Study `{search.name}`: student trials, ranked by F1 on "
                    f"{DEV_LABELS[dev_metric_of(search.runs)]} dev.",
                ),
                figures=search_figures(search, language.curves, f"{results.dataset} {lang}, dev"),
            )
        )
    return Page(
        title=f"{results.dataset}, English to {lang}",
        facts={"study": language.study.name, **conditions(language.study)},
        sections=tuple(sections),
        footer="Generated by python -m msd_ray.report from the runs recorded in MLflow.",
    )


def _notes(results: Results, lang: str) -> tuple[str, ...]:
    """Return the highlighted notes of the results section."""
    notes = []
    if results.on_source(lang):
        notes.append(f"{lang}: {NO_TARGET_LABELS}")
    elif results.on_dev(lang):
        notes.append(
            "There is no test file: every score is on the target's dev set, which also selected epochs and "
            "configurations unless the source's dev set did. These are not test scores."
        )
    controls = [VARIANTS[name].label for name in results.f1 if not VARIANTS[name].zero_shot]
    if controls:
        notes.append(
            f"{', '.join(controls)} is a control: it was trained with gold labels of the target language's training "
            "sentences."
        )
    return tuple(notes)


def _worst(language: Language, read: Read) -> tuple[SentenceList, ...]:
    run = first_seed(language.runs.get("msd", ()))
    predictions: Predictions | None = None if run is None else read(run.run_id)
    if run is None or predictions is None:
        return ()
    title = f"Sentences with the most wrong entities (MSD, seed {run.tags['seed']})"
    return (worst_sentences(predictions, title=title, lang=language.lang),)

"""Write reports: a page and tables per study, the paper's tables per data set; upload each study's own files.

    OUT/STUDY.html                      the page of a study
    OUT/tables/STUDY/KEY.{md,tex,csv}   its tables
    OUT/tables/KEY.{md,tex,csv}         the paper's tables and those of all languages of a data set

tables.md and tables.tex hold all tables of their directory. Of studies with the same name, STUDY is followed by data
set and language.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msd_ray.common.errors import UserError
from msd_ray.common.files import new_file
from msd_ray.common.limits import require_plain
from msd_ray.data.catalogue import OWN, dataset_named
from msd_ray.tracking.artifacts import DOMAIN_VECTORS, PREDICTIONS, read_domains, read_predictions
from msd_ray.tracking.study_reader import RecordedStudy, StudyReader

from .ablation_page import ablation_page, ablation_tables, dataset_tables
from .collect import ABLATE, TUNE, collect, newest_studies, row_runs, variant_runs
from .csv_files import csv_table
from .first_screen import condition_note
from .latex import latex_document, latex_table
from .markdown import markdown_table
from .page import Page, render
from .paper import SCORE_TABLES
from .results import Results
from .search_page import search_page, search_results, search_tables
from .table import Table
from .tables import paper_tables


def write_reports(reader: StudyReader, studies: Sequence[RecordedStudy], out: Path) -> list[Path]:
    """Write the reports of these studies, newest first, and return the paths of their pages.

    Raises:
        UserError: a study's tags are invalid, or a file cannot be written or uploaded.
    """
    for study in studies:
        _check_tags(study)
    names = _file_names(studies)
    artifacts = _Artifacts(reader)
    results = {name: _results(name, studies, artifacts) for name in dict.fromkeys(study.dataset for study in studies)}
    paper = paper_tables(results, reader.counts())
    pages = []
    try:
        shared = [*paper, *(table for found in results.values() for table in dataset_tables(found))]
        if shared:
            write_tables(shared, out / "tables")
        for study, name in zip(studies, names, strict=True):
            about = tuple(table for table in paper if _is_about(table, study))
            page, tables = _page(reader, study, results[study.dataset], about, artifacts)
            pages.append(out / f"{name}.html")
            _write(pages[-1], render(page))
            write_tables(tables, out / "tables" / name)
    except OSError as error:
        raise UserError(
            f"--out {out}: cannot be written ({error.strerror or error}). Name another directory"
        ) from error
    for study, path in zip(studies, pages, strict=True):
        reader.log_file(study.parent.run_id, path, "report")
        reader.log_files(study.parent.run_id, out / "tables" / path.stem, "report/tables")
    return pages


def report_of(uri: str, *, dataset: str, lang: str, name: str, out: Path) -> str:
    """Write the report of one study, and return its page's path or, for people, why it could not be written.

    For commands that end with a report: their results are complete without it.
    """
    try:
        with StudyReader.open(uri) as reader:
            studies = [study for study in reader.studies(dataset, [lang]) if study.name == name]
            return str(write_reports(reader, studies, out)[0])
    except UserError as error:
        return f"not written: {error}"


def write_tables(tables: Sequence[Table], directory: Path) -> None:
    """Write `KEY.md`, `KEY.tex` and `KEY.csv` per table, and `tables.md` and `tables.tex` with all. Raises OSError."""
    for table in tables:
        _write(directory / f"{table.key}.md", markdown_table(table))
        _write(directory / f"{table.key}.tex", latex_table(table))
        _write(directory / f"{table.key}.csv", csv_table(table))
    _write(directory / "tables.md", "\n".join(markdown_table(table) for table in tables))
    _write(directory / "tables.tex", latex_document(tables))


def _file_names(studies: Sequence[RecordedStudy]) -> list[str]:
    names = [study.name for study in studies]
    return [
        study.name if names.count(study.name) == 1 else f"{study.name}-{study.dataset}-{study.lang}"
        for study in studies
    ]


class _Artifacts:
    """Reads the artifacts of runs; None for a run that stored none."""

    def __init__(self, reader: StudyReader) -> None:
        self._reader = reader

    def predictions(self, run_id: str) -> Any:
        file = self._reader.artifact(run_id, PREDICTIONS)
        return None if file is None else read_predictions(file)

    def domains(self, run_id: str) -> Any:
        file = self._reader.artifact(run_id, DOMAIN_VECTORS)
        return None if file is None else read_domains(file)


def _page(
    reader: StudyReader, study: RecordedStudy, results: Results, paper: tuple[Table, ...], artifacts: _Artifacts
) -> tuple[Page, tuple[Table, ...]]:
    """Return the page of a study, and its tables."""
    read, domains, runs = artifacts.predictions, artifacts.domains, row_runs(study)
    drawn = [run.run_id for own in runs.values() for run in own]
    drawn += [run.run_id for run in study.runs if run.phase == "student"]
    curves = reader.curves_of(drawn)
    if study.command == ABLATE:
        tables = ablation_tables(study, results, runs, read)
        return ablation_page(study, results, curves, paper, read, domains), tables
    return search_page(study, curves, paper, read, domains), search_tables(study, search_results(study, read))


def _results(dataset: str, studies: Sequence[RecordedStudy], artifacts: _Artifacts) -> Results:
    """Return the results of one data set: its newest ablation, and search, of each language."""
    own = [study for study in studies if study.dataset == dataset]
    ablations, searches = newest_studies(own, ABLATE), newest_studies(own, TUNE)
    runs = {lang: variant_runs(ablations.get(lang), searches.get(lang)) for lang in sorted({*ablations, *searches})}
    notes = [note for study in (*ablations.values(), *searches.values()) for note in condition_note(study)]
    return collect(dataset, runs, artifacts.predictions, tuple(notes))


def _is_about(table: Table, study: RecordedStudy) -> bool:
    """Return whether a table is one of the paper's about the study's data set and language."""
    return table.key in {
        f"table-{paper.number}"
        for paper in SCORE_TABLES
        if paper.dataset == study.dataset and (study.command == ABLATE or study.lang in paper.langs)
    }


def _check_tags(study: RecordedStudy) -> None:
    """Check the tags that become file names and table rows. Raises UserError, naming the run, if one is invalid."""
    for what, name in (("study", study.name), ("dataset", study.dataset), ("lang", study.lang)):
        require_plain(name, f"MLflow's run {study.parent.run_id}: tag {what}")
    if study.dataset != OWN:
        dataset_named(study.dataset)
    for run in study.runs:
        if run.phase == "final" and "row" in run.tags:
            require_plain(run.tags.get("configuration", ""), f"MLflow's run {run.run_id}: tag configuration")
            if not run.tags.get("seed", "").isdecimal():
                raise UserError(f"MLflow's run {run.run_id}: tag seed: is not a number")


def _write(path: Path, text: str) -> None:
    with new_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8")

"""`python -m msd_ray.report`: the paper's tables and figures with our numbers, from MLflow. See `--help`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from msd_ray.cli.console import print_line, print_pairs
from msd_ray.cli.environment import from_environment, warn_of_passwords
from msd_ray.cli.option_table import Places
from msd_ray.cli.parser import CommandParser
from msd_ray.common.errors import UserError, run_command
from msd_ray.common.files import new_file
from msd_ray.common.limits import require_plain
from msd_ray.common.option_types import Names, address, path, text
from msd_ray.data.catalogue import OWN, dataset_named

if TYPE_CHECKING:
    from msd_ray.tracking.study_reader import RecordedStudy, StudyReader

    from .collect import Read
    from .page import Page
    from .results import Results
    from .study_page import Language
    from .table import Table

COMMAND = "python -m msd_ray.report"
DESCRIPTION = """\
Write the paper's tables with our numbers next to the paper's, and one page
per language with its figures. Reads only the runs recorded in MLflow.

Missing results show "not run". Tables are written as Markdown, LaTeX and CSV;
a page is one HTML file that needs no network. The report is also uploaded to
the studies' runs in MLflow."""
EXAMPLES = """\
examples:
  The newest studies of three languages:
    python -m msd_ray.report --dataset wikiann --lang ar hi zh
  One study, in another MLflow:
    python -m msd_ray.report --study wikiann-ar --mlflow-uri http://127.0.0.1:5000
"""
DEFAULTS: dict[str, Any] = {
    "lang": None,
    "dataset": None,
    "study": None,
    "out": Path("report"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return 0. Raises UserError for invalid input."""
    options = argparse.Namespace(**{**DEFAULTS, **vars(Places(**from_environment())), **command_line().read(arguments)})
    if options.lang is None and options.study is None:
        raise UserError("--lang or --study is required. Name the languages or the study to report")
    warn_of_passwords({"--mlflow-uri": options.mlflow_uri})
    console = Console()
    from msd_ray.tracking.artifacts import DOMAIN_VECTORS, PREDICTIONS, read_domains, read_predictions
    from msd_ray.tracking.study_reader import StudyReader
    from msd_ray.tracking.uri import default_tracking_uri

    from .study_page import dataset_tables, language_tables, search_tables, study_page
    from .tables import paper_tables

    uri = options.mlflow_uri or default_tracking_uri(Path(options.storage))
    with StudyReader.open(uri) as reader:
        by_dataset = _languages(reader, options)

        def predictions(run_id: str) -> Any:
            file = reader.artifact(run_id, PREDICTIONS)
            return None if file is None else read_predictions(file)

        def domains(run_id: str) -> Any:
            file = reader.artifact(run_id, DOMAIN_VECTORS)
            return None if file is None else read_domains(file)

        results = {dataset: _results(dataset, found, predictions) for dataset, found in by_dataset.items()}
        paper = paper_tables(results, reader.counts())
        out: Path = options.out
        try:
            for dataset, found in by_dataset.items():
                own = dataset_tables(results[dataset])
                per_language = [
                    table
                    for one in found
                    for table in (
                        *search_tables(one),
                        *language_tables(results[dataset], one.lang, one.runs, predictions),
                    )
                ]
                write_tables([*paper, *own, *per_language], out / "tables")
                about = tuple(table for table in paper if _is_about(table, dataset))
                for one in found:
                    page = study_page(one, results[dataset], about, predictions, domains)
                    write_page(page, out / f"{one.study.name}.html")
        except OSError as error:
            raise UserError(
                f"--out {out}: cannot be written ({error.strerror or error}). Name another directory"
            ) from error
        for found in by_dataset.values():
            for one in found:
                for study in (one.ablation, one.search):
                    if study is not None:
                        reader.log_files(study.parent.run_id, out, "report")
                print_pairs(console, [(one.study.name, str(out / f"{one.study.name}.html"))])
    print_line(console, f"tables in {out / 'tables'}")
    return 0


def write_tables(tables: "Sequence[Table]", directory: Path) -> None:
    """Write `KEY.md`, `KEY.tex` and `KEY.csv` per table, and `tables.md` and `tables.tex` with all. Raises OSError."""
    from .csv_files import csv_table
    from .latex import latex_document, latex_table
    from .markdown import markdown_table

    for table in tables:
        _write(directory / f"{table.key}.md", markdown_table(table))
        _write(directory / f"{table.key}.tex", latex_table(table))
        _write(directory / f"{table.key}.csv", csv_table(table))
    _write(directory / "tables.md", "\n".join(markdown_table(table) for table in tables))
    _write(directory / "tables.tex", latex_document(tables))


def write_page(page: "Page", path: Path) -> None:
    """Write the page, and its figures as Plotly's JSON into `figures/` next to it. Raises OSError."""
    from .page import render

    _write(path, render(page))
    for section in page.sections:
        for number, drawing in enumerate(section.figures, start=1):
            _write(path.parent / "figures" / f"{path.stem}-{section.anchor}-{number}.json", drawing.figure.to_json())


def _write(path: Path, text: str) -> None:
    with new_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def command_line() -> CommandParser:
    """The parser."""
    parser = CommandParser(COMMAND, description=DESCRIPTION, epilog=EXAMPLES)
    parser.usage = f"{COMMAND} [--lang CODE [CODE ...]] [--study NAME] [options]"
    add = parser.add_argument_group("what to report").add_argument
    add(
        "--lang",
        nargs="+",
        action=Names,
        type=text,
        metavar="CODE",
        help="target languages: the newest studies of each",
    )
    add("--dataset", type=text, metavar="NAME", help="of this data set alone (default: every one recorded)")
    add("--study", type=text, metavar="NAME", help="this study, and the newest of the other kind for its language")
    add("--storage", type=path, metavar="DIR", help="where mlflow.db is (default: MSD_RAY_STORAGE, else runs)")
    add(
        "--mlflow-uri",
        type=address,
        metavar="URI",
        help="MLflow server or database (default: MLFLOW_TRACKING_URI, else --storage's)",
    )
    add("--out", type=path, metavar="DIR", help="output directory (default: report)")
    add("-h", "--help", action="help", help="show this help and exit")
    return parser


def _languages(reader: "StudyReader", options: argparse.Namespace) -> "dict[str, list[Language]]":
    """Return the recorded languages per data set. Raises UserError if one is missing, with the recorded studies."""
    from .collect import ABLATE, TUNE, newest_studies, variant_runs
    from .study_page import Language

    studies = reader.studies(options.dataset, options.lang)
    if options.study is not None:
        named = [study for study in studies if study.name == options.study]
        if not named:
            raise UserError(f"--study {options.study}: is not recorded. Recorded studies: {_listed(reader.studies())}")
        studies = named + [study for study in studies if _is_counterpart(study, named[0])]
    found: dict[str, list[Language]] = {}
    for dataset in dict.fromkeys(study.dataset for study in studies):
        own = [study for study in studies if study.dataset == dataset]
        ablations, searches = newest_studies(own, ABLATE), newest_studies(own, TUNE)
        for lang in sorted({*ablations, *searches}):
            ablation, search = ablations.get(lang), searches.get(lang)
            for study in (ablation, search):
                if study is not None:
                    _check_tags(study)
            runs = variant_runs(ablation, search)
            drawn = [run.run_id for own in runs.values() for run in own]
            if search is not None:
                drawn += [run.run_id for run in search.runs if run.phase == "student"]
            found.setdefault(dataset, []).append(
                Language(lang=lang, ablation=ablation, search=search, runs=runs, curves=reader.curves_of(drawn))
            )
    missing = sorted(set(options.lang or ()) - {one.lang for own in found.values() for one in own})
    if missing:
        raise UserError(
            f"--lang {' '.join(missing)}: no study is recorded. Recorded studies: {_listed(reader.studies())}"
        )
    return found


def _check_tags(study: "RecordedStudy") -> None:
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


def _is_counterpart(study: "RecordedStudy", named: "RecordedStudy") -> bool:
    """Return whether a study is of the other command for the same language."""
    return (study.dataset, study.lang) == (named.dataset, named.lang) and study.command != named.command


def _listed(studies: "Sequence[RecordedStudy]") -> str:
    return ", ".join(study.name for study in studies[:20]) or "none"


def _results(dataset: str, languages: "Sequence[Language]", predictions: "Read") -> "Results":
    """Return the results of one data set, with the conditions of its studies as notes."""
    from .collect import collect
    from .study_page import conditions

    notes = dict.fromkeys(
        f"{one.study.name}: " + ", ".join(f"{name} {value}" for name, value in conditions(one.study).items())
        for one in languages
    )
    return collect(dataset, {one.lang: one.runs for one in languages}, predictions, tuple(notes))


def _is_about(table: "Table", dataset: str) -> bool:
    """Return whether a table is one of the paper's about this data set."""
    from .paper import SCORE_TABLES

    return table.key in {f"table-{paper.number}" for paper in SCORE_TABLES if paper.dataset == dataset}


if __name__ == "__main__":
    run_command(main)

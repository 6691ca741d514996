"""`python -m msd_ray.report`: a page per study and the paper's tables with our numbers, from MLflow. See `--help`."""

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
from msd_ray.common.option_types import Names, address, path, text

if TYPE_CHECKING:
    from msd_ray.tracking.study_reader import RecordedStudy, StudyReader

COMMAND = "python -m msd_ray.report"
DESCRIPTION = """\
Write one page per study, and the paper's tables with our numbers next to the
paper's. Reads only the runs recorded in MLflow.

A page is one HTML file that needs no network. Tables are written as Markdown,
LaTeX and CSV. A study's page and tables are also uploaded to its run in
MLflow."""
EXAMPLES = """\
examples:
  All studies:
    python -m msd_ray.report
  Those of two languages of a data set:
    python -m msd_ray.report --dataset wikiann --lang ar hi
  One study, in another MLflow:
    python -m msd_ray.report --study wikiann-ar --mlflow-uri http://127.0.0.1:5000
"""
DEFAULTS: dict[str, Any] = {
    "lang": None,
    "dataset": None,
    "study": None,
    "out": None,
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return 0. Raises UserError for invalid input."""
    options = argparse.Namespace(**{**DEFAULTS, **vars(Places(**from_environment())), **command_line().read(arguments)})
    warn_of_passwords({"--mlflow-uri": options.mlflow_uri})
    console = Console()
    from msd_ray.tracking.study_reader import StudyReader
    from msd_ray.tracking.uri import default_tracking_uri

    from .write import write_reports

    uri = options.mlflow_uri or default_tracking_uri(Path(options.storage))
    with StudyReader.open(uri) as reader:
        studies = _studies(reader, options)
        out = options.out or default_directory(options.storage)
        pages = write_reports(reader, studies, out)
    print_pairs(console, [(study.name, str(page)) for study, page in zip(studies, pages, strict=True)])
    print_line(console, f"tables in {out}")
    return 0


def default_directory(storage: Path | str) -> Path:
    """Return the directory of reports: `report` in the storage, or in the working directory if that is a bucket."""
    from msd_ray.storage.layout import URI

    return Path("report") if URI.match(str(storage)) else Path(storage) / "report"


def command_line() -> CommandParser:
    """The parser."""
    parser = CommandParser(COMMAND, description=DESCRIPTION, epilog=EXAMPLES)
    parser.usage = f"{COMMAND} [--lang CODE [CODE ...]] [--study NAME] [options]"
    add = parser.add_argument_group("what to report").add_argument
    add("--lang", nargs="+", action=Names, type=text, metavar="CODE", help="of these target languages (default: all)")
    add("--dataset", type=text, metavar="NAME", help="of this data set (default: every one recorded)")
    add("--study", type=text, metavar="NAME", help="this study (default: all)")
    add("--storage", type=path, metavar="DIR", help="where mlflow.db is (default: MSD_RAY_STORAGE, else runs)")
    add(
        "--mlflow-uri",
        type=address,
        metavar="URI",
        help="MLflow server or database (default: MLFLOW_TRACKING_URI, else --storage's)",
    )
    add("--out", type=path, metavar="DIR", help="output directory (default: report in --storage)")
    add("-h", "--help", action="help", help="show this help and exit")
    return parser


def _studies(reader: "StudyReader", options: argparse.Namespace) -> "list[RecordedStudy]":
    """Return the recorded studies asked for, newest first. Raises UserError if one is missing, with those recorded."""
    studies = reader.studies(options.dataset, options.lang)
    if options.study is not None:
        studies = [study for study in studies if study.name == options.study]
        if not studies:
            raise UserError(f"--study {options.study}: is not recorded. Recorded studies: {_listed(reader.studies())}")
    missing = sorted(set(options.lang or ()) - {study.lang for study in studies})
    if missing:
        raise UserError(
            f"--lang {' '.join(missing)}: no study is recorded. Recorded studies: {_listed(reader.studies())}"
        )
    if not studies:
        raise UserError("no study is recorded. Run `python -m msd_ray.tune` first, or name its --storage")
    return studies


def _listed(studies: "Sequence[RecordedStudy]") -> str:
    return ", ".join(study.name for study in studies[:20]) or "none"


if __name__ == "__main__":
    run_command(main)

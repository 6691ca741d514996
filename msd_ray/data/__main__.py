"""`python -m msd_ray.data`: list the corpora (`list`), or check those on disk (`check`)."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from msd_ray.cli.console import print_line
from msd_ray.cli.environment import warn_of_passwords
from msd_ray.common.errors import run_command
from msd_ray.common.option_types import Names, address, path, text
from msd_ray.tracking.uri import shown_uri

from .catalogue import DATASETS, SPLITS, Dataset, dataset_named
from .inventory import SplitCount, Verdict, count_splits
from .locate import languages_on_disk

_STYLES: dict[Verdict, str] = {
    "match": "green",
    "MISMATCH": "bold red",
    "sampled": "green",
    "no counts": "",
    "not there": "dim",
}


def main(arguments: list[str] | None = None) -> int:
    """Run `list` or `check`; returns 1 if counts do not match Table 1, else 0."""
    options = command_line().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=False)
    if options.command == "list":
        return _list(console, options.data_dir)
    warn_of_passwords({"--record": options.record})
    dataset = dataset_named(options.dataset)
    rows = list(count_splits(dataset, options.data_dir, tuple(options.lang)))
    _print_check(console, dataset, rows)
    if options.record is not None:
        from msd_ray.tracking.corpus_counts import record_counts

        record_counts(options.record, dataset.name, rows)
        print_line(console, f"recorded in MLflow at {shown_uri(options.record)}, for Table 1 of reports")
    return 1 if any(row.verdict == "MISMATCH" for row in rows) else 0


def command_line() -> argparse.ArgumentParser:
    """The parser."""
    parser = argparse.ArgumentParser(
        prog="python -m msd_ray.data", description="List the data sets, or check those on disk."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="data sets, languages, labels, sources, file names")
    listing.add_argument("--data-dir", type=path, metavar="DIR", help="also show what is there below DIR")
    check = commands.add_parser("check", help="count sentences and entities and compare them with the paper's Table 1")
    check.add_argument("--dataset", required=True, metavar="NAME", help=", ".join(DATASETS))
    check.add_argument("--data-dir", type=path, metavar="DIR", help="where the files are (wikiann: else the hub)")
    check.add_argument(
        "--lang", nargs="+", action=Names, type=text, default=(), metavar="LANG", help="only these languages"
    )
    check.add_argument(
        "--record",
        type=address,
        metavar="URI",
        help="record the counts in this MLflow (http://HOST:PORT or sqlite:///FILE), for Table 1 of reports",
    )
    return parser


def _list(console: Console, data_dir: Path | None) -> int:
    on_disk = {name: _on_disk(dataset, data_dir) for name, dataset in DATASETS.items()}
    for name, dataset in DATASETS.items():
        table = Table(title=f"{name}: {dataset.title}", title_justify="left", show_header=False, expand=True)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        others = {"none": "", "on disk": " (and others found on disk)"}[dataset.other_languages]
        table.add_row("languages", " ".join((*dataset.languages, *dataset.more_languages)) + others)
        table.add_row("entity types", " ".join(dataset.entity_types))
        table.add_row("source", dataset.homepage)
        table.add_row("licence", dataset.licence)
        table.add_row("format", dataset.formats)
        for split in SPLITS:
            if dataset.patterns:
                table.add_row(f"{split} files", "  ".join(_file_names(dataset, split_patterns=dataset.patterns[split])))
        if data_dir is not None:
            table.add_row("on disk", on_disk[name])
        console.print(table)
    return 0


def _file_names(dataset: Dataset, split_patterns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(pattern.replace("{prefix}", "|".join(dataset.prefixes.values())) for pattern in split_patterns)


def _on_disk(dataset: Dataset, data_dir: Path | None) -> str:
    if dataset.embedded:
        return "embedded"
    if data_dir is None:
        return ""
    return " ".join(languages_on_disk(dataset, data_dir)) or "nothing"


def _print_check(console: Console, dataset: Dataset, rows: list[SplitCount]) -> None:
    table = Table(title=f"{dataset.name}: found / expected (Table 1 of the paper)", title_justify="left")
    for name in ("language", "split"):
        table.add_column(name)
    for name in ("sentences", "entities"):
        table.add_column(name, justify="right")
    table.add_column("")
    for row in rows:
        style = _STYLES[row.verdict]
        cells = (row.lang, row.split, _sentences(row), _entities(row), row.verdict)
        table.add_row(*(Text(cell, style=style) for cell in cells))
    console.print(table)
    for note in _notes(dataset, rows):
        console.print(note, style="dim")


def _sentences(row: SplitCount) -> str:
    found = "-" if row.sentences is None else f"{row.sentences:,}"
    if row.documents:
        found = f"{found} (with -DOCSTART- {(row.sentences or 0) + row.documents:,})"
    if row.sampled_from:
        found = f"{found} of {row.sampled_from:,}"
    return found if row.expected is None else f"{found} / {row.expected.sentences:,}"


def _entities(row: SplitCount) -> str:
    found = "-" if row.entities is None else f"{row.entities.begin_b:,}"
    if row.entities and row.entities.begin_i:
        found = f"{found} (with I- {row.entities.total:,})"
    return found if row.expected is None else f"{found} / {row.expected.entities:,}"


def _notes(dataset: Dataset, rows: list[SplitCount]) -> list[str]:
    notes = [f"{row.lang} {row.split}: {note}." for row in rows for note in (*row.differences, *row.notes)]
    if any(row.expected and row.expected.documents and row.documents for row in rows):
        notes.append("Table 1 counts the -DOCSTART- lines of CoNLL en and de as sentences.")
    if any(row.entities and row.entities.begin_i for row in rows):
        notes.append("with I-: also entities that begin with I-, as conlleval counts them.")
    if any(row.verdict == "sampled" for row in rows):
        notes.append(
            f"sampled: the test set is a fixed random {dataset.test_sample:,} of the file's sentences, as many as "
            "the paper's own sample, so its entities differ from Table 1."
        )
    return notes


if __name__ == "__main__":
    run_command(main)

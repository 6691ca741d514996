"""Search for the best student of each language: from its options to the printed table."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console

from msd_ray.common.shell import command
from msd_ray.method.settings import Configuration, dev_metric
from msd_ray.report.comparison import (
    SummaryRow,
    check_summary,
    comparisons,
    print_summary,
    summary_json,
    summary_metrics,
    summary_rows,
    winner_row,
    write_summary,
)
from msd_ray.report.overview import LanguageSummary, print_overview
from msd_ray.report.write import report_of
from msd_ray.search.budget import Seconds
from msd_ray.search.configuration import final_key, row_digest
from msd_ray.search.final import Rows, final_seeds
from msd_ray.search.measure import check_hours, measure
from msd_ray.search.on_ray.cluster import DeferredCluster
from msd_ray.search.phase_status import PhaseStatus, search_status, search_work
from msd_ray.search.prepare import prepare_test
from msd_ray.search.search import Search, check_teacher_study, open_teacher_study
from msd_ray.tracking.parameters import Json
from msd_ray.tracking.rows import RunRow, best_run
from msd_ray.tracking.study import StudyTracker
from msd_ray.tracking.uri import shown_uri, ui_command

from .console import announced, print_pairs
from .display import progress
from .dry_run import PlannedRun, dry_run
from .options import TuneOptions
from .running import check_recorded, drain_records, execution, log_study_file, run_studies, study_run_logger
from .setup import Setup, describe, describe_phases
from .winner import configuration_tags, export_winner, is_current, register_winner, versions

Preflight = Callable[[Sequence[Setup], TuneOptions, Console], None]
"""Check databases, storage and free space. Raises UserError for a problem."""


def search(options: TuneOptions, console: Console, preflight: Preflight) -> int:
    """Search for each language, one after the other. Returns the exit code. Raises UserError for bad input."""
    setups = announced(
        options,
        console,
        status=search_status,
        describe=lambda setup: describe(setup, options, describe_phases(setup)),
    )
    if options.dry_run:
        planned = PlannedRun(
            preflight=lambda: _preflight(setups, options, console, preflight),
            check=_check,
            status=_status,
            work=lambda setup, phases: search_work(setup.settings, phases),
            measure=lambda setup: _measured(setup, options),
        )
        return dry_run(setups, options, console, planned)
    expected: dict[str, Seconds] = {}

    def begin(setup: Setup) -> None:
        if options.hours is not None:
            expected[setup.lang] = _measured(setup, options)
        open_teacher_study(setup.settings, setup.conditions, setup.study_storage).close()

    searched = run_studies(
        setups,
        console,
        preflight=lambda: _preflight(setups, options, console, preflight),
        check=_check,
        begin=begin,
        status=_status,
        run=lambda setup, ray: _search(setup, options, console, expected.get(setup.lang), ray),
    )
    if isinstance(searched, int):
        return searched
    if len(searched) > 1:
        console.print()
        print_overview(console, [summary for _, summary in searched], title=f"{options.dataset}, all languages")
    return 0 if all(winner for winner, _ in searched) else 1


def _status(setup: Setup) -> Iterator[PhaseStatus]:
    """Status of the phases of the search."""
    return search_status(setup.settings, setup.study_storage)


def _preflight(setups: Sequence[Setup], options: TuneOptions, console: Console, preflight: Preflight) -> None:
    """Raise UserError if a search cannot run here, or its summary cannot be written."""
    preflight(setups, options, console)
    if options.summary is not None:
        for setup in setups:
            check_summary(summary_path(options, setup.lang))


def _check(setup: Setup) -> None:
    """Raise UserError if the study exists with other settings."""
    check_teacher_study(setup.settings, setup.conditions, setup.study_storage)
    check_recorded(setup, _study_parameters(setup), command="tune")


def _measured(setup: Setup, options: TuneOptions) -> Seconds:
    """Measure the duration of trainings. Raises UserError if not even one student fits into `--hours`."""
    seconds = measure(setup.prepared.experiment, setup.settings.run, threads=options.cpus_per_trial)
    at_once = (os.cpu_count() or 1) // (options.cpus_per_trial * max(1, options.workers))
    check_hours(setup.settings, seconds, options.max_concurrent or max(1, at_once))
    return seconds


def _search(
    setup: Setup, options: TuneOptions, console: Console, expected: Seconds | None, ray: DeferredCluster
) -> tuple[bool, LanguageSummary]:
    """Run the search for one language, from its first trial to the printed table.

    Returns: whether there is a best student, and the language's row of the table of all languages.
    """
    resumed = any(phase.ended for phase in _status(setup))
    with (
        progress(console, sentences=setup.corpora.counts) as display,
        study_run_logger(setup, lambda: open_tracker(setup, resumed=resumed), display) as run_logger,
    ):
        running = execution(
            setup, options, run_logger, display, lambda: prepare_test(setup.data, setup.prepared), expected, ray
        )
        rows = Search(settings=setup.settings, execution=running).run()
        tracker = drain_records(run_logger, running, options, display)
    return conclude(setup, options, tracker, rows, console)


def open_tracker(setup: Setup, *, resumed: bool = False) -> StudyTracker:
    """Open the study in MLflow. resumed: whether it has ended trials."""
    settings = setup.settings
    tracker = StudyTracker.open(
        setup.mlflow_uri,
        dataset=setup.data.dataset,
        lang=setup.lang,
        study=settings.name,
        parameters=_study_parameters(setup),
        tags={
            "trials": str(settings.trials),
            "seeds": str(settings.seeds),
            "space": settings.space.name,
            "rows": " ".join(settings.rows),
            "select_on": setup.data.select_on,
            **{f"version.{name}": version for name, version in versions().items()},
        },
        artifact_root=setup.storage.artifacts,
        resumed=resumed,
    )
    log_study_file(tracker, setup)
    return tracker


def _study_parameters(setup: Setup) -> dict[str, Json]:
    """Parameters of the parent run, which are constant over the lifetime of a study."""
    settings = setup.settings
    return {
        **setup.parameters,
        "space": settings.space.to_json(),
        **settings.warm_start.requested(),
    }


def conclude(
    setup: Setup, options: TuneOptions, tracker: StudyTracker, rows: Rows, console: Console
) -> tuple[bool, LanguageSummary]:
    """Export and register the winner, if there is one; record and print the summary.

    Returns: whether there is a winner, and the language's row of the table of all languages.
    """
    metric = dev_metric(setup.data.select_on)
    runs = [run for run in tracker.runs() if "row" not in run.tags or is_current(run.tags, rows)]
    summary = summary_rows(runs, list(rows), dev_metric=metric)
    gains = comparisons(summary)
    row = winner_row(summary)
    tracker.parent_metrics(summary_metrics(summary, gains))
    tracker.parent_tags({**configuration_tags(rows), "winner": row})
    winner = best_run(runs, row, metric)
    where = [("storage", setup.storage.place)]
    if winner is not None:
        where += _hand_over(setup, tracker, winner, rows[row], summary)
    else:
        where.append(("best student", _why_none(next(line for line in summary if line.name == row))))
    if missing := _missing(setup, runs, rows):
        where.append(("missing", f"MLflow has no {', '.join(missing)}. Run the same command again to record them"))
    tracker.close("COMPLETE" if winner is not None else "FAIL")
    title = f"{setup.settings.name}: {setup.data.dataset}, {setup.data.direction}"
    notes = [] if setup.dev_note is None else [setup.dev_note]
    print_summary(console, summary, gains, title=title, dev_label=_dev_label(setup), notes=notes)
    if options.summary is not None:
        content = summary_json(
            summary,
            gains,
            study=setup.settings.name,
            dataset=setup.data.dataset,
            lang=setup.lang,
            best_configuration=rows["best"][0].to_json(),
            model=None if winner is None else str(setup.storage.model(setup.settings.name)),
        )
        path = summary_path(options, setup.lang)
        write_summary(path, content)
        where.append(("summary", str(path)))
    where += _where_to_look(setup)
    print_pairs(console, where)
    return winner is not None, LanguageSummary(lang=setup.lang, rows=tuple(summary))


def _hand_over(
    setup: Setup, tracker: StudyTracker, winner: RunRow, row: Sequence[Configuration], summary: Sequence[SummaryRow]
) -> list[tuple[str, str]]:
    """Export and register the winner. Returns where it is, as pairs of name and text."""
    directory = export_winner(setup, winner, row, summary)
    tracker.log_file(tracker.parent_id, directory / "README.md", "model_card")
    registered = register_winner(setup, winner, row_digest(row), summary, directory)
    tracker.parent_tags(registered.tags())
    return [
        ("best student", f"{directory} (row {winner.tags['row']})"),
        ("tag text with it", command("python", "-m", "msd_ray.predict", "--model", directory)),
        ("registered", f"{registered.uri}. {registered.reason}"),
    ]


def _why_none(row: SummaryRow) -> str:
    """Why a row has no best student."""
    if row.failed:
        return "none: every final run of the best configuration failed; see the tag `reason` of the runs"
    return f"none: MLflow has no completed final run of the row {row.name}; run the same command again to record them"


def _missing(setup: Setup, runs: Sequence[RunRow], rows: Rows) -> list[str]:
    """Keys of the final runs that MLflow lacks."""
    recorded = {run.key for run in runs}
    seeds = final_seeds(setup.settings.run, setup.settings.seeds)
    keys = [final_key(name, row_digest(row), seed) for name, row in rows.items() for seed in seeds]
    return [key for key in keys if key not in recorded]


def _where_to_look(setup: Setup) -> list[tuple[str, str]]:
    """Write the study's report. Returns where it and MLflow are, as pairs of name and text."""
    report = report_of(
        setup.mlflow_uri,
        dataset=setup.data.dataset,
        lang=setup.lang,
        name=setup.settings.name,
        out=setup.storage.root / "report",
    )
    return [("report", report), ("compare runs", ui_command(setup.mlflow_uri) or shown_uri(setup.mlflow_uri))]


def summary_path(options: TuneOptions, lang: str) -> Path:
    """File of a language's summary: `--summary`, with the language in its name if there are several."""
    assert options.summary is not None
    path = options.summary
    return path if len(options.lang) == 1 else path.with_name(f"{path.stem}-{lang}{path.suffix}")


def _dev_label(setup: Setup) -> str:
    """Dev set that selected epochs and configurations, for the table's header."""
    return {"target": "target", "source": "source", "none": "source, last epochs averaged"}[setup.data.select_on]

"""Compare the variants for each language: from the options to the printed table."""

from collections.abc import Iterator, Mapping

from rich.console import Console

from msd_ray.common.errors import UserError
from msd_ray.common.shell import command
from msd_ray.method.settings import StudentSettings, TeacherSettings, dev_metric
from msd_ray.method.variants import VARIANTS
from msd_ray.report.comparison import comparisons, print_summary, summary_metrics, variant_rows
from msd_ray.report.overview import LanguageSummary, print_overview
from msd_ray.search.ablation import (
    AblationSettings,
    ablation_status,
    ablation_work,
    check_ablation,
    run_ablation,
)
from msd_ray.search.budget import Seconds
from msd_ray.search.configuration import settings_of
from msd_ray.search.final import Rows
from msd_ray.search.measure import measure
from msd_ray.search.on_ray.cluster import DeferredCluster
from msd_ray.search.parameters import JSON, Fixed, Parameter
from msd_ray.search.phase_status import PhaseStatus
from msd_ray.search.prepare import prepare_target_gold, prepare_test
from msd_ray.search.search import SearchSettings
from msd_ray.tracking.parameters import Json
from msd_ray.tracking.study import StudyTracker
from msd_ray.tracking.uri import shown_uri, ui_command

from .ablate_options import AblateOptions
from .console import announced, print_pairs
from .display import progress
from .dry_run import PlannedRun, dry_run
from .running import check_recorded, drain_records, execution, log_study_file, run_studies, study_run_logger
from .search_study import Preflight
from .setup import Setup, describe, describe_split
from .winner import configuration_tags, is_current, versions


def compare(options: AblateOptions, console: Console, preflight: Preflight) -> int:
    """Compare for each language, one after the other. Returns the exit code. Raises UserError for bad input."""
    setups = announced(
        options,
        console,
        status=lambda settings, url: ablation_status(ablation_settings(settings, options), url),
        describe=lambda setup: _describe(setup, options),
    )
    if options.dry_run:
        planned = PlannedRun(
            preflight=lambda: preflight(setups, options, console),
            check=lambda setup: _check(setup, options),
            status=lambda setup: _status(setup, options),
            work=lambda setup, phases: ablation_work(ablation_settings(setup.settings, options), phases),
            measure=lambda setup: _measured(setup, options),
        )
        return dry_run(setups, options, console, planned)
    compared = run_studies(
        setups,
        console,
        preflight=lambda: preflight(setups, options, console),
        check=lambda setup: _check(setup, options),
        begin=lambda setup: _begin(setup, options),
        status=lambda setup: _status(setup, options),
        run=lambda setup, ray: _ablate(setup, options, console, ray),
    )
    if isinstance(compared, int):
        return compared
    if len(compared) > 1:
        console.print()
        print_overview(console, compared, title=f"{options.dataset}, all languages")
    return 0 if all(row.failed == 0 and row.seeds for language in compared for row in language.rows) else 1


def _describe(setup: Setup, options: AblateOptions) -> list[tuple[str, str]]:
    """Description of the ablation as pairs of name and text."""
    work = [
        ("configuration", setup.settings.space.name),
        ("variants", ", ".join(variant.name for variant in options.compared)),
        ("runs", f"{options.seeds} seeds of each variant, {describe_split(setup)}"),
    ]
    if not all(variant.zero_shot for variant in options.compared):
        work.append(("NOT zero-shot", "gold-aux learns from gold labels of the target's training sentences"))
    return describe(setup, options, work)


def _status(setup: Setup, options: AblateOptions) -> Iterator[PhaseStatus]:
    """Status of the phases of the ablation."""
    return ablation_status(ablation_settings(setup.settings, options), setup.study_storage)


def ablation_settings(settings: SearchSettings, options: AblateOptions) -> AblationSettings:
    """Settings of the ablation. Raises UserError if the configuration has a searched hyperparameter."""
    space = settings.space
    searched = [
        f"{part}.{name}"
        for part, parameters in (("teacher", space.teacher), ("student", space.student))
        for name, parameter in parameters.items()
        if not isinstance(parameter, Fixed)
    ]
    if searched:
        raise UserError(
            f"--configuration {options.space} leaves {', '.join(searched)} to be searched: an ablation compares one "
            "configuration, give each of them one value"
        )

    if space.most_teachers > 1:
        raise UserError(
            f"--configuration {options.space} has students of {space.most_teachers} teachers: an ablation compares "
            "students of one teacher, leave `teachers` out"
        )

    def values(parameters: Mapping[str, Parameter]) -> dict[str, JSON]:
        return {name: parameter.value for name, parameter in parameters.items() if isinstance(parameter, Fixed)}

    return AblationSettings(
        name=settings.name,
        variants=options.compared,
        teacher=settings_of(TeacherSettings, values(space.teacher)),
        student=settings_of(StudentSettings, values(space.student)),
        run=settings.run,
        seeds=options.seeds,
    )


def _study_parameters(setup: Setup) -> dict[str, Json]:
    """Parameters of the parent run, which are constant over the lifetime of a study."""
    return {**setup.parameters, "configuration": setup.settings.space.to_json()}


def _check(setup: Setup, options: AblateOptions) -> None:
    """Raise UserError if the configuration is a search space, or the study exists with other settings."""
    check_ablation(ablation_settings(setup.settings, options), setup.conditions, setup.study_storage)
    check_recorded(setup, _study_parameters(setup), command="ablate")


def _begin(setup: Setup, options: AblateOptions) -> None:
    """Read the inputs of optional variants, so that errors appear early. Raises UserError for malformed files."""
    if not all(variant.zero_shot for variant in options.compared):
        prepare_target_gold(setup.data, setup.prepared)


def _measured(setup: Setup, options: AblateOptions) -> Seconds:
    """Read the inputs of optional variants, and measure the duration of trainings."""
    _begin(setup, options)
    return measure(setup.prepared.experiment, setup.settings.run, threads=options.cpus_per_trial)


def _ablate(setup: Setup, options: AblateOptions, console: Console, ray: DeferredCluster) -> LanguageSummary:
    """Run all variants for one language, and print the table."""
    resumed = any(phase.ended for phase in _status(setup, options))
    with (
        progress(console, sentences=setup.corpora.counts) as display,
        study_run_logger(setup, lambda: open_tracker(setup, options, resumed=resumed), display) as run_logger,
    ):
        running = execution(
            setup, options, run_logger, display, lambda: prepare_test(setup.data, setup.prepared, source=True), ray=ray
        )
        rows = run_ablation(
            ablation_settings(setup.settings, options), running, lambda: prepare_target_gold(setup.data, setup.prepared)
        )
        tracker = drain_records(run_logger, running, options, display)
    return conclude(setup, tracker, rows, console)


def open_tracker(setup: Setup, options: AblateOptions, *, resumed: bool = False) -> StudyTracker:
    """Open the study in MLflow. resumed: whether it has ended trials."""
    tracker = StudyTracker.open(
        setup.mlflow_uri,
        dataset=setup.data.dataset,
        lang=setup.lang,
        study=setup.settings.name,
        parameters=_study_parameters(setup),
        tags={
            "command": "ablate",
            "seeds": str(options.seeds),
            "variants": " ".join(variant.name for variant in options.compared),
            "zero_shot": str(all(variant.zero_shot for variant in options.compared)).lower(),
            # Set at the start, so that a report during the ablation ignores runs of a former configuration.
            **configuration_tags(ablation_settings(setup.settings, options).rows),
            **{f"version.{name}": version for name, version in versions().items()},
        },
        artifact_root=setup.storage.artifacts,
        resumed=resumed,
    )
    log_study_file(tracker, setup)
    return tracker


def conclude(setup: Setup, tracker: StudyTracker, rows: Rows, console: Console) -> LanguageSummary:
    """Record the summary in the parent run, and print it from the database."""
    runs = [run for run in tracker.runs() if is_current(run.tags, rows)]
    labels = {name: VARIANTS[name].label for name in rows}
    summary = variant_rows(runs, labels, dev_metric=dev_metric(setup.data.select_on))
    gains = comparisons(summary, of="msd")
    tracker.parent_metrics(summary_metrics(summary, gains))
    tracker.close("COMPLETE" if all(row.failed == 0 and row.seeds for row in summary) else "FAIL")
    title = f"{setup.settings.name}: {setup.data.dataset}, {setup.data.direction}"
    print_summary(console, summary, gains, title=title, dev_label=setup.data.select_on)
    report = ["--lang", setup.lang, "--dataset", setup.data.dataset, "--mlflow-uri", shown_uri(setup.mlflow_uri)]
    print_pairs(
        console,
        [
            ("storage", setup.storage.place),
            ("compare runs", ui_command(setup.mlflow_uri) or shown_uri(setup.mlflow_uri)),
            ("tables and figures", command("python", "-m", "msd_ray.report", *report)),
        ],
    )
    return LanguageSummary(lang=setup.lang, rows=tuple(summary))

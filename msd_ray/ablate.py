"""`python -m msd_ray.ablate`: train and compare the paper's variants. See `--help`."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rich.console import Console

from msd_ray.cli.ablate_options import AblateOptions, parse
from msd_ray.cli.console import announced, print_pairs
from msd_ray.common.errors import UserError, run_command
from msd_ray.common.shell import command
from msd_ray.doctor.finding import refuse
from msd_ray.doctor.versions import version_findings
from msd_ray.method.variants import VARIANTS

if TYPE_CHECKING:
    from msd_ray.cli.setup import Setup
    from msd_ray.report.overview import LanguageSummary
    from msd_ray.search.ablation import AblationSettings
    from msd_ray.search.budget import Seconds
    from msd_ray.search.final import Rows
    from msd_ray.search.on_ray.cluster import DeferredCluster
    from msd_ray.search.parameters import JSON, Parameter
    from msd_ray.search.search import SearchSettings
    from msd_ray.search.standing import PhaseStanding
    from msd_ray.tracking.parameters import Json
    from msd_ray.tracking.study import StudyTracker


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Returns: 0 if every run is complete; 1 after a stall, with a failed run, or if MLflow is unavailable after training;
        130 after an interrupt.
    Raises: UserError for bad input.
    """
    options = parse(arguments)
    console = Console()
    # Check releases first: vulnerable ones should not be imported.
    refuse(version_findings(), console)
    setups = announced(
        options,
        console,
        standing=lambda settings, url: _standing(settings, options, url),
        describe=lambda setup: _describe(setup, options),
    )
    from msd_ray.cli.running import run_studies
    from msd_ray.doctor.preflight import check_places
    from msd_ray.report.overview import print_overview
    from msd_ray.search.ablation import ablation_work

    if options.dry_run:
        from msd_ray.cli.dry_run import Rehearsal, dry_run

        rehearsal = Rehearsal(
            preflight=lambda: check_places(setups, options, console),
            check=lambda setup: _check(setup, options),
            standing=lambda setup: _standing(setup.settings, options, setup.study_storage),
            work=lambda setup, phases: ablation_work(_settings(setup.settings, options), phases),
            measure=lambda setup: _measured(setup, options),
        )
        return dry_run(setups, options, console, rehearsal)
    compared = run_studies(
        setups,
        console,
        preflight=lambda: check_places(setups, options, console),
        check=lambda setup: _check(setup, options),
        begin=lambda setup: _begin(setup, options),
        standing=lambda setup: _standing(setup.settings, options, setup.study_storage),
        run=lambda setup, ray: _ablate(setup, options, console, ray),
    )
    if isinstance(compared, int):
        return compared
    if len(compared) > 1:
        console.print()
        print_overview(console, compared, title=f"{options.dataset}, all languages")
    return 0 if all(row.failed == 0 and row.seeds for language in compared for row in language.rows) else 1


def _describe(setup: "Setup", options: AblateOptions) -> list[tuple[str, str]]:
    """Description of the ablation as pairs of name and text."""
    from msd_ray.cli.setup import describe, describe_split

    work = [
        ("configuration", setup.settings.space.name),
        ("variants", ", ".join(variant.name for variant in options.variants)),
        ("runs", f"{options.seeds} seeds of each variant, {describe_split(setup)}"),
    ]
    if not all(variant.zero_shot for variant in options.variants):
        work.append(("NOT zero-shot", "gold-aux learns from gold labels of the target's training sentences"))
    return describe(setup, options, work)


def _standing(settings: "SearchSettings", options: AblateOptions, study_storage: str) -> "Iterator[PhaseStanding]":
    """How far an ablation is."""
    from msd_ray.search.ablation import ablation_standing

    return ablation_standing(_settings(settings, options), study_storage)


def _settings(settings: "SearchSettings", options: AblateOptions) -> "AblationSettings":
    """Settings of the ablation. Raises UserError if the configuration has a searched hyperparameter."""
    from msd_ray.method.settings import StudentSettings, TeacherSettings
    from msd_ray.search.ablation import AblationSettings
    from msd_ray.search.configuration import settings_of
    from msd_ray.search.parameters import Fixed

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

    def values(parameters: "Mapping[str, Parameter]") -> "dict[str, JSON]":
        return {name: parameter.value for name, parameter in parameters.items() if isinstance(parameter, Fixed)}

    return AblationSettings(
        name=settings.name,
        variants=options.variants,
        teacher=settings_of(TeacherSettings, values(space.teacher)),
        student=settings_of(StudentSettings, values(space.student)),
        run=settings.run,
        seeds=options.seeds,
    )


def _study_parameters(setup: "Setup") -> "dict[str, Json]":
    """Parameters of the parent run, which are constant over the lifetime of a study."""
    return {**setup.conditions, "configuration": setup.settings.space.to_json(), "epochs": setup.settings.run.epochs}


def _check(setup: "Setup", options: AblateOptions) -> None:
    """Raise UserError if the configuration is a search space, or the study exists with other settings."""
    from msd_ray.search.ablation import ablation_runs
    from msd_ray.tracking.conflicts import check_no_conflict

    ablation_runs(_settings(setup.settings, options), seed_a_launch=False).check(setup.conditions, setup.study_storage)
    check_no_conflict(
        setup.mlflow_uri,
        dataset=setup.data.dataset,
        lang=setup.lang,
        study=setup.settings.name,
        parameters=_study_parameters(setup),
        command="ablate",
    )


def _begin(setup: "Setup", options: AblateOptions) -> None:
    """Read the inputs of optional variants, so that errors appear early. Raises UserError for malformed files."""
    from msd_ray.search.prepare import prepare_target_gold

    if not all(variant.zero_shot for variant in options.variants):
        prepare_target_gold(setup.data, setup.prepared)


def _measured(setup: "Setup", options: AblateOptions) -> "Seconds":
    """Read the inputs of optional variants, and measure the duration of trainings."""
    from msd_ray.search.measure import measure

    _begin(setup, options)
    return measure(setup.prepared.experiment, setup.settings.run, threads=options.cpus_per_trial)


def _ablate(setup: "Setup", options: AblateOptions, console: Console, ray: "DeferredCluster") -> "LanguageSummary":
    """Run all variants for one language, and print the table."""
    from msd_ray.cli.display import progress
    from msd_ray.cli.running import drain_records, execution, study_run_logger
    from msd_ray.search.ablation import run_ablation
    from msd_ray.search.prepare import prepare_target_gold, prepare_test

    with (
        progress(console, sentences=setup.corpora.counts) as display,
        study_run_logger(setup, lambda: _open_tracker(setup, options), display) as run_logger,
    ):
        running = execution(
            setup, options, run_logger, display, lambda: prepare_test(setup.data, setup.prepared, source=True), ray=ray
        )
        rows = run_ablation(
            _settings(setup.settings, options), running, lambda: prepare_target_gold(setup.data, setup.prepared)
        )
        tracker = drain_records(run_logger, running, options, display)
    return _conclude(setup, tracker, rows, console)


def _open_tracker(setup: "Setup", options: AblateOptions) -> "StudyTracker":
    """Open the study in MLflow."""
    from msd_ray.cli.winner import configuration_tags, versions
    from msd_ray.tracking.study import StudyTracker

    return StudyTracker.open(
        setup.mlflow_uri,
        dataset=setup.data.dataset,
        lang=setup.lang,
        study=setup.settings.name,
        parameters=_study_parameters(setup),
        tags={
            "command": "ablate",
            "seeds": str(options.seeds),
            "variants": " ".join(variant.name for variant in options.variants),
            "zero_shot": str(all(variant.zero_shot for variant in options.variants)).lower(),
            # Set at the start, so that a report during the ablation ignores runs of a former configuration.
            **configuration_tags(_settings(setup.settings, options).rows),
            **{f"version.{name}": version for name, version in versions().items()},
        },
        artifact_root=setup.storage.artifacts,
    )


def _conclude(setup: "Setup", tracker: "StudyTracker", rows: "Rows", console: Console) -> "LanguageSummary":
    """Record the summary in the parent run, and print it from the database."""
    from msd_ray.method.settings import dev_metric
    from msd_ray.report.comparison import comparisons, print_summary, summary_metrics, variant_rows
    from msd_ray.report.overview import LanguageSummary
    from msd_ray.search.configuration import row_digest
    from msd_ray.tracking.uri import shown_uri, ui_command

    digests = {name: row_digest(row) for name, row in rows.items()}
    runs = [run for run in tracker.runs() if digests.get(run.tags["row"]) == run.tags["configuration"]]
    labels = {name: VARIANTS[name].label for name in rows}
    summary = variant_rows(runs, labels, dev_metric=dev_metric(setup.data.select_on))
    gains = comparisons(summary, of="msd")
    tracker.parent_metrics(summary_metrics(summary, gains))
    tracker.close("COMPLETE" if all(row.failed == 0 and row.seeds for row in summary) else "FAIL")
    title = f"{setup.settings.name}: {setup.data.dataset}, en to {setup.lang}"
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


if __name__ == "__main__":
    run_command(main)

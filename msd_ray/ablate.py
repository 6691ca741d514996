"""`python -m msd_ray.ablate`: train and compare the paper's variants. See `--help`."""

from typing import TYPE_CHECKING, Any

from rich.console import Console

from msd_ray.cli.ablate_options import command_line as command_line
from msd_ray.cli.ablate_options import parse
from msd_ray.cli.from_python import run_from_python
from msd_ray.cli.options import check_languages
from msd_ray.common.errors import run_command
from msd_ray.doctor.finding import refuse
from msd_ray.doctor.versions import version_findings

if TYPE_CHECKING:
    from msd_ray.report.study_result import StudyResult


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Returns: 0 if every run is complete; 1 after a stall, with a failed run, or if MLflow is unavailable after training;
        130 after an interrupt.
    Raises: UserError for bad input.
    """
    options = parse(arguments)
    check_languages(options)
    console = Console(stderr=options.write_config == "-")  # standard output is the study file's
    # Check releases first: vulnerable ones should not be imported.
    refuse(version_findings(), console)
    with console.status("Loading torch, Ray and MLflow ..."):
        from msd_ray.cli.ablate_study import compare
        from msd_ray.doctor.preflight import check_places
    return compare(options, console, check_places)


def run_ablation(lang: str | None = None, **options: Any) -> "StudyResult":
    """Compare variants in one language from Python. Resumes an existing study.

    Args:
        lang: target language; None: that of the study file (`config="study.yaml"`).
        options: those of the command, with underscores: `variants=["msd", "no-all"]`, `seeds=3`.

    Raises:
        UserError: wrong options or data, or the comparison ended without a result; the same call resumes it.
        KeyboardInterrupt: interrupted.
    """
    return run_from_python(main, parse, {"lang": lang, **options})


if __name__ == "__main__":
    run_command(main)

"""`python -m msd_ray.tune`: search, distil, record. See `--help`."""

from typing import TYPE_CHECKING, Any

from rich.console import Console

from msd_ray.cli.from_python import run_from_python
from msd_ray.cli.options import check_languages, parse
from msd_ray.cli.options import command_line as command_line
from msd_ray.common.errors import run_command
from msd_ray.doctor.finding import refuse
from msd_ray.doctor.versions import version_findings

if TYPE_CHECKING:
    from msd_ray.report.study_result import StudyResult


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Returns: 0 on success; 1 after a stall, without a best student, or if MLflow is unavailable after training; 130
        after an interrupt.
    Raises: UserError for bad input.
    """
    options = parse(arguments)
    check_languages(options)
    console = Console(stderr=options.write_config == "-")  # standard output is the study file's
    # Check releases first: vulnerable ones should not be imported.
    refuse(version_findings(), console)
    with console.status("Loading torch, Ray and MLflow ..."):
        from msd_ray.cli.search_study import search
        from msd_ray.doctor.preflight import check_places
    return search(options, console, check_places)


def run_search(lang: str | None = None, **options: Any) -> "StudyResult":
    """Search for one language from Python; progress is shown as on a terminal. Resumes an existing study.

    Args:
        lang: target language; None: that of the study file (`config="study.yaml"`).
        options: those of the command, with underscores: `preset="quickstart"`, `trials=40`, `target_text="ar.txt"`.

    Raises:
        UserError: wrong options or data, or the search ended without a result; the same call resumes it.
        KeyboardInterrupt: interrupted.

    Example::

        result = run_search("ar", preset="quickstart")
        print([(row.name, row.test.mean) for row in result.rows], result.best.tagger("..."))
    """
    return run_from_python(main, parse, {"lang": lang, **options})


if __name__ == "__main__":
    run_command(main)

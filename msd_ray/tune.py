"""`python -m msd_ray.tune`: search, distil, record. See `--help`."""

from rich.console import Console

from msd_ray.cli.options import command_line as command_line
from msd_ray.cli.options import parse
from msd_ray.common.errors import run_command
from msd_ray.doctor.finding import refuse
from msd_ray.doctor.versions import version_findings


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Returns: 0 on success; 1 after a stall, without a best student, or if MLflow is unavailable after training; 130
        after an interrupt.
    Raises: UserError for bad input.
    """
    options = parse(arguments)
    console = Console()
    # Check releases first: vulnerable ones should not be imported.
    refuse(version_findings(), console)
    with console.status("Loading torch, Ray and MLflow ..."):
        from msd_ray.cli.search_study import search
        from msd_ray.doctor.preflight import check_places
    return search(options, console, check_places)


if __name__ == "__main__":
    run_command(main)

"""`python -m msd_ray.ablate`: train and compare the paper's variants. See `--help`."""

from rich.console import Console

from msd_ray.cli.ablate_options import command_line as command_line
from msd_ray.cli.ablate_options import parse
from msd_ray.common.errors import run_command
from msd_ray.doctor.finding import refuse
from msd_ray.doctor.versions import version_findings


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
    with console.status("Loading torch, Ray and MLflow ..."):
        from msd_ray.cli.ablate_study import compare
        from msd_ray.doctor.preflight import check_places
    return compare(options, console, check_places)


if __name__ == "__main__":
    run_command(main)

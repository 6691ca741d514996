"""`python -m msd_ray.doctor`: check whether a search would run here. See `--help`."""

import json
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from msd_ray.cli.doctor_options import DoctorOptions, parse
from msd_ray.cli.doctor_options import command_line as command_line
from msd_ray.common.errors import run_command

from .finding import Finding, print_findings, summary, warned
from .versions import version_findings


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns 0 if no check failed, else 1. Raises UserError for bad input."""
    options = parse(arguments)
    if options.cluster_files:
        from .cluster_files import check_files

        check_files(
            options.cluster_files, ready=options.ready, constraints=options.constraints or Path("constraints.txt")
        )
        return 0
    findings = list(examination(options))
    if options.json:
        states = [finding.state for finding in findings]
        counts = {"passed": states.count("pass"), "warned": states.count("warn"), "failed": states.count("fail")}
        print(json.dumps({"findings": [finding.to_json() for finding in findings], **counts}, indent=1))
    else:
        console = Console(highlight=False)
        print_findings(console, findings)
        console.print(summary(findings), soft_wrap=True)
    return 1 if any(finding.state == "fail" for finding in findings) else 0


def examination(options: DoctorOptions) -> Iterator[Finding]:
    """All findings, in the order in which they are shown."""
    releases = list(version_findings())
    yield from releases
    # Only now, as vulnerable releases should not be imported: torch, transformers and Ray by `examination` alone.
    vulnerable = any(finding.state == "fail" for finding in releases)
    if options.quick or vulnerable:
        from .quick import places_of, quick_findings

        if not options.quick:
            yield warned(
                "encoder", "not checked: see the releases above", "upgrade these first: some should not be loaded"
            )
        yield from quick_findings(places_of(options))
    else:
        from .examination import search_findings

        yield from search_findings(options)


if __name__ == "__main__":
    run_command(main)

"""Findings as people and commands meet them: as lines of a log, or as a refusal."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from msd_ray.common.errors import UserError
from msd_ray.common.text import one_line

from .finding import Finding, State

_STYLES: dict[State, str] = {"pass": "green", "warn": "yellow", "fail": "bold red"}


def print_findings(console: Console, findings: Sequence[Finding]) -> None:
    """One line a finding: state, name, what was seen; a second one with what to do. Lines are whole, however long."""
    width = max((len(finding.name) for finding in findings), default=0)
    for finding in findings:
        line = Text(finding.state, style=_STYLES[finding.state])
        line.append(one_line(f"  {finding.name:<{width}}  {finding.what}"), style="default")
        console.print(line, soft_wrap=True)
        if finding.advice:
            console.print(Text(one_line(f"{'':<{width + 6}}  to do: {finding.advice}")), soft_wrap=True)


def summary(findings: Iterable[Finding]) -> str:
    """How many of each state."""
    states = [finding.state for finding in findings]
    return f"{states.count('pass')} passed, {states.count('warn')} warned, {states.count('fail')} failed"


def refuse(findings: Iterable[Finding], console: Console) -> None:
    """Print warnings, say nothing of what passes. Raises UserError for the first failure."""
    for finding in findings:
        if finding.state == "fail":
            raise UserError(f"{finding.what}; {finding.advice}")
        if finding.state == "warn":
            print_findings(console, [finding])

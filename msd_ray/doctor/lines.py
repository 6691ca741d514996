"""Findings as lines of text, or as the error that ends a command."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from msd_ray.common.errors import UserError
from msd_ray.common.text import one_line

from .finding import Finding, State

_STYLES: dict[State, str] = {"pass": "green", "warn": "yellow", "fail": "bold red"}


def print_findings(console: Console, findings: Sequence[Finding]) -> None:
    """Print a line per finding (state, name, result) and one with its advice. Lines are not wrapped."""
    width = max((len(finding.name) for finding in findings), default=0)
    for finding in findings:
        line = Text(finding.state, style=_STYLES[finding.state])
        line.append(one_line(f"  {finding.name:<{width}}  {finding.what}"), style="default")
        console.print(line, soft_wrap=True)
        if finding.advice:
            console.print(Text(one_line(f"{'':<{width + 6}}  to do: {finding.advice}")), soft_wrap=True)


def summary(findings: Iterable[Finding]) -> str:
    """Number of findings per state."""
    states = [finding.state for finding in findings]
    return f"{states.count('pass')} passed, {states.count('warn')} warned, {states.count('fail')} failed"


def refuse(findings: Iterable[Finding], console: Console) -> None:
    """Print warnings, but not passes. Raises UserError for the first failure."""
    for finding in findings:
        if finding.state == "fail":
            raise UserError(f"{finding.what}; {finding.advice}")
        if finding.state == "warn":
            print_findings(console, [finding])

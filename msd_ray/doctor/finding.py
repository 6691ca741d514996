"""What a check says of one thing, and how findings are shown: lines of a log, or a refusal."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from rich.console import Console
from rich.text import Text

from msd_ray.common.errors import UserError
from msd_ray.common.text import one_line

State = Literal["pass", "warn", "fail"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Result of a check. name: what was checked; what: the result; advice: what to do, empty only for a pass."""

    name: str
    state: State
    what: str
    advice: str = ""

    def __post_init__(self) -> None:
        if (self.state == "pass") == bool(self.advice):
            raise ValueError(f"{self.name}: warn and fail need advice, pass has none")

    def to_json(self) -> dict[str, str]:
        """The finding as JSON values."""
        return asdict(self)


def passed(name: str, what: str) -> Finding:
    """Finding that needs no action."""
    return Finding(name=name, state="pass", what=what)


def warned(name: str, what: str, advice: str) -> Finding:
    """Finding that may impair a search but does not prevent it."""
    return Finding(name=name, state="warn", what=what, advice=advice)


def failed(name: str, what: str, advice: str) -> Finding:
    """Finding that prevents a search, or should."""
    return Finding(name=name, state="fail", what=what, advice=advice)


def refusals(name: str, check: Callable[[], Iterator[Finding]], advice: str) -> Iterator[Finding]:
    """Findings of `check`; a UserError becomes a failure.

    advice: what to do if the message, "what is wrong; what to do", does not say so itself.
    """
    try:
        yield from check()
    except UserError as error:
        told = " ".join(str(error).split())
        what, separator, own = told.rpartition("; ")
        yield failed(name, what, own) if separator else failed(name, told, advice)


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

"""Results of checks."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from msd_ray.common.errors import UserError

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

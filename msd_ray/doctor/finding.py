"""What a check says of one thing."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from msd_ray.common.errors import UserError

State = Literal["pass", "warn", "fail"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """name: what was looked at. what: what was seen. advice: what to do; a pass needs none, all else has one."""

    name: str
    state: State
    what: str
    advice: str = ""

    def __post_init__(self) -> None:
        if (self.state == "pass") == bool(self.advice):
            raise ValueError(f"{self.name}: a finding that is no pass says what to do, a pass does not")

    def to_json(self) -> dict[str, str]:
        """The finding as plain values."""
        return asdict(self)


def passed(name: str, what: str) -> Finding:
    """Nothing to do."""
    return Finding(name=name, state="pass", what=what)


def warned(name: str, what: str, advice: str) -> Finding:
    """A search would start, and may suffer from it."""
    return Finding(name=name, state="warn", what=what, advice=advice)


def failed(name: str, what: str, advice: str) -> Finding:
    """A search would not run, or should not."""
    return Finding(name=name, state="fail", what=what, advice=advice)


def refusals(name: str, check: Callable[[], Iterator[Finding]], advice: str) -> Iterator[Finding]:
    """What `check` finds; a refusal of the code that it asks becomes a failure.

    advice: what to do where the refusal itself does not say so. Its messages read "what is wrong; what to do".
    """
    try:
        yield from check()
    except UserError as error:
        told = " ".join(str(error).split())
        what, separator, own = told.rpartition("; ")
        yield failed(name, what, own) if separator else failed(name, told, advice)

"""What a search records of its runs, and the interface of what records them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from .parameters import JSON

Ending = Literal["COMPLETE", "PRUNED", "FAIL"]


class RunLogger(Protocol):
    """Records runs by key, which is unique in the study. Every call is idempotent.

    A record is durable when a call returns, but may not be in MLflow yet (`tracking.run_logger.JournaledRunLogger`).
    """

    def child(self, key: str, *, name: str, parameters: Mapping[str, JSON], tags: Mapping[str, str]) -> None:
        """Create the run with this key, unless it exists."""

    def run_id(self, key: str) -> str | None:
        """MLflow's id of the run; None until MLflow has created it."""

    def log_epoch(self, key: str, *, epoch: int, metrics: Mapping[str, float], timestamp_ms: int) -> None:
        """Record an epoch's metrics."""

    def log_file(self, key: str, path: Path, artifact_path: str | None = None) -> None:
        """Store a file, or the files of a directory, as artifacts of the run."""

    def finish(
        self,
        key: str,
        *,
        state: Ending,
        reason: str | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """End the run."""

    def check(self) -> None:
        """Raise UserError if MLflow rejected a record."""


@dataclass(frozen=True, kw_only=True)
class RunLabel:
    """Key, name, parameters and tags of a trial's run: see `RunLogger.child`."""

    key: str
    name: str
    parameters: Mapping[str, JSON]
    tags: Mapping[str, str]

"""A search's exported winner, registered in MLflow with the numbers of the summary."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from .export import DESCRIPTION
from .setup import Setup
from .tracking.champion import Candidate
from .tracking.comparison import SummaryRow
from .tracking.registry import Registered, register
from .tracking.rows import RunRow


def register_winner(
    setup: Setup, winner: RunRow, configuration: str, summary: Sequence[SummaryRow], directory: Path
) -> Registered:
    """Register the student that `export_winner` wrote to `directory`. Raises UserError when MLflow does not work.

    configuration: the digest of the winner's row. Searches that share a storage wait for each other here.
    """
    row = winner.tags["row"]
    line = next(line for line in summary if line.name == row)
    candidate = Candidate(
        dataset=setup.data.dataset,
        lang=setup.lang,
        study=setup.settings.name,
        run_id=winner.run_id,
        row=row,
        configuration=configuration,
        seed=int(winner.tags["seed"]),
        encoder=setup.encoder.name,
        zero_shot=winner.tags.get("zero_shot") != "false",
        content_sha256=content_digest(directory),
        dev_f1=winner.metrics[line.dev_metric],
        scored_split=line.scored_split,
        scores=_scores(line),
        data_digests=setup.corpora.digests,
    )
    with setup.storage.writing(), setup.storage.lock(setup.storage.root / "registry"):
        return register(setup.mlflow_uri, directory, candidate)


def content_digest(directory: Path) -> str:
    """SHA-256 of an export's description: labels, limits, and the digest of every other file but the card."""
    return hashlib.sha256((directory / DESCRIPTION).read_bytes()).hexdigest()


def _scores(row: SummaryRow) -> dict[str, float]:
    """Means, sample standard deviations and numbers of the seeds, by tag name."""
    found: dict[str, float] = {}
    for split, scores in (("dev", row.dev), (row.scored_split, row.test)):
        if scores is not None:
            found |= {f"{split}_f1_mean": scores.mean, f"{split}_f1_n": scores.n}
            if scores.deviation is not None:
                found[f"{split}_f1_sd"] = scores.deviation
    return found

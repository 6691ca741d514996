"""A driver of a study with a cheap score, which can be killed at a given database operation."""

import math
import os
import signal
from collections.abc import Mapping
from typing import Any

import sqlalchemy

from msd_ray.search.parameters import JSON, Choice, Fixed, Parameter, Range
from msd_ray.search.studies import PhaseStudy, Pruning, TrialRecord

EPOCHS = 3
TRIALS = 12
SPACE: dict[str, Parameter] = {
    "learning_rate": Range(low=1e-6, high=1e-2, log=True),
    "beta": Range(low=0.01, high=10, log=True),
    "dropout": Range(low=0.0, high=0.5, step=0.1),
    "teacher": Choice(values=(0, 1, 2)),
    "warmup": Fixed(value=0.1),
}
PAPER: dict[str, JSON] = {"learning_rate": 2e-5, "beta": 0.05, "dropout": 0.1, "teacher": 0}


def open_study(url: str, **changes: Any) -> PhaseStudy:
    arguments: dict[str, Any] = {
        "space": SPACE,
        "settings": {"epochs": EPOCHS, "data": {"digest": "abc", "limit": None}},
        "seed": 7,
        "trials": TRIALS,
        "first": [PAPER],
        "pruning": Pruning(epochs=EPOCHS, grace=1, reduction=2),
    }
    name = changes.pop("name", "student")
    return PhaseStudy.open(url, name, **{**arguments, **changes})


def score(parameters: Mapping[str, Any], epoch: int) -> float:
    """Return a score that grows with the epochs and is best at a learning rate of 1e-4 and a beta of 0.5."""
    away: float = (math.log10(parameters["learning_rate"]) + 4) ** 2 + (math.log10(parameters["beta"]) + 0.3) ** 2
    best: float = 1 - 0.1 * away - 0.1 * parameters["dropout"] + 0.05 * parameters["teacher"]
    return best * epoch / EPOCHS


def run_trial(study: PhaseStudy, trial: TrialRecord) -> None:
    """Train until the study prunes it; a dropout above 0.35 diverges after the first epoch."""
    for epoch in range(1, EPOCHS + 1):
        study.report(trial.number, epoch, score(trial.parameters, epoch))
        if float(str(trial.parameters["dropout"])) > 0.35:
            study.fail(trial.number, "loss is nan")
            return
        if study.should_stop(trial.number, epoch):
            study.prune(trial.number, score(trial.parameters, epoch))
            return
    study.complete(trial.number, score(trial.parameters, EPOCHS))


def drive(url: str, dies_at: int | None = None, statement: str = "", **changes: Any) -> None:
    """Run the study to its end, one trial at a time.

    For use in a process of its own: it dies by SIGKILL at the `dies_at`-th step with the database, or just before
    the `dies_at`-th statement that begins with `statement`.
    """
    if dies_at is not None:
        _die_at(dies_at, statement)
    study = open_study(url, **changes)
    while (trial := study.propose()) is not None:
        run_trial(study, trial)
    study.close()


def _die_at(count: int, statement: str) -> None:
    seen = 0

    def step(*event: Any) -> None:
        nonlocal seen
        seen += not statement or event[2].startswith(statement)
        if seen == count:
            os.kill(os.getpid(), signal.SIGKILL)

    for event in (
        ("before_cursor_execute",) if statement else ("before_cursor_execute", "after_cursor_execute", "commit")
    ):
        sqlalchemy.event.listen(sqlalchemy.engine.Engine, event, step)


def records(url: str, **changes: Any) -> list[TrialRecord]:
    """The study's trials as read by a process that opens it."""
    study = open_study(url, **changes)
    found = study.trials()
    study.close()
    return found

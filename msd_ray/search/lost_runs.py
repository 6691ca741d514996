"""Ended trials whose runs MLflow has lost, for example because they were deleted there, and their records anew."""

import time
from collections.abc import Mapping, Sequence
from typing import get_args

from .phase import Phase, pruned_at
from .records import Ending
from .studies import TrialRecord


def lost_runs(phases: Sequence[Phase], recorded: Mapping[str, str | None]) -> dict[str, TrialRecord]:
    """Ended trials by key whose runs MLflow lacks, or has not as completed. recorded: state of each run by key."""
    return {
        key: trial
        for phase in phases
        for key, trial in _ended(phase).items()
        if recorded.get(key) is None or (trial.state == "COMPLETE" and recorded[key] != "COMPLETE")
    }


def record_again(phase: Phase, lost: Sequence[TrialRecord]) -> bool:
    """Record lost runs of a phase again.

    Completed final runs are scored again, from the stored weights; of other trials the study has the scores.

    Returns: whether trials must run for that.
    """
    to_score = [trial for trial in lost if phase.name == "final" and trial.state == "COMPLETE"]
    phase.run_again(to_score)
    for trial in lost:
        if trial not in to_score:
            _record_from_study(phase, trial)
    return bool(to_score)


def _ended(phase: Phase) -> dict[str, TrialRecord]:
    """The ended trials by the keys of their runs; of attempts that share a run, the last."""
    trials = [trial for trial in phase.study.trials() if trial.state in get_args(Ending)]
    return {phase.label(trial, phase.plan(trial)).key: trial for trial in trials}


def _record_from_study(phase: Phase, trial: TrialRecord) -> None:
    key = phase.begin(trial, phase.plan(trial)).key
    for epoch, value in sorted(trial.values.items()):
        phase.run_logger.log_epoch(key, epoch=epoch, metrics={phase.score: value}, timestamp_ms=time.time_ns() // 10**6)
    reason = trial.reason
    if trial.state == "PRUNED":
        last = max(trial.values)
        reason = pruned_at(last, trial.values[last])
    phase.run_logger.finish(
        key,
        state=trial.state,  # type: ignore[arg-type]
        reason=reason,
        metrics={} if trial.value is None else {phase.score: trial.value},
    )

"""What an attempt at a launch died of, as Ray tells it, in one line and in full."""

from pathlib import Path

from ray.tune.experiment import Trial

from ..plans import Failure

_OUT_OF_MEMORY = "running low on memory"
_GUESSES = ("Some common causes", "There are some potential root causes")
"""How Ray's guesses begin at what may have killed a process; each time the same ones, and long."""


def worker_failure(errors: dict[int, Exception]) -> Failure:
    """Of the errors by worker: the first worker's, for the others' are often but the echo of it."""
    return failure_from(str(errors[min(errors)]))


def trial_failure(trial: Trial) -> Failure:
    """Of a Tune trial's last attempt; Tune writes one after the other to a file."""
    error_file = trial.error_file
    if error_file and Path(error_file).exists():
        text = Path(error_file).read_text(encoding="utf-8")
        _, _, last = text.rpartition("\nFailure # ")
        return failure_from(last)
    return failure_from("")


def failure_from(text: str) -> Failure:
    """A failure's reason is the last line of its text, which is where a traceback names the exception."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not lines:
        return Failure(reason="its process ended without a message", details="")
    # Ray's memory monitor says first what it did, and last where to read about it.
    monitor = (line for line in lines if _OUT_OF_MEMORY in line)
    reason = next(monitor, lines[-1])
    for guess in _GUESSES:
        reason = reason.partition(guess)[0].strip()
    return Failure(reason=reason, details=text)

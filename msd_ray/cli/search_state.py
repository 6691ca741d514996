"""What the terminal and the log say about a running search: a state at one moment, and numbers derived from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import fmean

from msd_ray.search.forecast import Duration, seconds_left
from msd_ray.search.parameters import JSON
from msd_ray.search.progress import EndedTrial, PhasePlan, PhaseProgress

DIRECT = "direct"
SEEDED = ("confirm", "final")
"""Phases that repeat configurations with several seeds; the others search."""


@dataclass(frozen=True, kw_only=True)
class SearchState:
    """A search at one moment.

    Args:
        plan: the current phase.
        progress: its trials.
        now: monotonic clock, in seconds.
        started: the clock when this process started the phase.
        earlier: durations of trials of earlier phases.
        direct: dev F1 of direct transfer by the best teacher, 0..1; None before the student phase.
        sentences: training sentences by part, `source_train` and `target_train`.
    """

    plan: PhasePlan
    progress: PhaseProgress
    now: float
    started: float
    earlier: Sequence[Duration] = ()
    direct: float | None = None
    sentences: Mapping[str, int] | None = None

    @property
    def seeded(self) -> bool:
        """Whether the phase repeats configurations with several seeds."""
        return self.plan.name in SEEDED

    @property
    def left_s(self) -> float | None:
        """Estimated seconds until the last phase ends."""
        return seconds_left(self.plan, self.progress, self.earlier, self.now)

    @property
    def speed(self) -> float | None:
        """Training sentences per second of all running trials, by their last epochs; None before any."""
        if self.sentences is None:
            return None
        speeds = [
            self.sentences["target_train" if trial.student else "source_train"] / trial.train_s
            for trial in self.progress.running
            if trial.train_s
        ]
        return sum(speeds) if speeds else None

    @property
    def curve(self) -> list[float]:
        """Best dev F1 after each complete trial."""
        return list(accumulate((trial.value or 0.0 for trial in self.progress.complete), max))

    def best(self, count: int) -> list[EndedTrial]:
        """The complete trials with the highest dev F1, the best first."""
        return sorted(self.progress.complete, key=lambda trial: (-(trial.value or 0.0), trial.number))[:count]

    @property
    def rows(self) -> dict[str, dict[str, float]]:
        """Dev F1 by row and seed, in a phase with several seeds."""
        found: dict[str, dict[str, float]] = {}
        for trial in self.progress.complete:
            found.setdefault(str(trial.parameters["row"]), {})[str(trial.parameters["seed"])] = trial.value or 0.0
        return found

    def row_gain(self, row: str) -> float | None:
        """Mean gain in dev F1 of a row over `direct`, over the seeds that both have; None without one."""
        rows = self.rows
        own, direct = rows.get(row, {}), rows.get(DIRECT, {})
        shared = own.keys() & direct.keys()
        return fmean(own[seed] - direct[seed] for seed in shared) if shared and row != DIRECT else None


def f1_text(value: float) -> str:
    """F1 in percent."""
    return f"{100 * value:.2f}"


def gain_text(gain: float | None) -> str:
    """A gain over direct transfer in F1 points; empty if there is none to tell."""
    return "" if gain is None else f"{100 * gain:+.2f} over direct"


def best_text(state: SearchState) -> str:
    """The best score so far with its gain over direct transfer; empty before the first."""
    if state.seeded:
        means = {row: fmean(values.values()) for row, values in state.rows.items() if row != DIRECT}
        if not means:
            return ""
        row = max(means, key=lambda name: means[name])
        score, gain = f"best mean dev F1 {f1_text(means[row])} ({row}", gain_text(state.row_gain(row))
        return f"{score}, {gain})" if gain else f"{score})"
    best = state.progress.best
    if best is None:
        return ""
    gain = gain_text(None if state.direct is None else best - state.direct)
    return f"best dev F1 {f1_text(best)}" + (f" ({gain})" if gain else "")


def parameter_text(value: JSON) -> str:
    """A hyperparameter's value in few characters."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)

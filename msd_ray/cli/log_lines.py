"""Lines of a running search in a log, as pure functions of its state."""

from msd_ray.common.text import count_of, duration
from msd_ray.search.progress import EndedTrial

from .search_state import SearchState, best_text, f1_text, parameter_text


def phase_line(state: SearchState) -> str:
    """The start of a phase."""
    ended, total = len(state.progress.ended), state.plan.total
    if not ended:
        return f"{state.plan.name} phase: {count_of(total, 'trial')}"
    rest = "nothing to do" if ended >= total else f"{total - ended} to do"
    return f"{state.plan.name} phase: {ended} of {count_of(total, 'trial')} there, {rest}"


def trial_line(trial: EndedTrial, *, new_best: bool = False) -> str:
    """The end of a trial: number, score, parameters, duration, and whether it is the best so far."""
    # Row and seed are part of the key.
    shown = {} if "row" in trial.parameters else trial.parameters
    details = [" ".join(f"{name}={parameter_text(value)}" for name, value in shown.items())] if shown else []
    details += [] if trial.seconds is None else [duration(trial.seconds)]
    if trial.state == "FAIL":
        return f"{trial.key}: FAIL: {trial.note}" + (f" ({', '.join(details)})" if details else "")
    score = "" if trial.value is None else f"dev F1 {f1_text(trial.value)}"
    ending = " ".join([trial.state, *([trial.note] if trial.note else [])])
    return f"{trial.key}: {', '.join([ending, score, *details, *(['new best'] if new_best else [])])}"


def progress_line(state: SearchState) -> str:
    """Counts, best score, speed and times."""
    progress = state.progress
    parts = [f"{len(progress.ended)} of {count_of(state.plan.total, 'trial')} done"]
    parts += [f"{progress.count(name)} {word}" for name, word in OTHER_ENDS.items() if progress.count(name)]
    parts += running_text(state)
    parts += [part for part in (best_text(state), speed_text(state)) if part]
    return f"{state.plan.name}: {', '.join([*parts, *times(state)])}"


OTHER_ENDS = {"PRUNED": "pruned", "FAIL": "failed"}


def running_text(state: SearchState) -> list[str]:
    """Number of running trials, and of those that wait for resources if there are any."""
    pending = state.progress.pending
    running = f"{len(state.progress.running) - pending} running"
    return [running, f"{pending} pending"] if pending else [running]


def speed_text(state: SearchState) -> str:
    """Training speed; empty if unknown."""
    return "" if state.speed is None else f"{state.speed:.0f} sentences per second"


def times(state: SearchState) -> list[str]:
    """Time elapsed in the phase, and time left in all phases if it can be estimated."""
    elapsed, left = f"elapsed {duration(state.now - state.started)}", state.left_s
    return [elapsed] if left is None else [elapsed, f"about {duration(left)} left in all"]

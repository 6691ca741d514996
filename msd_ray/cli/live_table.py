"""The live display of a running search on a terminal, as a pure function of its state."""

from statistics import fmean

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from msd_ray.common.text import count_of, one_line
from msd_ray.search.progress import RunningTrial

from .log_lines import running_text, speed_text, times
from .search_state import SearchState, best_text, f1_text, gain_text, parameter_text

SHOWN_BEST = 5
SHOWN_RUNNING = 8  # a cluster runs more concurrent trials than a terminal has lines
SPARKLINE_WIDTH = 30
BARS = "▁▂▃▄▅▆▇█"
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def render(state: SearchState, activity: str = "") -> RenderableType:
    """The display: phase, counts, best trials, running trials.

    activity: what is done besides trials, such as starting Ray.
    """
    parts: list[RenderableType] = [_head(state), _counts(state)]
    if best := best_text(state):
        parts.append(Text(f"  {best}  {sparkline([] if state.seeded else state.curve)}".rstrip()))
    if state.progress.complete:
        parts.append(_rows(state) if state.seeded else _best(state))
    parts += [Text(f"  {one_line(line)}", style="dim") for line in _running(state)]
    if activity:
        parts.append(Text(f"{spinner(state.now)} {activity} ..."))
    return Group(*parts)


def spinner(now: float) -> str:
    """A character that moves with the clock."""
    return SPINNER[int(10 * now) % len(SPINNER)]


def sparkline(values: list[float], width: int = SPARKLINE_WIDTH) -> str:
    """Bars from the lowest to the highest value, in at most `width` characters; empty for fewer than two values.

    >>> sparkline([0.5, 0.6, 0.7])
    '▁▄█'
    """
    if len(values) < 2:
        return ""
    count = min(len(values), width)
    chosen = [values[(index + 1) * len(values) // count - 1] for index in range(count)]
    low, high = min(values), max(values)
    return "".join(BARS[round((value - low) / ((high - low) or 1.0) * 7 - 0.01)] for value in chosen)


def _head(state: SearchState) -> Table:
    ended, total = len(state.progress.ended), state.plan.total
    head = Table.grid(padding=(0, 1))
    head.add_row(
        Text(spinner(state.now) if state.progress.running else " "),
        Text(f"{state.plan.name} phase", style="bold"),
        ProgressBar(total=max(total, 1), completed=ended, width=24),
        Text(f"{ended}/{count_of(total, 'trial')}"),
        Text(", ".join(times(state)), style="dim"),
    )
    return head


def _counts(state: SearchState) -> Text:
    progress = state.progress
    words = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
    counts = [f"{progress.count(name)} {word}" for name, word in words.items()]
    speed = speed_text(state)
    return Text("  " + ", ".join([*counts, *running_text(state), *([speed] if speed else [])]))


def _best(state: SearchState) -> Table:
    """The best trials with their hyperparameters, a column each: spaces have more hyperparameters than a line holds."""
    trials = state.best(SHOWN_BEST)
    table = _table("", *(trial.key for trial in trials))
    table.add_row("dev F1", *(f1_text(trial.value or 0.0) for trial in trials))
    for name in dict.fromkeys(name for trial in trials for name in trial.parameters):
        values = [parameter_text(trial.parameters[name]) if name in trial.parameters else "" for trial in trials]
        table.add_row(one_line(name), *map(one_line, values))
    return table


def _rows(state: SearchState) -> Table:
    """The rows with means over the seeds so far."""
    table = _table("row", "mean dev F1", "seeds", "gain")
    for row, values in state.rows.items():
        gain = gain_text(state.row_gain(row))
        table.add_row(one_line(row), f1_text(fmean(values.values())), str(len(values)), gain)
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 0, 0, 2), header_style="dim")
    for index, name in enumerate(columns):
        table.add_column(one_line(name), justify="right" if index else "left", no_wrap=True)
    return table


def _running(state: SearchState) -> list[str]:
    running = state.progress.running
    lines = [f"{trial.key} {_stage(trial)}" for trial in running[:SHOWN_RUNNING]]
    return [*lines, f"and {len(running) - SHOWN_RUNNING} more"] if len(running) > SHOWN_RUNNING else lines


def _stage(trial: RunningTrial) -> str:
    return "pending" if trial.pending else f"epoch {trial.done}/{trial.epochs}"

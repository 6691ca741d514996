"""Compare the search with random search: `python -m benchmarks.search_quality`.

Prints the best F1 of both after N trials on the table of learning curves, paired over seeds, with and without early
stopping, and the share of epochs trained. It takes seconds; the studies are kept in memory only.
"""

import argparse
from statistics import mean

from scipy.stats import wilcoxon

from msd_ray.common.errors import UserError, run_command

from .curve_table import CurveTable, read_table
from .simulation import NullRunLogger, SimulatedSearch, best_value, epochs_trained, random_points


def main(arguments: list[str] | None = None) -> int:
    """Print the table and return 0. Raises UserError for invalid options or no table of curves."""
    options = _parser().parse_args(arguments)
    if min(options.trials) < 1 or options.seeds < 2 or options.at_once < 1:
        raise UserError("--trials and --at-once must be 1 or more, --seeds 2 or more")
    table = read_table()
    print(
        f"{len(table.points)} trainings, the best with F1 {100 * max(max(c.f1) for c in table.curves):.2f}; "
        f"{options.seeds} seeds, {options.at_once} trials at a time\n"
    )
    print("| trials | early stopping | best F1, search | random | seeds won / lost | p, Wilcoxon | epochs trained |")
    print("|---|---|---|---|---|---|---|")
    for trials in options.trials:
        for pruned in (False, True):
            print(_row(table, trials, pruned, options), flush=True)
    return 0


def _row(table: CurveTable, trials: int, pruned: bool, options: argparse.Namespace) -> str:
    ours, theirs, epochs = [], [], []
    for seed in range(options.seeds):
        search = SimulatedSearch(
            table=table, trials=trials, seed=seed, at_once=options.at_once, pruned=pruned, first=()
        )
        found = search.run(NullRunLogger())
        ours.append(best_value(found))
        epochs.append(epochs_trained(found) / (trials * table.epochs))
        chance = SimulatedSearch(
            table=table,
            trials=trials,
            seed=seed,
            at_once=options.at_once,
            pruned=pruned,
            first=random_points(trials, seed),
        )
        theirs.append(best_value(chance.run(NullRunLogger())))
    won = sum(mine > other for mine, other in zip(ours, theirs, strict=True))
    lost = sum(mine < other for mine, other in zip(ours, theirs, strict=True))
    p = wilcoxon(ours, theirs, alternative="greater").pvalue if won + lost else 1.0
    return (
        f"| {trials} | {'ASHA' if pruned else 'none'} | {100 * mean(ours):.2f} | {100 * mean(theirs):.2f} "
        f"| {won} / {lost} | {p:.2g} | {mean(epochs):.0%} |"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.search_quality",
        description="Compare the search with random search on the table of learning curves.",
    )
    add = parser.add_argument
    add("--trials", type=int, nargs="+", default=[10, 20, 30, 60], metavar="N", help="default: 10 20 30 60")
    add("--seeds", type=int, default=20, metavar="N", help="default: 20")
    add("--at-once", type=int, default=4, metavar="N", help="trials at a time (default: 4)")
    return parser


if __name__ == "__main__":
    run_command(main)

"""Compare the recorded rows of studies: `python examples/compare_studies.py sample-ar other --storage runs`."""

import argparse

from msd_ray import load_study
from msd_ray.report.statistics.paired import paired_tests


def main(names: list[str], storage: str) -> None:
    """Print each row's score, the first study's `best` minus it, and the hyperparameters in which the best differ.

    p: paired t-test over the seeds that both have, not corrected. Of use where the studies score the same sentences.
    """
    studies = [load_study(name, storage=storage) for name in names]
    first = next((row.test_by_seed for row in studies[0].rows if row.name == "best"), {})
    for study in studies:
        for row in study.rows:
            score = "not run" if row.test is None else f"{100 * row.test.mean:.2f} over {row.test.n} seeds"
            tests = paired_tests(first, row.test_by_seed)
            gain = "" if tests.t_p is None else f"{100 * (tests.difference or 0):+.2f}, p = {tests.t_p:.4f}"
            print(f"{study.name:20} {row.label:28} {score:24} {gain}")
    best = [study.best.hyperparameters if study.best else {} for study in studies]
    for name in sorted({name for one in best for name in one}):
        values = [one.get(name, "-") for one in best]
        if len(set(values)) > 1:
            print(f"{name:32} {' '.join(f'{value:>12}' for value in values)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="+")
    parser.add_argument("--storage", default="runs")
    arguments = parser.parse_args()
    main(arguments.names, arguments.storage)

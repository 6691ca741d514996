"""Compare the recorded rows of two studies: `python examples/compare_studies.py sample-ar sample-tr --storage runs`."""

import argparse

from msd_ray import load_study


def main(names: list[str], storage: str) -> None:
    """Print each row's score in each study, and the hyperparameters in which the best students differ."""
    studies = [load_study(name, storage=storage) for name in names]
    for study in studies:
        for row in study.rows:
            score = "not run" if row.test is None else f"{100 * row.test.mean:.2f} over {row.test.n} seeds"
            print(f"{study.name:20} {row.label:28} {score}")
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

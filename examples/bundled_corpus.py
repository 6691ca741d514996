"""Search on the bundled corpus, print the rows, tag a sentence: `python examples/bundled_corpus.py`.

The same as `make demo`, about eight minutes on two processor cores.
"""

from msd_ray import run_search


def main(**options: object) -> None:
    """Search for Arabic. options: of `python -m msd_ray.tune`, beside the preset's."""
    result = run_search("ar", preset="quickstart", **options)
    for row in result.rows:
        if row.test is not None:
            print(f"{row.label:28} {100 * row.test.mean:.2f} over {row.test.n} seeds")
    for gain in result.comparisons:
        if gain.difference is not None:
            print(f"gain of {gain.a} over {gain.b}: {100 * gain.difference:+.2f}")
    print(result.trials[["run", "state", "student.learning_rate", "dev_target/f1"]])
    if result.best is not None:
        for entity in result.best.tagger("سافرت أنغيلا ميركل إلى باريس ."):
            print(entity.label, entity.text, f"{entity.score:.2f}")


if __name__ == "__main__":
    main()

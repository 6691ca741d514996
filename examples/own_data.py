"""Search on files of your own, without target labels: `python examples/own_data.py en.conll ar.txt ar`.

en.conll: labelled English sentences, a token and its label per line; ar.txt: raw text, a sentence per line.
"""

import sys
from pathlib import Path

from msd_ray import run_search


def main(source: str, target_text: str, lang: str, **options: object) -> None:
    """Search, and tag the first lines of the text. options: of `python -m msd_ray.tune`."""
    result = run_search(lang, source=source, target_text=target_text, **options)
    print(f"{result.name}: selected and scored on English dev, because there are no target labels")
    if result.best is not None:
        for line in Path(target_text).read_text(encoding="utf-8").splitlines()[:3]:
            print(line, result.best.tagger(line))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Check that corpus files exist and can be read. Of test sets no label is kept."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from msd_ray.data.catalogue import dataset_named
from msd_ray.data.locate import find_file
from msd_ray.search.prepare import Data, read
from msd_ray.search.scored_files import check_scored_files

from .finding import Finding, passed, refusals, warned

NAME = "corpus"


def corpora_findings(data: Data) -> Iterator[Finding]:
    """Read all sentences of the source and one target language that a search and its final runs read."""

    def look() -> Iterator[Finding]:
        corpora = read(data)
        check_scored_files(data, corpora)
        counts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in corpora.counts.items())
        what = f"{data.dataset}, {data.direction}: {counts} sentences"
        if corpora.target.has_test:
            yield passed(NAME, what)
        elif not corpora.target.has_dev:
            yield warned(
                NAME,
                f"{what}; no target labels, so final runs are scored on source dev",
                "give --target-test or --target-dev, or report the scores as those of the source",
            )
        else:
            yield warned(
                NAME,
                f"{what}; no test file, so final runs are scored on dev",
                f"get the test file for {data.lang}, or report the scores as dev scores",
            )

    advice = "see docs/own-data.md" if data.own else "run `python -m msd_ray.data check`"
    yield from refusals(NAME, look, advice)


def corpus_files(dataset: str, langs: Sequence[str], directory: Path | None) -> tuple[Path, ...]:
    """Training and dev files of source and target languages; empty without a directory."""
    entry = dataset_named(dataset)
    if directory is None or entry.embedded or not directory.is_dir():
        return ()
    wanted = [(lang, split) for lang in langs for split in ("train", "dev")]
    found = [find_file(entry, lang, split, directory) for lang, split in wanted]  # type: ignore[arg-type]
    return tuple(path.absolute() for path in found if path is not None)

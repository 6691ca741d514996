"""What is there of a data set, counted and held against the paper's Table 1."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .bio import EntityCount, count_entities
from .catalogue import SPLITS, Counts, Dataset, Split
from .load import subset
from .locate import check_language, find_file, languages_on_disk, nothing_below
from .read import read_labelled

Verdict = Literal["match", "MISMATCH", "sampled", "no counts", "not there"]


@dataclass(frozen=True, kw_only=True)
class SplitCount:
    """One language and split: what was found (`None`: no file) and what Table 1 says (`None`: nothing).

    `sentences` leaves `-DOCSTART-` lines out; `documents` is how many of them there are. `sampled_from` is how
    many sentences the test file has, where the test set is a sample of it.
    """

    lang: str
    split: Split
    expected: Counts | None
    sentences: int | None = None
    documents: int = 0
    entities: EntityCount | None = None
    sampled_from: int | None = None

    @property
    def verdict(self) -> Verdict:
        """How found and expected compare.

        Table 1 counts `-DOCSTART-` lines as sentences; copies without these lines match, too. It counts
        entities that begin with `B-`; a file whose entities come out right by conlleval's rule matches, too.
        A sample's entities differ from the paper's sample, so only its size is held against Table 1.
        """
        if self.sentences is None or self.entities is None:
            return "not there"
        if self.expected is None:
            return "no counts"
        if self.sampled_from is not None:
            return "sampled" if self.sentences == self.expected.sentences else "MISMATCH"
        sentences_match = self.sentences == self.expected.sentences - self.expected.documents and self.documents in (
            self.expected.documents,
            0,
        )
        entities_match = self.expected.entities in (self.entities.begin_b, self.entities.total)
        return "match" if sentences_match and entities_match else "MISMATCH"


def take_stock(dataset: Dataset, data_dir: Path | None, langs: tuple[str, ...] = ()) -> Iterator[SplitCount]:
    """Count every split of the given languages; without any, the catalogue's and all others on disk.

    Without a data directory the files come from the hub, if the data set is there.

    Raises:
        UserError: as the loaders do; also when a data directory holds nothing of the data set.

    """
    for lang in langs:
        check_language(dataset, lang, data_dir)
    on_disk: tuple[str, ...] = ()
    if data_dir is not None and not dataset.embedded:
        on_disk = languages_on_disk(dataset, data_dir)
        if not on_disk:
            raise nothing_below(dataset, data_dir)
    for lang in langs or dict.fromkeys([*dataset.languages, *on_disk]):
        for split in SPLITS:
            yield _count(dataset, lang, split, data_dir)


def _count(dataset: Dataset, lang: str, split: Split, data_dir: Path | None) -> SplitCount:
    expected = dataset.counts.get((lang, split))
    if not (dataset.embedded or data_dir is None or find_file(dataset, lang, split, data_dir)):
        return SplitCount(lang=lang, split=split, expected=expected)
    found = read_labelled(dataset, lang, split, data_dir)
    sentences = subset(found.sentences, dataset.test_sample if split == "test" else None)
    return SplitCount(
        lang=lang,
        split=split,
        expected=expected,
        sentences=len(sentences),
        documents=found.documents,
        entities=count_entities(sentences),
        sampled_from=len(found.sentences) if len(sentences) < len(found.sentences) else None,
    )

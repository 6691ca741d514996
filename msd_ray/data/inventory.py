"""Count the files of a data set and compare the counts with Table 1 of the paper."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .bio import EntityCount, count_entities
from .catalogue import SPLITS, Counts, Dataset, Split
from .load import read_labelled, subset
from .locate import check_language, find_file, languages_on_disk, nothing_below, require_any_file, unpack_commands

Verdict = Literal["match", "MISMATCH", "sampled", "no counts", "not there"]


@dataclass(frozen=True, kw_only=True)
class SplitCount:
    """Counts of one language and split.

    Args:
        lang: language code.
        split: train, dev or test.
        expected: counts in Table 1; None if it has none.
        sentences: sentences found, without `-DOCSTART-` lines; None if there is no file.
        documents: `-DOCSTART-` lines found.
        entities: entities found; None if there is no file.
        sampled_from: sentences in the test file, if the test set is a sample of it.
        notes: how the file was read, where that is not as UTF-8; or how to unpack it.
    """

    lang: str
    split: Split
    expected: Counts | None
    sentences: int | None = None
    documents: int = 0
    entities: EntityCount | None = None
    sampled_from: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Result of comparing found and expected counts.

        Table 1 counts the `-DOCSTART-` lines of CoNLL en and de as sentences, but not those of nl; copies with other
        numbers of these lines match, too. Entities match by their `B-` labels, by conlleval's rule, or if they are
        those of a known file. The entities of a sample differ from those of the paper's sample, so only its size is
        compared.
        """
        if self.sentences is None or self.entities is None:
            return "not there"
        if self.expected is None:
            return "no counts"
        if self.sampled_from is not None:
            return "sampled" if self.sentences == self.expected.sentences else "MISMATCH"
        sentences_match = self.sentences == self.expected.sentences - self.expected.documents
        entities = (self.expected.entities, *self.expected.other_entities)
        entities_match = any(count in entities for count in (self.entities.begin_b, self.entities.total))
        return "match" if sentences_match and entities_match else "MISMATCH"

    @property
    def differences(self) -> tuple[str, ...]:
        """In what a split that matches differs from Table 1, as sentences for people."""
        if self.expected is None or self.entities is None or self.verdict != "match":
            return ()
        found = []
        if self.documents != self.expected.documents:
            table = f"{self.expected.documents:,}" if self.expected.documents else "none"
            found.append(f"the same sentences; {self.documents:,} -DOCSTART- lines, Table 1 counts {table}")
        if self.expected.entities not in (self.entities.begin_b, self.entities.total):
            others = self.expected.other_entities
            found.append(others.get(self.entities.total) or others[self.entities.begin_b])
        elif self.expected.entities != self.entities.begin_b:
            found.append(f"the same entities, {self.entities.begin_i:,} of which begin with I-")
        elif self.entities.begin_i:
            found.append(
                f"the same entities; {self.entities.begin_i:,} more, which begin with I-, Table 1 does not count"
            )
        return tuple(found)


def count_splits(dataset: Dataset, data_dir: Path | None, langs: tuple[str, ...] = ()) -> Iterator[SplitCount]:
    """Count every split of the given languages; by default the catalogue's and all others on disk.

    Without a data directory the files are downloaded from the Hub, if it has the data set.

    Raises:
        UserError: as the loaders; also if the data directory contains nothing of the data set, or nothing of a given
            language.
    """
    for lang in langs:
        check_language(dataset, lang, data_dir)
        if data_dir is not None and not dataset.embedded:
            require_any_file(dataset, lang, data_dir)
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
        packed = unpack_commands(dataset, lang, (split,), data_dir)
        notes = tuple(f"the file is compressed, unpack it: {command}" for command in packed)
        return SplitCount(lang=lang, split=split, expected=expected, notes=notes)
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
        notes=found.notes,
    )

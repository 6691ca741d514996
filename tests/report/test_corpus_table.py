"""Table 1 from real files of known counts, and its notes on files that differ from the paper's."""

from pathlib import Path

import pytest

from msd_ray.data.bio import EntityCount
from msd_ray.data.catalogue import DATASETS, Split
from msd_ray.data.inventory import SplitCount, count_splits
from msd_ray.report.corpus_table import corpus_table
from msd_ray.report.table import Table


def found(
    lang: str,
    split: Split,
    sentences: int,
    begin_b: int,
    *,
    begin_i: int = 0,
    documents: int = 0,
    dataset: str = "conll",
) -> SplitCount:
    return SplitCount(
        lang=lang,
        split=split,
        expected=DATASETS[dataset].counts.get((lang, split)),
        sentences=sentences,
        documents=documents,
        entities=EntityCount(begin_b=begin_b, begin_i=begin_i),
    )


def line(table: Table, label: str, section: int = 0) -> list[str]:
    (row,) = (row for row in table.sections[section].rows if row.label == label)
    return [shown.text for shown in row.shown()]


def test_without_counts_every_cell_is_marked() -> None:
    table = corpus_table({})
    assert [len(section.rows) for section in table.sections] == [8, 8, 8]
    assert line(table, "German-de, entities") == [
        *("11,851", "not counted", "–"),
        *("4,833", "not counted", "–"),
        *("3,673", "not counted", "–"),
    ]
    assert {row.zero_shot for row in table.rows()} == {None}


def test_docstart_lines_count_as_the_paper_counts_them() -> None:
    whole = corpus_table({"conll": [found("de", "train", 12705 - 553, 11851, documents=553)]})
    assert line(whole, "German-de, sentences")[:3] == ["12,705", "12,705", "0"]
    assert len(whole.notes) == 1
    stripped = corpus_table({"conll": [found("de", "train", 12705 - 553, 11851)]})
    assert line(stripped, "German-de, sentences")[:3] == ["12,705", "12,152", "−553"]
    assert stripped.notes[1] == "conll de train: the same sentences; 0 -DOCSTART- lines, Table 1 counts 553."
    dutch = corpus_table({"conll": [found("nl", "train", 15806, 13344, documents=287)]})
    assert line(dutch, "Dutch-nl, sentences")[:3] == ["15,806", "15,806", "0"]
    assert dutch.notes[1] == "conll nl train: the same sentences; 287 -DOCSTART- lines, Table 1 counts none."


def test_other_files_are_called_that() -> None:
    table = corpus_table({"conll": [found("es", "dev", 1915, 4350, begin_i=2), found("nl", "dev", 100, 50)]})
    assert line(table, "Spanish-es, entities")[3:6] == ["4,351", "4,350", "−1"]
    assert [note for note in table.notes if "not the paper's files" in note] == [
        "conll es dev: these are not the paper's files.",
        "conll nl dev: these are not the paper's files.",
    ]
    table = corpus_table({"conll": [found("es", "dev", 1915, 4350, begin_i=1)]})
    assert "begin with I-" in table.notes[1]


def test_a_sample_of_the_test_file_is_called_one() -> None:
    sample = SplitCount(
        lang="ko",
        split="test",
        expected=DATASETS["mlowner"].counts["ko", "test"],
        sentences=10_000,
        entities=EntityCount(begin_b=16_000, begin_i=0),
        sampled_from=178_249,
    )
    table = corpus_table({"mlowner": [sample]})
    assert line(table, "Korean-ko, entities", 2)[6:] == ["16,308", "16,000", "−308"]
    assert "a random 10,000 of 178,249 sentences" in table.notes[1]


def test_languages_and_data_sets_that_the_paper_has_not_come_last() -> None:
    extra = SplitCount(lang="fi", split="dev", expected=None, sentences=7, entities=EntityCount(begin_b=3, begin_i=0))
    table = corpus_table({"sample": [], "mlowner": [extra]})
    assert [section.heading for section in table.sections] == [
        DATASETS[name].title for name in ("conll", "wikiann", "mlowner", "sample")
    ]
    assert line(table, "fi-fi, entities", 2) == ["–", "not counted", "–", "–", "3", "–", "–", "not counted", "–"]


@pytest.fixture
def two_sentences(tmp_path: Path) -> Path:
    text = "-DOCSTART- O\n\nAnn B-PER\nruns O\n\nRome B-LOC\nsleeps O\n"
    (tmp_path / "ned.train").write_text(text, encoding="latin-1")
    return tmp_path


def test_counts_come_from_the_files_themselves(two_sentences: Path) -> None:
    table = corpus_table({"conll": list(count_splits(DATASETS["conll"], two_sentences, ("nl",)))})
    assert line(table, "Dutch-nl, sentences")[:6] == ["15,806", "2", "−15,804", "2,895", "no file", "–"]
    assert line(table, "Dutch-nl, entities")[:3] == ["13,344", "2", "−13,342"]

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from msd_ray.data.bio import EntityCount
from msd_ray.data.catalogue import DATASETS, Counts
from msd_ray.data.inventory import SplitCount, count_splits

WriteFile = Callable[..., Path]
MULTICONER = Path(__file__).parents[3] / "shared" / "data" / "multiconer"
ENGLISH = DATASETS["conll"].counts["en", "dev"]


@pytest.mark.skipif(not MULTICONER.is_dir(), reason="needs ../shared/data/multiconer")
def test_multiconer_is_table_1() -> None:
    rows = list(count_splits(DATASETS["mlowner"], MULTICONER))
    found = {(row.lang, row.split) for row in rows if row.verdict == "match"}
    assert found == {(lang, split) for lang in ("en", "ko", "tr") for split in ("train", "dev")}
    assert {row.verdict for row in rows} == {"match", "not there"}
    tr = next(row for row in rows if (row.lang, row.split) == ("tr", "train"))
    assert (tr.sentences, tr.entities) == (15_300, EntityCount(23_305, 0))


@pytest.mark.parametrize(
    ("sentences", "documents", "begin_b", "begin_i", "verdict"),
    [
        (3250, 216, 5942, 0, "match"),
        (3250, 0, 5942, 0, "match"),  # a copy without -DOCSTART- lines
        (3466, 0, 5942, 0, "MISMATCH"),
        (3249, 216, 5942, 0, "MISMATCH"),
        (3250, 215, 5942, 0, "match"),  # a copy without its first -DOCSTART- line
        (3250, 217, 5942, 0, "match"),  # one more at the end
        (3250, 216, 5941, 0, "MISMATCH"),
        (3250, 216, 5942, 1, "match"),
        (3250, 216, 5941, 1, "match"),
    ],
)
def test_verdicts(sentences: int, documents: int, begin_b: int, begin_i: int, verdict: str) -> None:
    row = SplitCount(
        lang="en",
        split="dev",
        expected=ENGLISH,
        sentences=sentences,
        documents=documents,
        entities=EntityCount(begin_b, begin_i),
    )
    assert row.verdict == verdict


def test_documents_are_part_of_table_1() -> None:
    counts = DATASETS["conll"].counts
    assert counts["en", "train"] == Counts(14_987, 23_499, 946)
    assert {lang for (lang, _), count in counts.items() if count.documents} == {"en", "de"}
    # Sentences without -DOCSTART- lines, as every other reader of these files reports them.
    assert [counts["en", split].sentences - counts["en", split].documents for split in ("train", "dev", "test")] == [
        14_041,
        3_250,
        3_453,
    ]


def test_both_ways_of_counting(write: WriteFile, tmp_path: Path) -> None:
    write("eng.train", "-DOCSTART- -X- O O\n\na I-PER\nb B-PER\n\n-DOCSTART- -X- O O\nc O\n")
    write("zh/train", "zh:a\tI-PER\nzh:b\tB-PER\n\nzh:c\tB-LOC\n")
    row = next(iter(count_splits(DATASETS["conll"], tmp_path, ("en",))))
    assert (row.sentences, row.documents, row.entities) == (2, 2, EntityCount(2, 0))
    row = next(iter(count_splits(DATASETS["wikiann"], tmp_path, ("zh",))))
    assert row.entities == EntityCount(begin_b=2, begin_i=1)


def test_a_sampled_test_set(write: WriteFile, tmp_path: Path) -> None:
    write("ru_test.conll", "".join(f"# id {i}\nw{i} _ _ B-PER\n\n" for i in range(30)))
    smaller = dataclasses.replace(DATASETS["mlowner"], test_sample=10, counts={("ru", "test"): Counts(10, 15)})
    *_, row = count_splits(smaller, tmp_path, ("ru",))
    assert (row.sentences, row.sampled_from, row.verdict) == (10, 30, "sampled")
    assert row.entities == EntityCount(10, 0)


def test_other_languages_on_disk_are_counted_too(write: WriteFile, tmp_path: Path) -> None:
    write("train-sw.tsv", "a\tB-PER\n")
    write("panx/yo/dev.tsv", "a\tB-PER\n")
    write("wikiann/zh-yue/test", "zh-yue:a\tB-PER\n")
    rows = list(count_splits(DATASETS["wikiann"], tmp_path))
    assert list(dict.fromkeys(row.lang for row in rows)) == ["en", "ar", "hi", "zh", "sw", "yo", "zh-yue"]
    found = [(row.lang, row.split, row.verdict) for row in rows if row.sentences]
    assert found == [("sw", "train", "no counts"), ("yo", "dev", "no counts"), ("zh-yue", "test", "no counts")]

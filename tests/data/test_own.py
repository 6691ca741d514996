"""A user's own files: labelled source sentences in any form and scheme, raw target text, and what is missing."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from msd_ray.common.errors import UserError
from msd_ray.data.label_schemes import bio2_labels
from msd_ray.data.own import load_own_scored, load_own_source, load_own_source_dev, load_own_target
from msd_ray.data.own_files import OwnFiles

WriteFile = Callable[..., Path]

LABELS = ("O", "B-DISEASE", "I-DISEASE", "B-DRUG", "I-DRUG")
SENTENCE = "Aspirin NN S-DRUG\ncures VB O\nheart NN B-DISEASE\nfailure NN E-DISEASE\n\n"
IN_BIO2 = ("B-DRUG", "O", "B-DISEASE", "I-DISEASE")


@pytest.fixture
def files(write: WriteFile) -> OwnFiles:
    source = "".join(SENTENCE.replace("cures", f"cures{number}") for number in range(40))
    return OwnFiles(source=(write("en.conll", source),), target_text=write("ar.txt", "يعالج الأسبرين القلب.\nنعم.\n"))


def with_part(files: OwnFiles, part: str, path: Path) -> OwnFiles:
    given: dict[str, Any] = {part: (path,) if part == "source" else path}
    return replace(files, **given)


def test_source_and_raw_text_are_enough(files: OwnFiles) -> None:
    source = load_own_source(files, "en")
    assert source.labels == LABELS
    assert (len(source.train), len(source.dev)) == (36, 4)
    assert {sentence.labels for sentence in (*source.train, *source.dev)} == {IN_BIO2}
    assert len({sentence.tokens for sentence in (*source.train, *source.dev)}) == 40
    assert source.notes == (
        "en.conll: labels in IOBES, converted to BIO2",
        "source dev: 4 of 40 sentences of en.conll, a fixed random tenth, held out",
    )
    assert load_own_source(files, "en") == source
    assert load_own_source(files, "en", limit=5).dev == source.dev
    target = load_own_target(files, "ar", source.labels, dev=False)
    assert [text.tokens for text in target.train] == [("يعالج", "الأسبرين", "القلب", "."), ("نعم", ".")]
    assert (target.has_test, target.has_dev, target.word_rule) == (False, False, "unicode")
    assert target.notes == ("ar.txt: raw text, split into words by the rules of Unicode",)


def test_without_target_labels_final_runs_are_scored_on_source_dev(files: OwnFiles) -> None:
    scored = load_own_scored(files, "ar", LABELS, source="en")
    assert (scored.split, scored.lang, scored.sentences) == ("dev", "source", load_own_source(files, "en").dev)
    assert load_own_source_dev(files, "en") == scored


def test_the_source_that_is_scored_may_have_its_language_before_every_token(files: OwnFiles, write: WriteFile) -> None:
    source = re.sub(r"^(?=.)", "de:", files.source[0].read_text(encoding="utf-8"), flags=re.MULTILINE)
    german = replace(files, source=(write("de.conll", source),))
    scored = load_own_scored(german, "ar", LABELS, source="de")
    assert scored.sentences == load_own_source(files, "en").dev


def test_target_labels_where_there_are_some(files: OwnFiles, write: WriteFile) -> None:
    dev, test = write("dev.tsv", "دواء\tB-DRUG\n"), write("test.conll", "مرض x I-DISEASE\n")
    with_dev = replace(files, target_dev=dev)
    assert load_own_target(with_dev, "ar", LABELS).dev[0].labels == ("B-DRUG",)
    assert load_own_target(with_dev, "ar", LABELS, dev=False).dev == ()
    scored = load_own_scored(with_dev, "ar", LABELS, source="en")
    assert (scored.split, scored.lang, scored.sentences[0].tokens) == ("dev", "target", ("دواء",))
    scored = load_own_scored(replace(with_dev, target_test=test), "ar", LABELS, source="en")
    assert (scored.split, scored.lang, scored.sentences[0].labels) == ("test", "target", ("B-DISEASE",))


def test_a_dev_file_of_the_source(files: OwnFiles, write: WriteFile) -> None:
    dev = write("dev.jsonl", json.dumps({"tokens": ["Aspirin"], "ner_tags": ["I-DRUG"]}))
    source = load_own_source(replace(files, source_dev=dev), "en")
    assert (len(source.train), source.dev[0].labels) == (40, ("B-DRUG",))
    assert source.notes[1:] == ("dev.jsonl: labels in IOB1, converted to BIO2",)


def test_a_directory_as_source(files: OwnFiles, write: WriteFile) -> None:
    write("en/train.conll", SENTENCE)
    with pytest.raises(UserError, match=r"train\.conll: 1 sentences are too few to hold out a tenth.*--source-dev"):
        load_own_source(replace(files, source=(files.source[0].parent / "en",)), "en")
    write("en/validation.conll", SENTENCE)
    source = load_own_source(replace(files, source=(files.source[0].parent / "en",)), "en")
    assert [Path(name).name for name in source.files] == ["train.conll", "validation.conll"]
    write("en/train-00001-of-00002.parquet", "")
    with pytest.raises(UserError, match=r"more than one file could be meant: train-00001.*train\.conll"):
        load_own_source(replace(files, source=(files.source[0].parent / "en",)), "en")
    (files.source[0].parent / "empty").mkdir()
    with pytest.raises(UserError, match=r"--source .*empty: no training file"):
        load_own_source(replace(files, source=(files.source[0].parent / "empty",)), "en")


def test_several_sources_are_one_corpus_in_their_order(files: OwnFiles, write: WriteFile) -> None:
    more = write("more.tsv", "flu\tB-VIRUS\nhit\tO\nParis\tB-CITY\n\n" * 2)
    files = replace(files, source=(*files.source, more))
    dev = write("dev.conll", "heart B-DISEASE\n\nParis B-CITY\n")
    source = load_own_source(replace(files, source_dev=dev), "en")
    assert source.labels == bio2_labels(("CITY", "DISEASE", "DRUG", "VIRUS"))
    assert [len(sentence.tokens) for sentence in source.train] == [4] * 40 + [3] * 2
    assert [Path(name).name for name in source.files] == ["en.conll", "more.tsv", "dev.conll"]
    assert source.notes == ("en.conll: labels in IOBES, converted to BIO2",)
    held_out = load_own_source(files, "en")
    assert (len(held_out.train), len(held_out.dev)) == (38, 4)
    assert held_out.notes[-1].startswith("source dev: 4 of 42 sentences of en.conll, more.tsv, a fixed random tenth")


def test_directories_among_several_sources_have_their_dev_files(files: OwnFiles, write: WriteFile) -> None:
    write("de/train.conll", "Grippe B-VIRUS\n")
    dev = write("de/dev.conll", "Grippe B-VIRUS\n\nHerz B-DRUG\n")
    source = load_own_source(replace(files, source=(*files.source, dev.parent)), "en")
    assert (len(source.train), len(source.dev)) == (41, 2)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("flu\tVIRUS\n", r"^\S*more\.tsv:1: unknown label 'VIRUS'"),
        ("flu\tO\n", r"^\S*more\.tsv: every label is O"),
    ],
)
def test_errors_name_the_file_among_several(files: OwnFiles, write: WriteFile, text: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        load_own_source(replace(files, source=(*files.source, write("more.tsv", text))), "en")


def test_entity_types_of_dev_are_those_of_all_sources(files: OwnFiles, write: WriteFile) -> None:
    sources = (*files.source, write("more.tsv", "flu\tB-VIRUS\n"))
    given = replace(files, source=sources, source_dev=write("x.conll", "Paris B-CITY\n"))
    with pytest.raises(UserError, match=r"x\.conll:1: entity type CITY does not occur in \S*en\.conll, \S*more\.tsv, "):
        load_own_source(given, "en")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ar.conll", "مرض\tB-garbage\nهنا\tO\n"),
        ("ar.tsv", "مرض\nهنا\n"),
        ("ar.jsonl", '{"tokens": ["مرض", "هنا"], "ner_tags": [1, "garbage"]}\n'),
    ],
)
def test_labels_of_target_text_are_not_read(files: OwnFiles, write: WriteFile, name: str, text: str) -> None:
    target = load_own_target(replace(files, target_text=write(name, text)), "ar", LABELS, dev=False)
    assert [found.tokens for found in target.train] == [("مرض", "هنا")]
    assert (target.word_rule, target.notes) == ("blanks", (f"{name}: only tokens were read",))


def test_target_text_in_characters(files: OwnFiles, write: WriteFile) -> None:
    text = write("zh.conll", "".join(f"{character}\tO\n" for character in "他在北京大学"))
    assert load_own_target(replace(files, target_text=text), "zh", LABELS, dev=False).word_rule == "characters"


@pytest.mark.parametrize(
    ("part", "text", "complaint"),
    [
        ("source", "Aspirin DRUG\n", r"x\.conll:1: unknown label 'DRUG'"),
        ("source", "Aspirin O\n", r"x\.conll: every label is O"),
        ("source", "Aspirin\n", r"x\.conll:1: expected a row 'token \.\.\. label'"),
        ("source", "a O\n" * 2001, r"x\.conll:1: a sentence of 2,001 words; at most 2,000 .* empty line"),
        ("source", "a\tB-DRUG\n\tO\n", r"x\.conll:1: a sentence with an empty word"),
        (
            "source_dev",
            "a O\nflu B-VIRUS\n",
            r"x\.conll:2: entity type VIRUS does not occur in .*en\.conll, which has D",
        ),
        ("target_dev", "a U-DRUG\nflu U-VIRUS\n", r"x\.conll:2: entity type VIRUS .* DISEASE, DRUG\. Map it"),
        ("target_text", "", r"x\.conll: contains no sentence"),
        ("target_text", "a\n" * 2001, r"x\.conll, sentence 1: a sentence of 2,001 words"),
    ],
)
def test_malformed_files(files: OwnFiles, write: WriteFile, part: str, text: str, complaint: str) -> None:
    given = with_part(files, part, write("x.conll", text))
    with pytest.raises(UserError, match=complaint):
        load_own_target(given, "ar", load_own_source(given, "en").labels, dev=given.target_dev is not None)


@pytest.mark.parametrize("part", ["source", "source_dev", "target_text", "target_dev", "target_test"])
def test_files_that_there_are_not(files: OwnFiles, part: str) -> None:
    given = with_part(files, part, Path("/nowhere/x.conll"))
    with pytest.raises(UserError, match=r"^/nowhere/x\.conll: "):
        load_own_target(given, "ar", load_own_source(given, "en").labels, dev=given.target_dev is not None)


def test_the_test_file_is_not_opened(files: OwnFiles, write: WriteFile) -> None:
    given = replace(files, target_test=write("test.conll", "a NONSENSE\n"))
    assert load_own_target(given, "ar", load_own_source(given, "en").labels, dev=False).has_test
    with pytest.raises(UserError, match=r"test\.conll:1: unknown label 'NONSENSE'"):
        load_own_scored(given, "ar", LABELS, source="en")


def test_selection_on_the_target_needs_its_labels(files: OwnFiles) -> None:
    with pytest.raises(UserError, match=r"Give --target-dev, or --select-on source"):
        load_own_target(files, "ar", LABELS)

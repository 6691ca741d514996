"""The sample corpus: what its ten languages and three splits promise, and how a faulty file is refused."""

import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import yaml

from msd_ray.corpora.sample import SAMPLE_LANGUAGES, SPLIT_SIZES, generate, sample_sentences
from msd_ray.corpora.sample.generate import ENTITY_TYPES, SampleText, entity_type, generate_split, read_sample_text
from msd_ray.corpora.sentences import Sentence
from msd_ray.errors import UserError

DIRECTORY = Path(generate.__file__).parent
SPLITS = tuple(SPLIT_SIZES)
each_language = pytest.mark.parametrize("lang", SAMPLE_LANGUAGES)
each_split = pytest.mark.parametrize("split", SPLITS)


@cache
def text_of(lang: str) -> SampleText:
    return read_sample_text(DIRECTORY / f"{lang}.yaml")


def names_of(text: SampleText, split: str, joiner: str = " ") -> set[tuple[str, str]]:
    slots = text.split(split).slots
    pairs = {(entity_type(slot), name) for slot, forms in slots.items() for name in forms}
    return {(label, joiner.join(name.split())) for label, name in pairs if label is not None}


def entities(sentence: Sentence, joiner: str = " ") -> list[tuple[str, str]]:
    """(type, surface form) of each entity, read off by a plain walk; fails on labels that are not BIO2."""
    found: list[tuple[str, list[str]]] = []
    previous = "O"
    for token, label in zip(sentence.tokens, sentence.labels, strict=True):
        prefix, _, kind = label.partition("-")
        if prefix == "B":
            found.append((kind, [token]))
        elif prefix == "I":
            assert previous in (f"B-{kind}", f"I-{kind}"), sentence
            found[-1][1].append(token)
        else:
            assert label == "O"
        assert label == "O" or kind in ENTITY_TYPES
        previous = label
    return [(kind, joiner.join(tokens)) for kind, tokens in found]


def test_the_ten_languages_have_a_file_each() -> None:
    assert set(SAMPLE_LANGUAGES) == {"en", "de", "es", "nl", "ar", "hi", "zh", "ko", "ru", "tr"}
    assert {path.stem for path in DIRECTORY.glob("*.yaml")} == set(SAMPLE_LANGUAGES)
    assert {text_of(lang).language for lang in SAMPLE_LANGUAGES} == set(SAMPLE_LANGUAGES)


@each_language
@each_split
def test_size_and_no_sentence_twice(lang: str, split: str) -> None:
    sentences = sample_sentences(lang, split)
    assert len(sentences) == SPLIT_SIZES[split] >= {"train": 800, "dev": 200, "test": 400}[split]
    assert len({sentence.tokens for sentence in sentences}) == len(sentences)


@each_language
def test_no_test_sentence_stands_in_train_or_dev(lang: str) -> None:
    texts = {split: {sentence.tokens for sentence in sample_sentences(lang, split)} for split in SPLITS}
    assert not texts["test"] & (texts["train"] | texts["dev"])
    assert not texts["dev"] & texts["train"]


@each_language
def test_generating_twice_gives_the_same(lang: str) -> None:
    for split in SPLITS:
        first = sample_sentences(lang, split)
        generate.sample_sentences.cache_clear()
        generate._sample_text.cache_clear()
        second = sample_sentences(lang, split)
        assert second is not first
        assert second == first


@each_language
@each_split
def test_labels_are_bio2_and_every_name_is_used(lang: str, split: str) -> None:
    text = text_of(lang)
    found = {entity for sentence in sample_sentences(lang, split) for entity in entities(sentence, text.joiner)}
    # Tokens of a language without spaces are joined without them, and so are the names' words.
    assert found == names_of(text, split, text.joiner)


@each_language
@each_split
def test_types_in_proportion(lang: str, split: str) -> None:
    sentences = sample_sentences(lang, split)
    counts = Counter(kind for sentence in sentences for kind, _ in entities(sentence))
    for kind in ENTITY_TYPES:
        assert 0.2 <= counts[kind] / counts.total() <= 0.5, counts
    assert 1.0 <= counts.total() / len(sentences) <= 2.5


@each_language
@each_split
def test_sentences_without_an_entity(lang: str, split: str) -> None:
    sentences = sample_sentences(lang, split)
    free = sum(set(sentence.labels) == {"O"} for sentence in sentences)
    assert 0.08 <= free / len(sentences) <= 0.20


@each_language
@each_split
def test_lengths(lang: str, split: str) -> None:
    lengths = [len(sentence.tokens) for sentence in sample_sentences(lang, split)]
    low, high = (12, 30) if lang == "zh" else (7, 16)
    assert low <= sum(lengths) / len(lengths) <= high
    assert min(lengths) <= 4 if lang != "zh" else min(lengths) <= 8
    assert max(lengths) >= 14


@each_language
@each_split
def test_patterns_are_used_about_equally_often(lang: str, split: str) -> None:
    patterns = text_of(lang).split(split).patterns
    assert len(patterns) >= {"train": 70, "dev": 34, "test": 44}[split]
    # What is left of a sentence without its entities; no such frame may make up much of a split.
    frames = Counter(
        tuple(token for token, label in zip(s.tokens, s.labels, strict=True) if label == "O")
        for s in sample_sentences(lang, split)
    )
    assert max(frames.values()) <= 3 * SPLIT_SIZES[split] / len(patterns)


@each_language
def test_splits_share_no_pattern_and_few_names(lang: str) -> None:
    text = text_of(lang)
    for one, other in (("train", "dev"), ("train", "test"), ("dev", "test")):
        assert not set(text.split(one).patterns) & set(text.split(other).patterns)
        shared = names_of(text, one) & names_of(text, other)
        assert len(shared) <= 0.1 * min(len(names_of(text, one)), len(names_of(text, other))), shared


@each_language
@each_split
def test_gazetteers_are_large_enough(lang: str, split: str) -> None:
    counts = Counter(kind for kind, _ in names_of(text_of(lang), split))
    assert min(counts[kind] for kind in ENTITY_TYPES) >= {"train": 80, "dev": 40, "test": 50}[split], counts


@each_language
@each_split
def test_no_name_is_left_unlabelled_by_its_pattern(lang: str, split: str) -> None:
    """Names in a pattern's fixed text would be labelled O (fillers may be: a film's title is no place)."""
    text = text_of(lang)
    fixed = " ".join(re.sub(r"\{[^}]*\}", "|", pattern) for pattern in text.split(split).patterns)
    # A short name may also be a common word ("Zeit", "गया") or, without spaces between words, a part of one.
    names = {name for _, name in names_of(text, split) if (" " in name if text.joiner else len(name) > 2)}
    assert names
    assert not [name for name in names if name in fixed]


def test_chinese_tokens_are_characters_or_latin_runs() -> None:
    token = re.compile(r"[A-Za-z0-9]+(?:[.'&-][A-Za-z0-9]+)*|\S")
    tokens = {token for split in SPLITS for sentence in sample_sentences("zh", split) for token in sentence.tokens}
    assert all(token.fullmatch(item) for item in tokens)
    assert sum(len(item) == 1 for item in tokens) > 500


def test_unknown_language_and_split() -> None:
    with pytest.raises(UserError, match="no language 'fr'; it has en, de,"):
        sample_sentences("fr", "train")
    with pytest.raises(UserError, match="no split 'valid'; it has train, dev, test"):
        sample_sentences("en", "valid")


def small_text() -> dict[str, dict[str, dict[str, object]]]:
    def split() -> dict[str, object]:
        return {
            "slots": {
                "PER": ["Ada Lovelace", "Alan Turing"],
                "LOC": ["York", "Bath"],
                "ORG": ["IBM"],
                "LOC.river": ["Nile"],
                "YEAR": ["1900", "1910"],
            },
            "patterns": ["{PER} met {PER} in {LOC} .", "{ORG} left {LOC.river} in {YEAR} ."],
        }

    document: dict[str, object] = {"language": "en", "joiner": " "}
    document["splits"] = {name: split() for name in SPLITS}
    return document  # type: ignore[return-value]


def write(directory: Path, document: object) -> Path:
    path = directory / "xx.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def test_filling_a_small_text(tmp_path: Path) -> None:
    text = read_sample_text(write(tmp_path, small_text()))
    sentences = generate_split(text, "dev", 6)
    assert set(sentences) == {
        Sentence(
            (*a.split(), "met", *b.split(), "in", place, "."),
            ("B-PER", "I-PER", "O", "B-PER", "I-PER", "O", "B-LOC", "O"),
        )
        for a, b in (("Ada Lovelace", "Alan Turing"), ("Alan Turing", "Ada Lovelace"))
        for place in ("York", "Bath")
    } | {
        Sentence(("IBM", "left", "Nile", "in", year, "."), ("B-ORG", "O", "B-LOC", "O", "O", "O"))
        for year in ("1900", "1910")
    }


def test_more_sentences_than_the_text_can_give(tmp_path: Path) -> None:
    text = read_sample_text(write(tmp_path, small_text()))
    with pytest.raises(UserError, match=r"en\.yaml: splits\.dev: only 6 different sentences of 7"):
        generate_split(text, "dev", 7)


def test_a_text_without_spaces_is_cut_into_characters(tmp_path: Path) -> None:
    document = small_text()
    document["joiner"] = ""  # type: ignore[assignment]
    document["splits"]["dev"] = {
        "slots": {"PER": ["史蒂夫·乔布斯"], "LOC": ["北京"], "ORG": ["AT&T公司"]},
        "patterns": ["{PER}于1998年到{LOC}，{ORG}。"],
    }
    (sentence,) = generate_split(read_sample_text(write(tmp_path, document)), "dev", 1)
    assert sentence.tokens == (*"史蒂夫·乔布斯于", "1998", *"年到北京，", "AT&T", *"公司。")
    assert sentence.labels == (
        "B-PER",
        *["I-PER"] * 6,
        *["O"] * 4,
        "B-LOC",
        "I-LOC",
        "O",
        "B-ORG",
        "I-ORG",
        "I-ORG",
        "O",
    )


Change = Callable[[dict[str, dict[str, dict[str, object]]]], object]
FAULTS: dict[str, tuple[Change, str]] = {
    "no dev split": (lambda d: d["splits"].pop("dev"), r"splits\.dev: Field required"),
    "a number for a year": (
        lambda d: d["splits"]["test"]["slots"].update(YEAR=[1900]),  # type: ignore[attr-defined]
        r"splits\.test\.slots\.YEAR\.0: Input should be a valid string \(got 1900",
    ),
    "an unknown slot": (
        lambda d: d["splits"]["train"].update(patterns=["{PER} {CITY}"]),
        r"splits\.train\.patterns: '\{PER\} \{CITY\}': the split has no slot CITY",
    ),
    "a broken placeholder": (
        lambda d: d["splits"]["train"].update(patterns=["{PER in {LOC}"]),
        r"splits\.train\.patterns: .*: a placeholder is \{SLOT\}",
    ),
    "two spaces": (
        lambda d: d["splits"]["train"].update(patterns=["{PER}  in {LOC}"]),
        r"splits\.train\.patterns: .*single spaces",
    ),
    "an unused slot": (
        lambda d: d["splits"]["train"].update(patterns=["{PER} in {LOC} {ORG} {LOC.river}"]),
        r"splits\.train\.slots: no pattern uses YEAR",
    ),
    "too few forms": (
        lambda d: d["splits"]["train"].update(patterns=["{ORG} and {ORG}"]),
        r"splits\.train\.patterns: .*: ORG stands there more often than it has forms",
    ),
    "a pattern twice": (
        lambda d: d["splits"]["train"].update(patterns=["{ORG} ."] * 2),
        r"splits\.train\.patterns: a pattern stands there twice",
    ),
    "a form twice": (
        lambda d: d["splits"]["train"]["slots"].update(ORG=["IBM", "IBM"]),  # type: ignore[attr-defined]
        r"splits\.train\.slots\.ORG: needs at least one form and none twice",
    ),
    "no organisations": (
        lambda d: d["splits"]["train"]["slots"].pop("ORG"),  # type: ignore[attr-defined]
        r"splits\.train\.slots: no slot of type ORG",
    ),
    "a slot in lower case": (
        lambda d: d["splits"]["train"]["slots"].update(org=["IBM"]),  # type: ignore[attr-defined]
        r"splits\.train\.slots\.org: a slot's name is upper case",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_file_is_named_with_its_key(fault: str, tmp_path: Path) -> None:
    document = small_text()
    change, message = FAULTS[fault]
    change(document)
    with pytest.raises(UserError, match=rf"xx\.yaml: {message}"):
        read_sample_text(write(tmp_path, document))


def test_a_missing_file_and_no_yaml(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"xx\.yaml: no such file"):
        read_sample_text(tmp_path / "xx.yaml")
    (tmp_path / "xx.yaml").write_text("splits: [", encoding="utf-8")
    with pytest.raises(UserError, match=r"xx\.yaml: not valid YAML"):
        read_sample_text(tmp_path / "xx.yaml")

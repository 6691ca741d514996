"""The catalogue of data sets: languages, labels, source, licence, file names, counts of Table 1."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Literal

from msd_ray.common.errors import UserError

from .sample import SAMPLE_LANGUAGES

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")

LANGUAGE_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "ar": "Arabic",
        "de": "German",
        "en": "English",
        "es": "Spanish",
        "hi": "Hindi",
        "ko": "Korean",
        "nl": "Dutch",
        "ru": "Russian",
        "tr": "Turkish",
        "zh": "Chinese",
    }
)

OWN = "own"
"""Name of the data set of a user's own files, which is not in the catalogue."""

DEFAULT_SOURCE = "en"
"""The source language of a search that names none."""

SHOWN = 30
"""Languages that a message lists."""
# A language code becomes part of a path, so it must not contain anything that could leave the data directory.
_LANGUAGE_CODE = re.compile(r"[a-z]{2,}(-[a-z]+)*")


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of one language and split in Table 1 of the paper.

    Args:
        sentences: number of sentences, `-DOCSTART-` lines included.
        entities: number of entities.
        documents: number of `-DOCSTART-` lines among the sentences ("articles" in CoNLL-2003's own Table 1).
        other_entities: number of entities of known files that differ from Table 1, and why they do.
    """

    sentences: int
    entities: int
    documents: int = 0
    other_entities: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A catalogue entry.

    Args:
        name: value of `--dataset`.
        title: name in listings.
        languages: codes of the languages in the paper.
        entity_types: in the order of the class indices.
        homepage: where the corpus is available.
        licence: terms of use.
        formats: file formats, for listings.
        more_languages: codes of its other languages.
        other_languages: whether languages of neither list are accepted: none, or those found on disk.
        folders: subdirectories of the data directory that are searched too.
        patterns: file paths below the data directory or one of `folders`, in order of preference. `{lang}` and
            `{LANG}` stand for the language code, `{prefix}` for its entry in `prefixes`, and `*` matches anything
            within one path segment.
        prefixes: language codes to file name prefixes.
        embedded: whether the corpus is part of this package and has no files.
        separator: column separator of text files.
        ragged: whether rows of text files may differ in their number of columns.
        latin_1: whether text files may be in Latin-1 or Windows-1252.
        stray_lines: largest share of lines (in Parquet of sentences) that may contain control characters or U+FFFD.
        hub_repository: repository on the Hugging Face Hub, if any.
        counts: counts of Table 1.
        test_sample: number of sentences sampled from the test file; None: all.
    """

    name: str
    title: str
    languages: tuple[str, ...]
    entity_types: tuple[str, ...]
    homepage: str
    licence: str
    formats: str
    more_languages: tuple[str, ...] = ()
    other_languages: Literal["none", "on disk"] = "none"
    folders: tuple[str, ...] = ()
    patterns: Mapping[Split, tuple[str, ...]] = field(default_factory=dict)
    prefixes: Mapping[str, str] = field(default_factory=dict)
    embedded: bool = False
    separator: Literal["tab", "blank"] = "blank"
    ragged: bool = False
    latin_1: bool = False
    stray_lines: float = 0.0
    hub_repository: str | None = None
    counts: Mapping[tuple[str, Split], Counts] = field(default_factory=dict)
    test_sample: int | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """`O`, then `B-` and `I-` of every entity type, in the catalogue's order."""
        return ("O", *(f"{prefix}-{kind}" for kind in self.entity_types for prefix in "BI"))

    def paths(self, lang: str, split: Split) -> tuple[str, ...]:
        """Path patterns of one language and split below a data directory, in order of preference."""
        values = {"lang": lang, "LANG": lang.upper(), "prefix": self.prefixes.get(lang, lang)}
        return tuple(dict.fromkeys(pattern.format(**values) for pattern in self.patterns.get(split, ())))


def _counts(
    table: Mapping[str, tuple[tuple[int, int], tuple[int, int], tuple[int, int]]],
    documents: Mapping[str, tuple[int, int, int]] | None = None,
    other_entities: Mapping[tuple[str, Split], Mapping[int, str]] | None = None,
) -> Mapping[tuple[str, Split], Counts]:
    counts = {}
    for lang, row in table.items():
        articles = (documents or {}).get(lang, (0, 0, 0))
        for split, (sentences, entities), article_count in zip(SPLITS, row, articles, strict=True):
            others = (other_entities or {}).get((lang, split), {})
            counts[lang, split] = Counts(sentences, entities, article_count, others)
    return MappingProxyType(counts)


_CONLL = Dataset(
    name="conll",
    title="CoNLL-2002 (es, nl) and CoNLL-2003 (en, de)",
    languages=("en", "de", "es", "nl"),
    entity_types=("PER", "ORG", "LOC", "MISC"),
    homepage="https://www.clips.uantwerpen.be/conll2003/ner/ and https://www.clips.uantwerpen.be/conll2002/ner/",
    licence="research only; CoNLL-2003's texts are the Reuters and ECI corpora's, under their own agreements",
    formats="`token ... TAG` a line, separated by blanks, IOB1 or BIO2, -DOCSTART- lines, Latin-1 or UTF-8",
    folders=("conll", "conll2002", "conll2003"),
    patterns={
        "train": ("{prefix}.train", "{lang}/{prefix}.train", "{lang}/train.txt", "{prefix}/train.txt"),
        "dev": (
            *("{prefix}.testa", "{lang}/{prefix}.testa", "{lang}/dev.txt", "{prefix}/dev.txt"),
            *("{lang}/valid.txt", "{prefix}/valid.txt"),
        ),
        "test": ("{prefix}.testb", "{lang}/{prefix}.testb", "{lang}/test.txt", "{prefix}/test.txt"),
    },
    prefixes={"en": "eng", "de": "deu", "es": "esp", "nl": "ned"},
    ragged=True,  # some rows of CoNLL-2003 German lack a column
    latin_1=True,
    counts=_counts(
        {
            "en": ((14987, 23499), (3466, 5942), (3684, 5648)),
            "de": ((12705, 11851), (3068, 4833), (3160, 3673)),
            "es": ((8323, 18798), (1915, 4351), (1517, 3558)),
            "nl": ((15806, 13344), (2895, 2616), (5195, 3941)),
        },
        documents={"en": (946, 216, 231), "de": (553, 201, 155)},
        other_entities={("es", "train"): {18797: "a copy in which the one entity that begins with I- was changed"}},
    ),
)

_WIKIANN_LANGUAGES = (
    "ace af als am an ang arc arz as ast ay az ba bar bat-smg be be-x-old bg bh bn bo br bs ca cbk-zam cdo ce ceb "
    "ckb co crh cs csb cv cy da de diq dv el eml eo es et eu ext fa fi fiu-vro fo fr frr fur fy ga gan gd gl gn "
    "gu hak he hr hsb hu hy ia id ig ilo io is it ja jbo jv ka kk km kn ko ksh ku ky la lb li lij lmo ln lt lv "
    "map-bms mg mhr mi min mk ml mn mr ms mt mwl my mzn nap nds ne nl nn no nov oc or os pa pdc pl pms pnb ps pt "
    "qu rm ro ru rw sa sah scn sco sd sh si simple sk sl so sq sr su sv sw szl ta te tg th tk tl tr tt ug uk ur "
    "uz vec vep vi vls vo wa war wuu xmf yi yo zea zh-classical zh-min-nan zh-yue"
)
"""Codes of Rahimi et al.'s 176 languages besides those of the paper: those of Wikipedia."""

_WIKIANN = Dataset(
    name="wikiann",
    title="WikiAnn, balanced splits of Rahimi et al. (2019), also known as PAN-X",
    languages=("en", "ar", "hi", "zh"),
    more_languages=tuple(_WIKIANN_LANGUAGES.split()),
    other_languages="on disk",
    entity_types=("PER", "ORG", "LOC"),
    homepage="https://huggingface.co/datasets/unimelb-nlp/wikiann",
    licence="none stated; Wikipedia text (CC BY-SA)",
    formats="`lang:token<TAB>TAG` or `token<TAB>TAG` a line, BIO2, UTF-8; or the hub's Parquet",
    folders=("wikiann", "panx", "panx_dataset"),
    patterns={
        "train": (
            "{lang}/train",
            "train-{lang}.tsv",
            "{lang}/train.tsv",
            "{lang}/train-00000-of-00001.parquet",
        ),
        "dev": ("{lang}/dev", "dev-{lang}.tsv", "{lang}/dev.tsv", "{lang}/validation-00000-of-00001.parquet"),
        "test": ("{lang}/test", "test-{lang}.tsv", "{lang}/test.tsv", "{lang}/test-00000-of-00001.parquet"),
    },
    separator="tab",
    stray_lines=0.001,  # Wikipedia's text, as it was
    hub_repository="unimelb-nlp/wikiann",
    counts=_counts(
        {
            "en": ((20000, 27931), (10000, 14146), (10000, 13958)),
            "ar": ((20000, 22500), (10000, 11266), (10000, 11259)),
            "hi": ((5000, 6124), (1000, 1226), (1000, 1228)),
            "zh": ((20000, 25031), (10000, 12493), (10000, 12532)),
        },
        other_entities={
            ("ar", "train"): {22501: "the public files have one entity more than Table 1"},
            ("ar", "dev"): {11267: "the public files have one entity more than Table 1"},
        },
    ),
)

_MLOWNER = Dataset(
    name="mlowner",
    title="mLOWNER: MultiCoNER 2022 (Malmasi et al., 2022); its CORP is the paper's ORG",
    languages=("en", "ko", "ru", "tr"),
    other_languages="on disk",
    entity_types=("PER", "LOC", "GRP", "CORP", "PROD", "CW"),
    homepage="https://registry.opendata.aws/multiconer/",
    licence="CC BY 4.0",
    formats="`# id <uuid><TAB>domain=...`, then `token _ _ TAG` a line, BIO2, UTF-8",
    folders=("mlowner", "multiconer", "multiconer2022"),
    patterns={
        split: tuple(f"{folder}{{lang}}_{split}.conll" for folder in ("{lang}/", "{LANG}-*/", "")) for split in SPLITS
    },
    counts=_counts(
        {
            "en": ((15300, 23553), (800, 1230), (10000, 15429)),
            "ko": ((15300, 24643), (800, 1302), (10000, 16308)),
            "ru": ((15300, 19840), (800, 1042), (10000, 12941)),
            "tr": ((15300, 23305), (800, 1245), (10000, 15209)),
        }
    ),
    test_sample=10_000,
)

_SAMPLE = Dataset(
    name="sample",
    title="the embedded sample corpus, written for this project",
    languages=SAMPLE_LANGUAGES,
    entity_types=("PER", "ORG", "LOC"),
    homepage="part of this package",
    licence="Apache-2.0, as this package",
    formats="generated from patterns and name lists; needs no files",
    embedded=True,
)

DATASETS: Mapping[str, Dataset] = MappingProxyType(
    {dataset.name: dataset for dataset in (_CONLL, _WIKIANN, _MLOWNER, _SAMPLE)}
)


def dataset_named(name: str) -> Dataset:
    """The catalogue's entry of this name.

    Raises:
        UserError: the name is unknown; the message lists the valid names and the most similar one.
    """
    if name in DATASETS:
        return DATASETS[name]
    nearest = get_close_matches(name.lower(), DATASETS, n=1)
    hint = f" (did you mean '{nearest[0]}'?)" if nearest else ""
    raise UserError(f"unknown data set '{name}'{hint}: choose one of {', '.join(DATASETS)}")


def label_names(dataset: str) -> tuple[str, ...]:
    """BIO2 labels of a data set in their fixed order, `O` first; a label's position is its class index."""
    return dataset_named(dataset).labels


def unknown_language(dataset: Dataset, lang: str, known: tuple[str, ...]) -> UserError:
    """The error for a language that a data set lacks: lists its languages and the most similar one."""
    more = f" or {len(known) - SHOWN} more (python -m msd_ray.data list)" if len(known) > SHOWN else ""
    return UserError(
        f"data set '{dataset.name}' has no language '{lang}'{did_you_mean(lang, known)}: "
        f"choose one of {', '.join(known[:SHOWN])}{more}"
    )


def did_you_mean(lang: str, known: Iterable[str] = LANGUAGE_NAMES) -> str:
    """A question after the language whose code or name resembles `lang`, in parentheses; empty if there is none."""
    by_name = {LANGUAGE_NAMES[code].lower(): code for code in known if code in LANGUAGE_NAMES}
    nearest = get_close_matches(lang.lower(), [*known, *by_name], n=1)
    return f" (did you mean '{by_name.get(nearest[0], nearest[0])}'?)" if nearest else ""


def joined(langs: Sequence[str]) -> str:
    """Several source languages as one text, `de+fr`."""
    return "+".join(langs)


def languages_of(sources: str) -> list[str]:
    """The languages of `joined`."""
    return sources.split("+")


def is_language_code(lang: str) -> bool:
    """Whether this is a language code (`tr`, `zh-yue`), safe as a part of a path."""
    return _LANGUAGE_CODE.fullmatch(lang) is not None

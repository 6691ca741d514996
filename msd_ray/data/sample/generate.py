"""Generate the sample corpus from patterns and names: the same sentences on every machine.

A language's file `<lang>.yaml` has for each split `slots` (slot name -> surface forms, tokens separated by single
spaces) and `patterns` (tokens separated by single spaces, `{SLOT}` for a placeholder). The slots PER, LOC and ORG carry
their name as a label; a suffix names a subset that needs its own patterns (`{LOC.river}`, `{ORG.club}`) and does not
change the label. All other slots are unlabelled. If `joiner` is the empty string, the language is written without
spaces: every character becomes a token, except for runs of Latin letters and digits.

The names are real, the sentences are not: names and patterns are combined at random, so no statement is a fact.
"""

import random
import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from msd_ray.common.errors import UserError

from ..sentences import Sentence

SAMPLE_LANGUAGES = ("en", "de", "es", "nl", "ar", "hi", "zh", "ko", "ru", "tr")
SPLIT_SIZES = {"train": 1000, "dev": 250, "test": 400}
ENTITY_TYPES = ("PER", "LOC", "ORG")

_PLACEHOLDER = re.compile(r"\{([A-Z][A-Z0-9_]*(?:\.[a-z]+)?)\}")
_LATIN_RUN_OR_CHARACTER = re.compile(r"[A-Za-z0-9]+(?:[.'&-][A-Za-z0-9]+)*|\S")
# Attempts to fill a pattern with a sentence that the split does not contain yet.
_FILL_ATTEMPTS = 20


class SplitText(BaseModel):
    """Surface forms and patterns of one split, as in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slots: dict[str, tuple[str, ...]]
    patterns: tuple[str, ...] = Field(min_length=1)


class Splits(BaseModel):
    """The three splits of a language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: SplitText
    dev: SplitText
    test: SplitText


class SampleText(BaseModel):
    """The file of a language."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: str
    joiner: str
    splits: Splits

    def split(self, name: str) -> SplitText:
        """The split of that name (a key of `SPLIT_SIZES`)."""
        text = getattr(self.splits, name)
        assert isinstance(text, SplitText)
        return text


def entity_type(slot: str) -> str | None:
    """The label of a slot: `LOC` for `LOC` and `LOC.river`, None for an unlabelled slot."""
    stem = slot.partition(".")[0]
    return stem if stem in ENTITY_TYPES else None


def read_sample_text(path: Traversable) -> SampleText:
    """Read and validate a language's file.

    Raises:
        UserError: the file is missing or not YAML, or a value is invalid; the message names file and key.
    """
    try:
        text = SampleText.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; the sample corpus is installed without this language") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "top level"
        raise UserError(f"{path}: {key}: {first['msg']} (got {first['input']!r:.80})") from error
    for name in SPLIT_SIZES:
        _check_split(text.split(name), f"{path}: splits.{name}")
    return text


def _check_split(split: SplitText, where: str) -> None:
    for slot, forms in split.slots.items():
        if _PLACEHOLDER.fullmatch(f"{{{slot}}}") is None:
            raise UserError(
                f"{where}.slots.{slot}: a slot's name is upper case, then at most one .suffix in lower case"
            )
        if not forms or len(set(forms)) < len(forms):
            raise UserError(f"{where}.slots.{slot}: needs at least one form and none twice")
        for form in forms:
            if form != " ".join(form.split()) or not form:
                raise UserError(f"{where}.slots.{slot}: {form!r}: tokens are separated by single spaces")
    if missing := set(ENTITY_TYPES) - {entity_type(slot) for slot in split.slots}:
        raise UserError(f"{where}.slots: no slot of type {', '.join(sorted(missing))}")
    if len(set(split.patterns)) < len(split.patterns):
        raise UserError(f"{where}.patterns: a pattern occurs twice")
    for pattern in split.patterns:
        _check_pattern(pattern, split.slots, f"{where}.patterns: {pattern!r}")
    if unused := split.slots.keys() - set(_PLACEHOLDER.findall(" ".join(split.patterns))):
        raise UserError(f"{where}.slots: no pattern uses {', '.join(sorted(unused))}")


def _check_pattern(pattern: str, slots: dict[str, tuple[str, ...]], where: str) -> None:
    if pattern != " ".join(pattern.split()) or not pattern:
        raise UserError(f"{where}: tokens are separated by single spaces")
    if re.search(r"[{}]", _PLACEHOLDER.sub("", pattern)):
        raise UserError(f"{where}: a placeholder is {{SLOT}} or {{SLOT.suffix}}")
    placeholders = _PLACEHOLDER.findall(pattern)
    for slot in placeholders:
        if slot not in slots:
            raise UserError(f"{where}: the split has no slot {slot}")
        if placeholders.count(slot) > len(slots[slot]):
            raise UserError(f"{where}: {slot} occurs more often than it has forms")


class _Decks:
    """Draws surface forms as from shuffled decks of cards: all forms of a slot are used equally often."""

    def __init__(self, slots: dict[str, tuple[str, ...]], rng: random.Random) -> None:
        self._slots = slots
        self._rng = rng
        self._decks: dict[str, list[str]] = {slot: [] for slot in slots}

    def draw(self, slot: str, taken: set[str]) -> str:
        """The next form of the slot that is not in `taken`."""
        deck = self._decks[slot]
        if taken.issuperset(deck):
            fresh = list(self._slots[slot])
            self._rng.shuffle(fresh)
            deck.extend(fresh)
        # A slot may share all its forms with others in the sentence; then a form occurs twice.
        form = next((form for form in deck if form not in taken), deck[0])
        deck.remove(form)
        return form


def _tokens(text: str, joiner: str) -> list[str]:
    return text.split() if joiner else _LATIN_RUN_OR_CHARACTER.findall(text)


def _fill(pattern: str, decks: _Decks, joiner: str) -> Sentence:
    tokens: list[str] = []
    labels: list[str] = []
    taken: set[str] = set()
    # With one group in the expression, `split` alternates text and slot names.
    for index, piece in enumerate(_PLACEHOLDER.split(pattern)):
        label = None
        if index % 2:
            label = entity_type(piece)
            piece = decks.draw(piece, taken)
            taken.add(piece)
        run = _tokens(piece, joiner)
        tokens += run
        labels += ["O"] * len(run) if label is None else [f"B-{label}", *[f"I-{label}"] * (len(run) - 1)]
    return Sentence(tokens=tuple(tokens), labels=tuple(labels))


def _rounds(patterns: tuple[str, ...], rng: random.Random) -> Iterator[list[str]]:
    """All patterns in a new order, repeated without end."""
    while True:
        yield rng.sample(patterns, len(patterns))


def generate_split(text: SampleText, split: str, size: int) -> tuple[Sentence, ...]:
    """Fill the split's patterns in turn until there are `size` different sentences.

    Raises:
        UserError: a round over all patterns gave no new sentence: too few patterns and forms for `size`.
    """
    # Seeding with a string is stable across processes and Python versions (it does not use `hash`).
    rng = random.Random(f"msd_ray sample corpus/{text.language}/{split}")  # noqa: S311
    content = text.split(split)
    decks = _Decks(content.slots, rng)
    # A dictionary keeps the order of what was put in.
    sentences: dict[Sentence, None] = {}
    for patterns in _rounds(content.patterns, rng):
        before = len(sentences)
        for pattern in patterns:
            for _ in range(_FILL_ATTEMPTS):
                sentence = _fill(pattern, decks, text.joiner)
                if sentence not in sentences:
                    sentences[sentence] = None
                    break
            if len(sentences) == size:
                return tuple(sentences)
        if len(sentences) == before:
            raise UserError(
                f"{text.language}.yaml: splits.{split}: only {before} different sentences of {size}; "
                "add patterns or forms"
            )
    raise AssertionError("unreachable: rounds do not end")


@lru_cache(maxsize=len(SAMPLE_LANGUAGES))
def _sample_text(lang: str) -> SampleText:
    return read_sample_text(resources.files("msd_ray.data.sample") / f"{lang}.yaml")


@lru_cache(maxsize=len(SAMPLE_LANGUAGES) * len(SPLIT_SIZES))
def sample_sentences(lang: str, split: str) -> tuple[Sentence, ...]:
    """The `SPLIT_SIZES[split]` sentences of a split, with BIO2 labels of the types PER, LOC and ORG.

    Raises:
        UserError: the corpus has no such language or split.
    """
    if lang not in SAMPLE_LANGUAGES:
        raise UserError(f"the sample corpus has no language {lang!r}; it has {', '.join(SAMPLE_LANGUAGES)}")
    if split not in SPLIT_SIZES:
        raise UserError(f"the sample corpus has no split {split!r}; it has {', '.join(SPLIT_SIZES)}")
    return generate_split(_sample_text(lang), split, SPLIT_SIZES[split])

"""`Tagger`: tags text with an exported student, from Python; the command calls it, too."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

from msd_ray.common.errors import UserError
from msd_ray.data.catalogue import LANGUAGE_NAMES
from msd_ray.data.words import WordRule, word_spans
from msd_ray.method.entity_scores import entities

from .description import CHARACTER_LANGUAGES, verified

if TYPE_CHECKING:  # torch is imported when a student is loaded
    from .classifier import Classifier

Span = tuple[int, int]
"""Start and end, exclusive."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entity:
    """A named entity in a text.

    Args:
        text: the text from `start` to `end`.
        label: entity type, such as PER.
        start: offset of its first character.
        end: offset after its last character.
        score: mean over its words of the model's probability for the type, 0..1.
    """

    text: str
    label: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TaggedText:
    """A text with a label for every word.

    Args:
        text: the text; words joined by spaces if it was given as words.
        spans: character offsets of the words.
        labels: label of each word, valid BIO2.
        scores: the model's probability for the type of each word's label, or for no entity, 0..1.
    """

    text: str
    spans: tuple[Span, ...]
    labels: tuple[str, ...]
    scores: tuple[float, ...]

    @property
    def tokens(self) -> list[str]:
        """The words."""
        return [self.text[start:end] for start, end in self.spans]

    @property
    def word_entities(self) -> list[tuple[str, int, int]]:
        """Entity types with the offsets of their words."""
        return entities(self.labels)

    @property
    def entities(self) -> list[Entity]:
        """The entities, in order."""
        return [self.entity(*found) for found in self.word_entities]

    def entity(self, label: str, first: int, last: int) -> Entity:
        """The entity of the words `first` to `last` - 1."""
        start, end = self.spans[first][0], self.spans[last - 1][1]
        score = sum(self.scores[first:last]) / (last - first)
        return Entity(text=self.text[start:end], label=label, start=start, end=end, score=score)


class Tagger:
    """An exported student.

    Example::

        tagger = Tagger.from_pretrained("runs/models/sample-ar")
        for entity in tagger("Angela Merkel spoke in Paris ."):
            print(entity.text, entity.label, entity.start, entity.end, entity.score)

    Args:
        classifier: the loaded student.
        decode: how to choose labels; None: as in the search that trained it.
        word_rule: how texts are split into words; None: as the training text was.
    """

    def __init__(
        self,
        classifier: "Classifier",
        *,
        decode: Literal["argmax", "viterbi"] | None = None,
        word_rule: WordRule | None = None,
    ) -> None:
        self.classifier = classifier
        self.decode = decode
        self.word_rule: WordRule = word_rule or classifier.description.rule

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path,
        *,
        lang: str | None = None,
        words: WordRule | None = None,
        decode: Literal["argmax", "viterbi"] | None = None,
        device: str = "auto",
        precision: str = "auto",
        mlflow_uri: str | None = None,
    ) -> "Tagger":
        """Load an exported student.

        Args:
            model: its directory, `s3://BUCKET/PREFIX/models/STUDY`, or a registered model, `models:/NAME@ALIAS` or
                `models:/NAME/VERSION`.
            lang: language of the text; None: the student's.
            words: how texts are split into words: unicode (raw text; separates punctuation), blanks (at white space) or
                characters; None: as the training text was.
            decode: argmax, or viterbi (the best valid sequence); None: as in the search that trained it.
            device: auto (a GPU if there is one), cpu, cuda or cuda:N.
            precision: auto (bf16 where it is faster), fp32 or bf16.
            mlflow_uri: MLflow server or database of a registered model; None: MLFLOW_TRACKING_URI, else `mlflow.db` in
                MSD_RAY_STORAGE or ./runs.

        Raises:
            UserError: there is no such student, its files were changed, or an argument is unknown.
        """
        with student_directory(model, mlflow_uri) as directory:
            classifier = _load(directory, device, precision)
        check_language(lang, classifier.description.lang)
        return cls(classifier, decode=decode, word_rule=words or _word_rule(lang, classifier.description.rule))

    @property
    def lang(self) -> str:
        """The language that the student was trained for."""
        return self.classifier.description.lang

    @overload
    def __call__(self, text: str) -> list[Entity]: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(self, text: Sequence[str] | Sequence[Sequence[str]]) -> list[list[Entity]]: ...

    def __call__(self, text: str | Sequence[str] | Sequence[Sequence[str]]) -> list[Entity] | list[list[Entity]]:
        """Find the entities of a text, or of each of several.

        Args:
            text: a text, several texts, or several texts that are split into words.
        """
        if isinstance(text, str):
            return self.tag([text])[0].entities
        return [tagged.entities for tagged in self.tag(text)]

    def tag(self, texts: Sequence[str] | Sequence[Sequence[str]]) -> list[TaggedText]:
        """Label every word of every text, in batches of similar lengths. A text is a string, or split into words."""
        from .tagging import label_words

        split = [_split(text, self.word_rule) for text in texts]
        words = [[text[start:end] for start, end in spans] for text, spans in split]
        return [
            TaggedText(text=text, spans=spans, labels=tuple(found.labels), scores=tuple(found.scores))
            for (text, spans), found in zip(split, label_words(self.classifier, words, self.decode), strict=True)
        ]


def _load(directory: Path, device: str, precision: str) -> "Classifier":
    with verified(directory) as description:  # hashes the files while torch is imported
        from .classifier import classifier_of, device_named, stored_classifier

        place = device_named(device)
        found = stored_classifier(directory, description, place, precision=precision)
    if found is not None:
        return found
    from .export import load_student  # imports transformers

    return classifier_of(load_student(directory, place), precision=precision)


def _word_rule(lang: str | None, of_student: WordRule) -> WordRule:
    """How text in a language is split: as the training text of the student was, but for Chinese."""
    if lang in CHARACTER_LANGUAGES:
        return "characters"
    return "blanks" if lang is not None and of_student == "characters" else of_student


def _split(text: str | Sequence[str], rule: WordRule) -> tuple[str, tuple[Span, ...]]:
    if isinstance(text, str):
        return text, word_spans(text, rule)
    spans, start = [], 0
    for word in text:
        spans.append((start, start + len(word)))
        start += len(word) + 1
    return " ".join(text), tuple(spans)


def check_language(lang: str | None, of_student: str) -> None:
    """Raise UserError unless the language is the student's, one of the catalogue, or None."""
    if lang is None or lang == of_student or lang in LANGUAGE_NAMES:
        return
    known = ", ".join(sorted({*LANGUAGE_NAMES, of_student}))
    raise UserError(f"language {lang!r} is unknown. Choose one of {known}, or omit it for the model's, {of_student}.")


@contextmanager
def student_directory(model: str | Path, mlflow_uri: str | None = None) -> Iterator[Path]:
    """The directory of an exported student: itself, or downloaded for as long as the context lasts.

    Raises:
        UserError: there is no such object or version, or `mlflow_uri` is given for a directory.
    """
    name = str(model)
    if name.startswith("models:"):
        from msd_ray.tracking.references import downloaded, parse_reference
        from msd_ray.tracking.uri import default_tracking_uri

        uri = mlflow_uri or os.environ.get("MLFLOW_TRACKING_URI", "").strip()
        storage = os.environ.get("MSD_RAY_STORAGE", "").strip() or "runs"
        with downloaded(uri or default_tracking_uri(Path(storage).expanduser()), parse_reference(name)) as directory:
            yield directory
    elif mlflow_uri is not None:
        raise UserError(f"--mlflow-uri applies to registered models only, but --model {name} is a directory. Omit it.")
    elif "://" in name:
        from msd_ray.storage.transfer import downloaded_model

        with downloaded_model(name) as directory:
            yield directory
    else:
        yield Path(name)

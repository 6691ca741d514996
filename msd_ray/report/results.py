"""Results of one data set, the input of its tables: scores by variant, language and seed, in 0..1."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import TypeVar

from msd_ray.data.catalogue import Split
from msd_ray.method.variants import VARIANTS

from .statistics.span_errors import SpanErrors
from .statistics.summary import Summary, summarise

LABELS: Mapping[str, str] = {name: variant.label for name, variant in VARIANTS.items()}
"""Variant -> label, in the order of tables."""
Scores = Mapping[str, Mapping[str, Mapping[int, float]]]
"""variant -> language -> seed -> score in 0..1."""

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Measures:
    """Entity-level precision, recall and F1 (Eq. 16) on the scored split."""

    precision: Scores = field(default_factory=dict)
    recall: Scores = field(default_factory=dict)
    f1: Scores = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Results:
    """Results of the final runs of one data set in all languages; what was not run has no entry.

    dataset: name in the catalogue, or `own`. scored_splits: language -> scored split (`dev` without a test file).
    source_scored: languages without labels, whose runs were scored on the source's dev set. overall: of all entities.
    types: entity type -> its measures. f1_deduplicated: on scored sentences that are not in the training text.
    source_f1: the teacher's F1 on the source language's scored split, by the target language of its run. span_errors:
    variant -> language -> seed -> error counts. failed: variant -> language -> number of failed runs.
    notes: conditions that apply to every table (encoder, number of sentences, epochs). labels: variant, or row of a
    search -> label, in the order of tables.
    """

    dataset: str
    scored_splits: Mapping[str, Split] = field(default_factory=dict)
    source_scored: frozenset[str] = frozenset()
    overall: Measures = field(default_factory=Measures)
    types: Mapping[str, Measures] = field(default_factory=dict)
    f1_deduplicated: Scores = field(default_factory=dict)
    source_f1: Scores = field(default_factory=dict)
    span_errors: Mapping[str, Mapping[str, Mapping[int, SpanErrors]]] = field(default_factory=dict)
    failed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=lambda: LABELS)

    @property
    def f1(self) -> Scores:
        """F1 of all entities, the score of the paper's tables."""
        return self.overall.f1

    @property
    def langs(self) -> tuple[str, ...]:
        """Languages with finished or failed runs, in alphabetical order."""
        finished = {lang for by_lang in self.f1.values() for lang, by_seed in by_lang.items() if by_seed}
        failed = {lang for by_lang in self.failed.values() for lang, number in by_lang.items() if number}
        return tuple(sorted(finished | failed))

    def ran(self, langs: Iterable[str]) -> tuple[str, ...]:
        """Return the variants with a finished or failed run in any of these languages, in the order of tables."""
        langs = tuple(langs)
        return tuple(
            name
            for name in self.labels
            if any(self.f1.get(name, {}).get(lang) or self.failed.get(name, {}).get(lang) for lang in langs)
        )

    def on_dev(self, lang: str) -> bool:
        """Return whether this language's runs were scored on dev, because there is no test file."""
        return self.scored_splits.get(lang) == "dev"

    def on_source(self, lang: str) -> bool:
        """Return whether this language has no labels, so that its runs were scored on the source's dev set."""
        return lang in self.source_scored


def by_seed(scores: Mapping[str, Mapping[str, Mapping[int, Value]]], variant: str, lang: str) -> Mapping[int, Value]:
    """Return one variant's values in one language, ordered by seed; empty if it was not run."""
    found = scores.get(variant, {}).get(lang, {})
    return {seed: found[seed] for seed in sorted(found)}


def summary_of(scores: Scores, variant: str, lang: str) -> Summary | None:
    """Summarise one variant's scores over its seeds in one language; None if it was not run."""
    values = tuple(by_seed(scores, variant, lang).values())
    return summarise(values) if values else None


def average_over(scores: Scores, variant: str, langs: tuple[str, ...]) -> Summary | None:
    """Summarise the mean over the languages over the seeds that all of them have.

    None unless every language was run with a shared seed.
    """
    columns = [by_seed(scores, variant, lang) for lang in langs]
    shared = sorted(set.intersection(*map(set, columns))) if columns else []
    return summarise([fmean(column[seed] for column in columns) for seed in shared]) if shared else None


def is_zero_shot(name: str) -> bool:
    """Return whether a variant or a search's row uses no target labels."""
    return name not in VARIANTS or VARIANTS[name].zero_shot

"""Renders the model card of an exported student: description, scores, training, limits.

Markdown after the YAML front matter that the Hugging Face hub reads (https://huggingface.co/docs/hub/model-cards).
Every value is escaped: a study's or an encoder's name cannot put markup into the card.
"""

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal

from huggingface_hub import EvalResult, ModelCardData

from msd_ray.common.errors import UserError
from msd_ray.data.catalogue import DATASETS, LANGUAGE_NAMES, OWN, languages_of
from msd_ray.data.encode import LabelAt
from msd_ray.data.encoders.e5_small import NAME as E5_SMALL
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.tracking.champion import ALIAS, registered_name

from .model_card_text import (
    AT_FIRST,
    AT_TEXT,
    CHOSEN_ON_TARGET,
    NO_TARGET_LABELS,
    NOT_CHOSEN_ON_TARGET,
    ON_DEV,
    ON_DEV_NOT_CHOSEN_THERE,
    TEMPLATE,
)

Value = str | int | float | bool | None
Selection = Literal["target dev", "source dev", "none: last epochs averaged, configuration by source dev"]
SELECTIONS: Mapping[str, Selection] = {
    "target": "target dev",
    "source": "source dev",
    "none": "none: last epochs averaged, configuration by source dev",
}
"""Selection criterion by value of --select-on."""

TAGS = ("msd-ray", "token-classification", "named-entity-recognition", "cross-lingual", "zero-shot", "distillation")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_MARKDOWN = re.compile(r"([\\`*_\[\]|~$])")


@dataclass(frozen=True, kw_only=True)
class ScoreRow:
    """Entity-level F1 (Eq. 16) of one system over seeds.

    Attributes:
        system: name of the scored system.
        mean: 0..1.
        n: number of seeds.
        deviation: sample standard deviation (n - 1), 0..1; None for one seed.
        split: the scored split.
        model: whether this row is the configuration of the card's student.
    """

    system: str
    mean: float
    n: int
    deviation: float | None = None
    split: Literal["test", "dev"] = "test"
    model: bool = False


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Contents of the card of one student.

    Attributes:
        encoder: name as given by the user.
        base_model: the encoder's name on the hub (`hub_name`), or None.
        teachers, students, run: hyperparameters by name; several students if this one averages their weights.
        seed: seed of this student.
        epoch: selected epoch; None for an average of students, number of epochs + 1 for an average of the last epochs.
        seeds: seeds of all final runs.
        selection: criterion that selected teacher, epoch and configuration.
        data_digests: SHA-256 of each part of the data, by name.
        configuration: digest of all hyperparameters.
        dev_f1: F1 of this student on the dev set used for selection, 0..1.
        entity_types: entity types that it tags.
        max_length: length limit in tokens.
        scored_on_source: whether the target has no labels, so that scores are on the source's dev set.
        label_at: the sub-token at which a word's label is read.
    """

    dataset: str
    lang: str
    source_lang: str
    encoder: str
    base_model: str | None
    encoder_licence: str | None
    data_licence: str
    teachers: tuple[Mapping[str, Value], ...]
    students: tuple[Mapping[str, Value], ...]
    seed: int
    epoch: int | None
    seeds: tuple[int, ...]
    scores: tuple[ScoreRow, ...]
    data_digests: Mapping[str, str]
    study: str
    versions: Mapping[str, str]
    selection: Selection = "target dev"
    run: Mapping[str, Value] = field(default_factory=dict)
    configuration: str | None = None
    dev_f1: float | None = None
    entity_types: tuple[str, ...] = ()
    max_length: int | None = None
    scored_on_source: bool = False
    label_at: LabelAt = "first"


def hub_name(encoder: EncoderFiles) -> str | None:
    """The encoder's repository on the Hugging Face hub; None for a local directory."""
    if encoder.name == E5_SMALL:
        return "intfloat/multilingual-e5-small"
    local = PurePath(encoder.name).is_absolute() or encoder.directory.as_posix().endswith(encoder.name)
    return None if local or not _REPOSITORY.fullmatch(encoder.name) else encoder.name


def render(card: ModelCard) -> str:
    """Render the card as Markdown with YAML front matter and a trailing newline."""
    body = TEMPLATE.format(
        title=escape(_title(card)),
        language=_language(card.lang),
        source=_language(card.source_lang),
        lang=escape(card.lang),
        dataset=escape(card.dataset),
        encoder=_encoder(card),
        chosen=_chosen(card),
        weights=_weights(card),
        dev=_dev(card),
        seed=card.seed,
        choice=(CHOSEN_ON_TARGET if card.selection == "target dev" else NOT_CHOSEN_ON_TARGET).format(
            language=_language(card.lang), source=_language(card.source_lang)
        ),
        dev_f1="not recorded" if card.dev_f1 is None else f"{100 * card.dev_f1:.2f}",
        types=escape(", ".join(card.entity_types) or "not recorded"),
        registered=_registered(card),
        configuration=escape(card.configuration or "not recorded"),
        on_dev=_on_dev(card),
        label_at=AT_TEXT if card.label_at == "text" else AT_FIRST,
        length="" if card.max_length is None else f" of {card.max_length} tokens",
        seeds=escape(", ".join(map(str, card.seeds))),
        study=escape(card.study),
        scores=_scores(card),
        teacher=_columns("teacher", card.teachers),
        student=_columns("student", card.students),
        run=_table(("both", "value"), card.run.items()),
        digests=_table(("data", "SHA-256"), card.data_digests.items()),
        versions=_table(("software", "version"), card.versions.items()),
        encoder_licence=escape(card.encoder_licence or "not stated by its files"),
        data_licence=escape(card.data_licence),
    )
    return f"---\n{front_matter(card)}---\n{body}"


def front_matter(card: ModelCard) -> str:
    """Metadata for the hub: YAML without the `---` lines."""
    results = [_result(card, row) for row in card.scores if row.model]
    data = ModelCardData(
        language=list(dict.fromkeys([_plain(card.lang), *map(_plain, languages_of(card.source_lang))])),
        # Encoder and corpus have different terms; only the publisher of the student can reconcile them.
        license="other",
        license_name="terms-of-encoder-and-corpus",
        library_name="transformers",
        pipeline_tag="token-classification",
        tags=list(TAGS),
        base_model=card.base_model,
        datasets=_datasets(card),
        metrics=["f1"],
        model_name=_title(card) if results else None,  # required by the model index
        eval_results=results or None,
    )
    return f"{data.to_yaml()}\n"


def _datasets(card: ModelCard) -> list[str] | None:
    """The data set's name on the hub, or its own; None for a user's own files."""
    if card.dataset == OWN:
        return None
    corpus = DATASETS.get(card.dataset)
    return [corpus.hub_repository if corpus and corpus.hub_repository else _plain(card.dataset)]


def escape(value: Value) -> str:
    """Escape a value as one line of literal Markdown text: no HTML, no markup, no newline."""
    return _MARKDOWN.sub(r"\\\1", html.escape(_plain(value), quote=False))


def _plain(value: Value) -> str:
    """Reduce a value to one line of printable characters."""
    text = "" if value is None else str(value)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _title(card: ModelCard) -> str:
    return _plain(f"MSD student for {LANGUAGE_NAMES.get(card.lang, card.lang)} named entities ({card.dataset})")


def _language(codes: str) -> str:
    """The name of a language; of several, joined by `+`, their names."""
    return escape(" and ".join(LANGUAGE_NAMES.get(code, code) for code in languages_of(codes)))


def _registered(card: ModelCard) -> str:
    """The model's URI in the MLflow registry; registry names cannot contain markup."""
    try:
        return f"models:/{registered_name(card.dataset, card.lang)}@{ALIAS}"
    except UserError:
        return f"models:/NAME@{ALIAS}"


def _dev(card: ModelCard) -> str:
    return f"{_language(card.lang if card.selection == 'target dev' else card.source_lang)} dev"


def _chosen(card: ModelCard) -> str:
    """Criterion that selected teacher, epoch and configuration."""
    if card.selection == "none: last epochs averaged, configuration by source dev":
        return f"no epoch was selected (last epochs averaged); the configuration by F1 on {_dev(card)}"
    return f"F1 on the {_dev(card)} set"


def _weights(card: ModelCard) -> str:
    """Which weights were exported: an epoch or an average."""
    if card.epoch is None:
        return f"the mean of the weights of {len(card.students)} students"
    epochs, averaged = card.run.get("epochs"), card.run.get("average_epochs")
    if isinstance(epochs, int) and card.epoch > epochs:
        return f"the mean of the weights of the last {escape(averaged)} epochs"
    return f"epoch {card.epoch}"


def _on_dev(card: ModelCard) -> str:
    if not any(row.split == "dev" for row in card.scores):
        return ""
    text = ON_DEV if card.selection == "target dev" else ON_DEV_NOT_CHOSEN_THERE
    if card.scored_on_source:
        text = NO_TARGET_LABELS
    return text.format(language=_language(card.lang), source=_language(card.source_lang))


def _encoder(card: ModelCard) -> str:
    if card.base_model is None:  # a local directory: its path is meaningless on other machines
        return f"{escape(PurePath(card.encoder).name)} (a local directory)"
    return escape(card.encoder if card.encoder == card.base_model else f"{card.encoder} ({card.base_model})")


def _result(card: ModelCard, row: ScoreRow) -> EvalResult:
    """An entry of the model index: mean F1 over seeds, 0..1."""
    lang = _plain(card.source_lang if card.scored_on_source else card.lang)
    return EvalResult(
        task_type="token-classification",
        task_name="named entity recognition, zero-shot",
        dataset_type=_plain(card.dataset),
        dataset_name=f"{_plain(card.dataset)} ({lang})",
        dataset_config=lang,
        dataset_split=row.split,
        metric_type="f1",
        metric_name=f"{row.split} F1, mean of {row.n} seeds",
        metric_value=round(row.mean, 6),
    )


def _scores(card: ModelCard) -> str:
    rows = (
        (
            f"{row.system}{' (this configuration)' if row.model else ''}",
            row.split,
            f"{100 * row.mean:.2f}",
            "" if row.deviation is None else f"{100 * row.deviation:.2f}",
            row.n,
        )
        for row in card.scores
    )
    return _table(("system", "split", "F1, mean", "standard deviation", "seeds"), rows)


def _columns(name: str, settings: tuple[Mapping[str, Value], ...]) -> str:
    """Table of hyperparameters, with one column per teacher or student."""
    names = dict.fromkeys(key for one in settings for key in one)
    numbers = [str(number) for number in range(1, len(settings) + 1)]
    header = (name, *(numbers if len(settings) > 1 else ["value"]))
    return _table(header, ((key, *(one.get(key) for one in settings)) for key in names))


def _table(header: tuple[str, ...], rows: Iterable[tuple[Value, ...]]) -> str:
    cells = [f"| {' | '.join(map(escape, row))} |" for row in rows]
    if not cells:
        return "Not recorded."
    return "\n".join([f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}", *cells])

"""Label schemes of a user's own files: recognised by the labels of the whole file, and converted to BIO2.

BIO2   B- begins an entity, I- continues it
IOB1   I- begins and continues an entity; B- begins one directly after another of the same type
IOBES  like BIO2, but E- ends an entity of several words and S- is an entity of one word; M- is a synonym of I-
BILOU  like IOBES, with L- for E- and U- for S-
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

from msd_ray.common.errors import UserError

from .bio import bio2, is_iob1
from .rows import Row, RowFile
from .sentences import Sentence

Scheme = Literal["BIO2", "IOB1", "IOBES", "BILOU"]
_TO_BIO2: Mapping[Scheme, Mapping[str, str]] = {
    "IOBES": {"B": "B", "I": "I", "M": "I", "E": "I", "S": "B"},
    "BILOU": {"B": "B", "I": "I", "L": "I", "U": "B"},
}
_MARKS: Mapping[Scheme, str] = {"IOBES": "MES", "BILOU": "LU"}
"""Prefixes that only this scheme has."""
# A type becomes part of metric names (`test/DRUG/f1`), and MLflow restricts their characters.
_LABEL = re.compile(r"O|[BIMESLU]-[^\W_][\w.-]{0,59}")
_MOST_TYPES = 400


def has_label_form(text: str) -> bool:
    """Whether text could be a label of any scheme: `O`, or a prefix and an entity type."""
    return _LABEL.fullmatch(text) is not None


def to_bio2(file: RowFile) -> tuple[tuple[Sentence, ...], Scheme]:
    """Convert the sentences of a file to BIO2; also returns the scheme of its labels.

    Raises:
        UserError: a label of no known scheme, labels of two schemes, or labels in an order that their scheme excludes.
    """
    scheme = _scheme(file)
    if scheme in _TO_BIO2:
        for row in file.rows:
            _check_order(file, row, scheme)
        prefixes = _TO_BIO2[scheme]
        labels = [tuple(_with_prefix(label, prefixes) for label in row.labels) for row in file.rows]
    else:
        labels = bio2(file.label_rows)
    return tuple(Sentence(row.tokens, own) for row, own in zip(file.rows, labels, strict=True)), scheme


def entity_types(sentences: Sequence[Sentence]) -> tuple[str, ...]:
    """The entity types of sentences in BIO2, in alphabetical order."""
    return tuple(sorted({label[2:] for sentence in sentences for label in sentence.labels if label != "O"}))


def bio2_labels(types: Sequence[str]) -> tuple[str, ...]:
    """`O`, then `B-` and `I-` of every entity type, in the order of the types."""
    return ("O", *(f"{prefix}-{kind}" for kind in types for prefix in "BI"))


def _scheme(file: RowFile) -> Scheme:
    first: dict[Scheme, str] = {}
    types: set[str] = set()
    for label, where in file.labels():
        if not _LABEL.fullmatch(label):
            raise UserError(
                f"{where}: unknown label {label[:80]!r}. A label is O, or a prefix and an entity type such as B-PER: "
                "prefixes B and I (BIO2, IOB1), B, I, E and S (IOBES) or B, I, L and U (BILOU); types of letters, "
                "digits, dot, dash and underscore, 60 at most."
            )
        types.add(label[2:])
        if len(types) > _MOST_TYPES:
            raise UserError(f"{where}: more than {_MOST_TYPES} entity types. Map them to fewer.")
        for scheme, marks in _MARKS.items():
            if label[0] in marks:
                first.setdefault(scheme, f"{where} has {label}")
    if len(first) > 1:
        raise UserError(
            f"{file.path}: mixed label schemes: {' and '.join(first.values())}. Convert them to one scheme."
        )
    if first:
        return next(iter(first))
    return "IOB1" if is_iob1(file.label_rows) else "BIO2"


def _check_order(file: RowFile, row: Row, scheme: Scheme) -> None:
    """Raise UserError where an entity in IOBES or BILOU is not ended, or goes on without a beginning."""
    previous = "O"
    for position, label in enumerate((*row.labels, "O")):
        is_open = previous[0] in "BIM"
        goes_on = label[0] in "IMEL"
        if is_open != goes_on or (is_open and previous[2:] != label[2:]):
            end = position == len(row.labels)
            shown = f"{previous} is followed by {'the end of the sentence' if end else label}"
            raise UserError(
                f"{file.where(row, position - end)}: mixed label schemes: {shown}, but other labels are {scheme}. "
                "Convert the file to one scheme."
            )
        previous = label


def _with_prefix(label: str, prefixes: Mapping[str, str]) -> str:
    return label if label == "O" else prefixes[label[0]] + label[1:]

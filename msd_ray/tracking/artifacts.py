"""Readers of the artifacts of final and ablation runs, in `results` in MLflow.

predictions.parquet    one row per scored target sentence: tokens, gold, predicted (lists of strings), repeated (bool)
domains.safetensors    float32 arrays (100, H) of [CLS] vectors by model and language, see DOMAINS
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from msd_ray.common.errors import UserError

PREDICTIONS = "results/predictions.parquet"
DOMAIN_VECTORS = "results/domains.safetensors"
DOMAINS = ("teacher_source", "teacher_target", "student_source", "student_target")

_LABEL = re.compile(r"O|[BI]-\S+")

Labels: TypeAlias = tuple[str, ...]
FloatArray: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """N scored sentences. gold, predicted: one BIO label per token. repeated: also occurs in the training text."""

    tokens: tuple[Labels, ...]
    gold: tuple[Labels, ...]
    predicted: tuple[Labels, ...]
    repeated: tuple[bool, ...]

    def __post_init__(self) -> None:
        if not len(self.tokens) == len(self.gold) == len(self.predicted) == len(self.repeated):
            raise ValueError("tokens, gold, predicted and repeated differ in length")
        for number, sentence in enumerate(zip(self.tokens, self.gold, self.predicted, strict=True), start=1):
            if len({len(part) for part in sentence}) != 1:
                raise ValueError(f"sentence {number} does not have one gold and one predicted label per token")

    def __len__(self) -> int:
        return len(self.tokens)


def read_predictions(path: Path) -> Predictions:
    """Read `predictions.parquet`.

    Raises:
        UserError: the file is unreadable, lacks a column or a value, or its labels do not match its tokens.
    """
    import pyarrow

    from msd_ray.common.limits import read_columns

    try:
        tokens, gold, predicted, repeated = read_columns(path, ("tokens", "gold", "predicted", "repeated"))
        return Predictions(
            tokens=_sentences(tokens),
            gold=_labels(gold),
            predicted=_labels(predicted),
            repeated=tuple(_boolean(value) for value in repeated),
        )
    except (pyarrow.ArrowException, OSError, KeyError, TypeError, ValueError, MemoryError) as error:
        raise UserError(f"{path}: not a predictions file of msd_ray: {_reason(error)}. Run the study again.") from error


def read_domains(path: Path) -> Mapping[str, FloatArray]:
    """Read `domains.safetensors`.

    Returns:
        Arrays (M, H), M at most 100, by names of DOMAINS; a run without a student has only the teacher's.

    Raises:
        UserError: the file is unreadable or has other contents.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(path)
        _check_domains(arrays)
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(
            f"{path}: not a [CLS] vectors file of msd_ray: {_reason(error)}. Run the study again."
        ) from error
    return {name: arrays[name] for name in DOMAINS if name in arrays}


def _check_domains(arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    unknown = sorted(arrays.keys() - set(DOMAINS))
    if unknown or not arrays:
        raise ValueError(f"unknown array {unknown[0]}" if unknown else "the file has no arrays")
    widths = {array.shape[1:] for array in arrays.values()}
    for name, array in arrays.items():
        if array.dtype != np.float32 or array.ndim != 2 or not np.isfinite(array).all():
            raise ValueError(f"{name} is not an (M, H) array of finite float32 numbers")
    if len(widths) != 1:
        raise ValueError("the arrays differ in width")


def _sentences(column: list[list[str]]) -> tuple[Labels, ...]:
    sentences = tuple(tuple(sentence) for sentence in column)
    if not all(isinstance(word, str) for sentence in sentences for word in sentence):
        raise TypeError("a token or label is not a string")
    return sentences


def _labels(column: list[list[str]]) -> tuple[Labels, ...]:
    rows = _sentences(column)
    for label in {label for labels in rows for label in labels}:
        if not _LABEL.fullmatch(label):
            raise ValueError(f"{label[:80]!r} is not a BIO label")
    return rows


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("a value of `repeated` is neither true nor false")
    return value


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

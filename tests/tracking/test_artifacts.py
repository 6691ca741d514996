"""Readers of predictions and [CLS] vectors, with files written by pyarrow and safetensors."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from safetensors.numpy import save_file

from msd_ray.common.errors import UserError
from msd_ray.tracking.artifacts import DOMAINS, read_domains, read_predictions

COLUMNS: dict[str, list[Any]] = {
    "tokens": [["القدس", "مدينة"], ["Ada", "Lovelace", "."], []],
    "gold": [["B-LOC", "O"], ["B-PER", "I-PER", "O"], []],
    "predicted": [["O", "O"], ["B-PER", "O", "O"], []],
    "repeated": [True, False, False],
}
WORDS = pyarrow.list_(pyarrow.string())
SCHEMA = pyarrow.schema(
    [("tokens", WORDS), ("gold", WORDS), ("predicted", WORDS), ("repeated", pyarrow.bool_())],
)


def write(path: Path, columns: dict[str, list[Any]], schema: Any = None) -> Path:
    pyarrow.parquet.write_table(pyarrow.table(columns, schema=schema), path)
    return path


def test_predictions(tmp_path: Path) -> None:
    read = read_predictions(write(tmp_path / "p.parquet", COLUMNS, SCHEMA))
    assert len(read) == 3
    assert read.tokens == (("القدس", "مدينة"), ("Ada", "Lovelace", "."), ())
    assert read.gold[1] == ("B-PER", "I-PER", "O")
    assert read.predicted[0] == ("O", "O")
    assert read.repeated == (True, False, False)


def test_extra_columns_and_empty_files_are_accepted(tmp_path: Path) -> None:
    assert len(read_predictions(write(tmp_path / "more.parquet", {**COLUMNS, "loss": [0.1, 0.2, 0.3]}))) == 3
    empty: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    assert len(read_predictions(write(tmp_path / "empty.parquet", empty, SCHEMA))) == 0


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({**COLUMNS, "gold": [["B-LOC"], ["B-PER", "I-PER", "O"], []]}, "sentence 1 does not have one gold"),
        ({**COLUMNS, "predicted": [["O", "O"], ["O", "O"], []]}, "sentence 2 does not have one gold"),
        ({**COLUMNS, "repeated": [True, None, False]}, "neither true nor false"),
        ({**COLUMNS, "tokens": [["a", None], ["b", "c", "d"], []]}, "not a string"),
        ({**COLUMNS, "tokens": [None, ["b", "c", "d"], []]}, "not a predictions file"),
        ({"tokens": COLUMNS["tokens"]}, "not a predictions file"),
    ],
)
def test_invalid_predictions(tmp_path: Path, columns: dict[str, list[Any]], message: str) -> None:
    with pytest.raises(UserError, match=rf"p\.parquet: not a predictions file.*{message}|{message}"):
        read_predictions(write(tmp_path / "p.parquet", columns))


def test_broken_files(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    whole = write(tmp_path / "p.parquet", COLUMNS, SCHEMA).read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="broken: not a predictions file"):
        read_predictions(broken)
    with pytest.raises(UserError, match=r"broken: not a \[CLS\] vectors"):
        read_domains(broken)
    with pytest.raises(UserError, match=r"nothing: not a"):
        read_predictions(tmp_path / "nothing")
    with pytest.raises(UserError, match=r"nothing: not a"):
        read_domains(tmp_path / "nothing")


def vectors(*names: str, rows: int = 100, width: int = 8) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {name: random.normal(size=(rows, width)).astype(np.float32) for name in names}


def test_domains(tmp_path: Path) -> None:
    written = vectors(*DOMAINS)
    save_file(written, tmp_path / "d.safetensors")
    read = read_domains(tmp_path / "d.safetensors")
    assert list(read) == list(DOMAINS)
    for name in DOMAINS:
        np.testing.assert_array_equal(read[name], written[name])
    save_file(vectors("teacher_source", "teacher_target", rows=7), tmp_path / "teacher.safetensors")
    assert list(read_domains(tmp_path / "teacher.safetensors")) == ["teacher_source", "teacher_target"]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "has no arrays"),
        (vectors("teacher_source", "layer_12"), "unknown array layer_12"),
        ({"teacher_source": np.zeros((3, 2), dtype=np.float64)}, "float32"),
        ({"teacher_source": np.zeros(3, dtype=np.float32)}, "float32"),
        ({"teacher_source": np.full((3, 2), np.nan, dtype=np.float32)}, "finite"),
        ({**vectors("teacher_source"), **vectors("teacher_target", width=9)}, "differ in width"),
    ],
)
def test_invalid_vectors(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    save_file(arrays, tmp_path / "d.safetensors")
    with pytest.raises(UserError, match=rf"not a \[CLS\] vectors file of msd_ray: .*{message}"):
        read_domains(tmp_path / "d.safetensors")

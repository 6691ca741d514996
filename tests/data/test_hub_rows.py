"""Files as the library `datasets` writes them: JSON lines, and Parquet with names of labels in the metadata."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from msd_ray.common.errors import UserError
from msd_ray.data import hub_parquet, json_lines
from msd_ray.data.rows import LONGEST_SENTENCE, Row

WriteFile = Callable[..., Path]

NAMES = ["O", "B-DRUG", "I-DRUG"]
CLASS_LABEL = {"names": NAMES, "_type": "ClassLabel"}
ROWS = (Row(("take", "Aspirin"), ("O", "B-DRUG"), 0), Row(("Vitamin", "C"), ("B-DRUG", "I-DRUG"), 1))


def write_parquet(path: Path, tags: list[Any], feature: Any = None) -> Path:
    table = pa.table({"tokens": [list(row.tokens) for row in ROWS], "ner_tags": tags})
    if feature is not None:
        info = {"info": {"features": {"ner_tags": feature}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
    parquet.write_table(table, path)
    return path


@pytest.mark.parametrize(
    "feature",
    [{"feature": CLASS_LABEL, "_type": "Sequence"}, {"feature": CLASS_LABEL, "_type": "List"}],
    ids=["Sequence", "List"],
)
def test_parquet_names_its_numbers(tmp_path: Path, feature: Any) -> None:
    path = write_parquet(tmp_path / "train.parquet", [[0, 1], [1, 2]], feature)
    assert hub_parquet.read_rows(path).rows == ROWS
    assert [text.tokens for text in hub_parquet.read_texts(path).texts] == [row.tokens for row in ROWS]


def test_parquet_with_strings(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "train.parquet", [list(row.labels) for row in ROWS])
    assert hub_parquet.read_rows(path).rows == ROWS


@pytest.mark.parametrize(
    ("tags", "feature", "complaint"),
    [
        ([[0, 1], [1, 2]], None, r"x\.parquet: `ner_tags` are numbers, and the file does not name them"),
        ([[0, 1], [1, 3]], {"feature": CLASS_LABEL}, r"x\.parquet: row 1: a label among \[1, 3\] is not one of the 3"),
        ([[0, 1], [1]], {"feature": CLASS_LABEL}, r"x\.parquet: row 1: 2 `tokens` and 1 `ner_tags`"),
        ([[0, 1], None], {"feature": CLASS_LABEL}, r"x\.parquet: row 1 is null"),
        ([[0, 1], [1, 2]], {"feature": {"names": "O"}}, r"x\.parquet: the names of `ner_tags` .* not a list"),
    ],
)
def test_malformed_parquet(tmp_path: Path, tags: list[Any], feature: Any, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        hub_parquet.read_rows(write_parquet(tmp_path / "x.parquet", tags, feature))


def test_parquet_with_other_columns(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"text": ["a"], "tokens": ["b"]}), path)
    with pytest.raises(UserError, match=r"x\.parquet: no column `ner_tags`\. Name the columns"):
        hub_parquet.read_rows(path)
    with pytest.raises(UserError, match=r"x\.parquet: column `tokens` does not contain lists of strings"):
        hub_parquet.read_texts(path)
    path.write_text("no Parquet")
    with pytest.raises(UserError, match=r"cannot read .*x\.parquet as Parquet"):
        hub_parquet.read_rows(path)


def lines(*objects: Any) -> str:
    return "".join(json.dumps(found, ensure_ascii=False) + "\n" for found in objects)


def test_json_lines(write: WriteFile) -> None:
    path = write("train.jsonl", lines(*({"tokens": row.tokens, "ner_tags": row.labels, "id": "x"} for row in ROWS)))
    assert [(row.tokens, row.labels) for row in json_lines.read_rows(path).rows] == [
        (row.tokens, row.labels) for row in ROWS
    ]
    assert [row.place for row in json_lines.read_rows(path).rows] == [1, 2]
    garbage = write("text.jsonl", lines({"tokens": ["a"], "ner_tags": {"labels": 7}}))
    assert [text.tokens for text in json_lines.read_texts(garbage).texts] == [("a",)]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", r"not JSON\. Write one object per line"),
        ('{"tokens": ["a"]', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('["a"]', "expected an object"),
        ('{"words": ["a"]}', r"`tokens` is missing\. Keys found: 'words'"),
        ('{"tokens": "a"}', "`tokens` is not a list of strings"),
        ('{"tokens": ["a"], "ner_tags": [1]}', r"`ner_tags` are numbers, .* Parquet"),
        ('{"tokens": ["a"], "ner_tags": ["O", "O"]}', "1 `tokens` and 2 `ner_tags`"),
        ('{"tokens": ["a", " "], "ner_tags": ["O", "O"]}', "a sentence with an empty word"),
        (
            json.dumps({"tokens": ["a"] * (LONGEST_SENTENCE + 1), "ner_tags": ["O"] * (LONGEST_SENTENCE + 1)}),
            "a sentence of 2,001 words; at most 2,000",
        ),
    ],
)
def test_malformed_json_lines(write: WriteFile, line: str, complaint: str) -> None:
    path = write("x.jsonl", lines({"tokens": ["a"], "ner_tags": ["O"]}) + line + "\n")
    with pytest.raises(UserError, match=rf"x\.jsonl:2: {complaint}"):
        json_lines.read_rows(path)

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from msd_ray.common.errors import UserError
from msd_ray.data.catalogue import DATASETS
from msd_ray.data.parquet import read_labelled, read_unlabelled
from msd_ray.data.sentences import Sentence, Text

WriteFile = Callable[..., Path]
WIKIANN = DATASETS["wikiann"]


def test_the_hubs_columns(write_parquet: WriteFile) -> None:
    path = write_parquet("sw/train.parquet", [(["Jomo", "Kenyatta", "\u00a0"], [1, 2, 0]), (["Nairobi", "UM"], [5, 3])])
    assert read_labelled(path, WIKIANN).sentences == (
        Sentence(("Jomo", "Kenyatta", "\u00a0"), ("B-PER", "I-PER", "O")),
        Sentence(("Nairobi", "UM"), ("B-LOC", "B-ORG")),
    )
    assert read_unlabelled(path, WIKIANN).texts == (Text(("Jomo", "Kenyatta", "\u00a0")), Text(("Nairobi", "UM")))


def test_unlabelled_reading_needs_no_labels(tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    pq.write_table(pa.table({"tokens": [["a"], ["b", "c"]]}), path)
    assert read_unlabelled(path, WIKIANN).texts == (Text(("a",)), Text(("b", "c")))
    with pytest.raises(UserError, match=r"no column `ner_tags`\. The file is not WikiAnn"):
        read_labelled(path, WIKIANN)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([(["a"], [0]), (["b", "c"], [0])], "row 1 has 2 tokens and 1 labels"),
        ([(["a"], [7])], r"row 0 has an unknown label among \[7\]: the labels are 0 O, 1 B-PER"),
        ([(["a"], [-1])], "unknown label"),
        ([], "contains no sentence"),
    ],
)
def test_malformed_parquet(write_parquet: WriteFile, rows: list[object], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        read_labelled(write_parquet("train.parquet", rows), WIKIANN)


def test_a_file_that_is_no_parquet(write: WriteFile) -> None:
    path = write("train.parquet", "<html>not found</html>")
    for read in (lambda: read_labelled(path, WIKIANN), lambda: read_unlabelled(path, WIKIANN)):
        with pytest.raises(UserError, match=r"cannot read .*train\.parquet as Parquet"):
            read()

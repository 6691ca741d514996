"""The table of faults."""

from pathlib import Path

from fault_table import FaultRow, markdown, read


def test_one_line_a_fault_and_one_column_a_seed(tmp_path: Path) -> None:
    file = tmp_path / "chaos" / "rows.jsonl"
    for fault, seconds, seed in (
        ("a", 3.21, 2),
        ("b", 1.0, 1),
        ("a", 9.0, 1),
        ("a", 4.0, 1),
        ("b", None, 2),
        ("c", 5.0, 2),
    ):
        FaultRow(fault=fault, outcome="recovered", seconds=seconds, seed=seed).append(file)
    assert markdown(read(file)).split("\n") == [
        "| fault | outcome | seed 1, s | seed 2, s |",
        "|---|---|---:|---:|",
        "| a | recovered | 4.0 | 3.2 |",
        "| b | recovered | 1.0 | - |",
        "| c | recovered |  | 5.0 |",
    ]

"""Sort keys of tables, and the spans of their header cells."""

import pytest
import sample_page

from msd_ray.report.page_tables import rows_view, sort_number, table_view
from msd_ray.report.table import Group, Section, Table


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("61.67 ± 0.42", 61.67),
        ("61.67 ± 0.42 (n=5)", 61.67),
        ("−1.20", -1.2),
        ("-1.20", -1.2),
        ("+0.31", 0.31),
        ("− 3", -3.0),
        ("12 %", 12.0),
        ("1,024", 1024.0),
        ("1,024.5 [3, 4]", 1024.5),
        ("5e-05", 5e-5),
        ("2e−3", 2e-3),
        ("<0.001", 0.001),
        ("0.04 *", 0.04),
        (".5", 0.5),
        ("not run", None),
        ("", None),
        ("–", None),
        ("n/a", None),
        ("2026-11-22", None),
        ("3 layers", None),
        ("1.2.3", None),
        ("1e999", None),
        ("±", None),
    ],
)
def test_sort_number(text: str, number: float | None) -> None:
    assert sort_number(text) == number


def test_a_column_with_numbers_is_sorted_by_them_despite_other_texts() -> None:
    view = table_view(sample_page.score_table(), "t")
    rows = [row for _, part in view.sections for row in part]
    ours_in_turkish = [row.cells[4] for row in rows]
    assert [cell.number is None for cell in ours_in_turkish] == [False, True, False, False, False]
    assert [cell.missing for cell in ours_in_turkish] == [False, True, False, False, False]
    assert all(cell.numeric for cell in ours_in_turkish)
    assert [row.cells[0].text for row in rows if row.cells[0].missing] == ["–"]
    assert rows[0].cells[2].number == pytest.approx(58.31 - 61.67)
    assert not rows[0].label.numeric


def test_headers_of_groups_span_their_columns() -> None:
    view = table_view(sample_page.score_table(), "t")
    upper, lower = view.header
    assert [(cell.text, cell.colspan, cell.rowspan, cell.column) for cell in upper] == [
        ("Method", 1, 2, 0),
        ("ko", 3, 1, None),
        ("tr", 3, 1, None),
    ]
    assert [(cell.group, cell.text, cell.column) for cell in lower] == [
        (group, text, 3 * index + offset + 1)
        for index, group in enumerate(("ko", "tr"))
        for offset, text in enumerate(("paper", "ours", "difference"))
    ]
    assert view.width == 7
    assert view.length == 5


def test_headers_without_groups_are_one_line() -> None:
    view = table_view(sample_page.long_table(), "t")
    assert [[(cell.text, cell.numeric) for cell in line] for line in view.header] == [
        [("Trial", True), ("Difference", True), ("Name", False)]
    ]


def test_plain_rows() -> None:
    view = rows_view("Data", ("name", "F1", "seed"), (("a", "33.33", "1"), ("b", "–", "2")), "t")
    rows = view.sections[0][1]
    assert [row.label.text for row in rows] == ["a", "b"]
    assert [row.cells[0].text for row in rows] == ["33.33", "–"]
    assert [row.cells[0].missing for row in rows] == [False, True]
    assert [row.cells[1].number for row in rows] == [1, 2]


def test_plain_rows_sort_by_the_number_in_a_text() -> None:
    view = rows_view("Data", ("name", "F1"), (("a", "61.67 ± 0.42"), ("b", "not run"), ("c", "−3")), "t")
    assert [row.cells[0].number for row in view.sections[0][1]] == [61.67, None, -3.0]


def test_no_rows() -> None:
    assert rows_view("Data", ("name",), (), "t").length == 0


@pytest.mark.parametrize(("columns", "rows"), [((), ()), (("a",), (("1", "2"),)), (("a", "b"), (("1",),))])
def test_rows_that_do_not_match_the_columns(columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> None:
    with pytest.raises(ValueError, match="one per column"):
        rows_view("Data", columns, rows, "t")


def test_a_table_without_rows() -> None:
    """A search without an ablation has no pairs to compare."""
    table = Table(
        key="pairs",
        title="Pairs",
        label_heading="Rows",
        groups=(Group(key="f1", heading="F1", columns=("difference", "p"), fields=()),),
        sections=(Section(rows=()),),
    )
    view = table_view(table, "pairs")
    assert [[cell.text for cell in line] for line in view.header] == [["Rows", "F1"], ["difference", "p"]]
    assert view.sections == (("", ()),)

"""Markdown, LaTeX and CSV: the same cells in each, whatever the names contain."""

import csv
from decimal import Decimal
from html.parser import HTMLParser
from io import StringIO

import pytest
from hostile_tables import HOSTILE, one_line, table_of
from markdown_it import MarkdownIt
from paper_results import every_table

from msd_ray.report.cells import CountCell, PaperCell, SummaryCell, TextCell
from msd_ray.report.csv_files import csv_table
from msd_ray.report.markdown import markdown_table
from msd_ray.report.statistics.summary import signed, summarise
from msd_ray.report.table import Group, Row, Section, Table


class Cells(HTMLParser):
    """The texts of all headings, cells and list items of a page, and whether they are bold."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {"h3": [], "th": [], "td": [], "li": []}
        self.bold: list[str] = []
        self.other: set[str] = set()
        self.open = ""
        self.strong = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in self.texts:
            self.open = tag
            self.texts[tag].append("")
        self.strong = tag == "strong" or self.strong
        self.other |= {tag} - {*self.texts, "strong", "em", "table", "thead", "tbody", "tr", "ul"}

    def handle_endtag(self, tag: str) -> None:
        self.open = "" if tag == self.open else self.open
        self.strong = tag != "strong" and self.strong

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open][-1] += data
            if self.strong:
                self.bold.append(data)


def rendered(text: str) -> Cells:
    page = Cells()
    page.feed(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text))
    return page


def test_markdown_shows_every_text_as_it_is() -> None:
    table = table_of(HOSTILE)
    page = rendered(markdown_table(table))
    shown = [one_line(text) for text in HOSTILE]
    assert page.texts["h3"] == [one_line(table.title)]
    assert page.texts["th"] == [one_line(text) for text in (table.label_heading, *table.headings())]
    expected = [[text] * 3 for text in shown for _ in range(2)]
    expected.insert(0, [one_line(HOSTILE[6]), "", ""])
    assert [page.texts["td"][i : i + 3] for i in range(0, len(page.texts["td"]), 3)] == expected
    assert page.texts["li"] == shown
    assert page.other == set()
    assert page.bold == [text for text in shown if text]


def test_markdown_of_the_papers_tables_is_what_their_cells_show() -> None:
    for table in every_table():
        page = rendered(markdown_table(table))
        expected = []
        for section in table.sections:
            if section.heading:
                expected += [section.heading, *[""] * len(table.headings())]
            for row in section.rows:
                expected += [row.label, *(shown.text for shown in row.shown())]
        assert page.texts["td"] == expected
        assert page.texts["h3"] == [table.title]
    assert "| MSD w/o. all | 74.17 | – | – |\n" in markdown_table(every_table()[1])


def test_the_headings_level_is_chosen() -> None:
    assert markdown_table(table_of(HOSTILE), level=2).startswith("## a")


def read(text: str) -> list[list[str]]:
    return list(csv.reader(StringIO(text, newline="")))


def test_csv_has_one_value_a_cell() -> None:
    ours = summarise([0.5, 0.6, 0.7])
    table = Table(
        key="t",
        title="",
        label_heading="",
        groups=(
            Group(
                key="ko",
                heading="ko",
                columns=("", "", ""),
                fields=("paper", "mean", "sd", "low", "high", "n", "difference"),
            ),
            Group(key="tr", heading="tr", columns=("",), fields=("mean", "sd", "low", "high", "n")),
            Group(key="dev", heading="", columns=("", "", ""), fields=("paper", "found", "difference")),
        ),
        sections=(
            Section(
                rows=(
                    Row(
                        label="MSD",
                        cells=(
                            PaperCell(paper=Decimal("61.67"), ours=ours),
                            SummaryCell(summary=None),
                            CountCell(paper=1200, found=1100, absent=""),
                        ),
                    ),
                )
            ),
            Section(
                heading="control",
                rows=(
                    Row(
                        label="gold-aux",
                        zero_shot=False,
                        cells=(
                            PaperCell(paper=None, ours=None),
                            SummaryCell(summary=summarise([0.25])),
                            CountCell(paper=None, found=None, absent="no file"),
                        ),
                    ),
                ),
            ),
        ),
    )
    header, msd, control = read(csv_table(table))
    assert header[:5] == ["section", "row", "zero_shot", "ko.paper", "ko.mean"]
    values = dict(zip(header, msd, strict=True))
    assert values["ko.paper"] == "61.67"
    assert float(values["ko.mean"]) == pytest.approx(60)
    assert float(values["ko.sd"]) == pytest.approx(10)
    assert float(values["ko.difference"]) == pytest.approx(-1.67)
    assert (values["ko.n"], values["tr.mean"], values["tr.n"]) == ("3", "", "")
    assert (values["dev.paper"], values["dev.found"], values["dev.difference"]) == ("1200", "1100", "-100")
    assert control[:3] == ["control", "gold-aux", "false"]
    assert dict(zip(header, control, strict=True))["tr.mean"] == "25"
    assert control[3:10] == [""] * 7


def test_csv_keeps_texts_and_gives_no_spreadsheet_a_formula() -> None:
    header, *rows = read(csv_table(table_of(HOSTILE)))
    assert len(header) == 4
    labels = [row[1] for row in rows[::2]]
    for label, text in zip(labels, HOSTILE, strict=True):
        assert label == (f"'{text}" if text[:1] in ("=", "-", "@", "+") else one_line(text))
        assert label[:1] not in ("=", "-", "@", "+")
    assert {row[3] for row in rows} == {"1.5"}


def test_numbers_that_round_to_zero_have_no_minus() -> None:
    assert [signed(value) for value in (-0.001, 0.0, 0.004, -0.006, 12.345)] == [
        "+0.00",
        "+0.00",
        "+0.00",
        "−0.01",
        "+12.35",
    ]


def test_a_row_that_does_not_match_its_groups_is_rejected() -> None:
    with pytest.raises(ValueError, match="the cells of row 'MSD' do not match the columns"):
        Table(
            key="t",
            title="",
            label_heading="",
            groups=(Group(key="ko", heading="ko", columns=("a", "b"), fields=()),),
            sections=(Section(rows=(Row(label="MSD", cells=(TextCell(text="x"),)),)),),
        )

"""Markdown, LaTeX and CSV: the same cells in each, whatever stands in names."""

import csv
import re
import shutil
import subprocess
import unicodedata
from decimal import Decimal
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from msd_ray.reporting import latex
from msd_ray.reporting.cells import CountCell, NumberCell, PaperCell, SummaryCell, TextCell, signed
from msd_ray.reporting.csv_files import csv_table, write_csv
from msd_ray.reporting.latex import latex_document, latex_table
from msd_ray.reporting.markdown import markdown_table
from msd_ray.reporting.table import Group, Row, Section, Table
from msd_ray.reporting.tables import paper_tables
from msd_ray.statistics.summary import summarise

HOSTILE = (
    *("a|b\\|c", "*x* _y_ `z` ~~q~~", "<b>&amp;</b>", "[l](http://x) ![i](y)", "$m^2$ & 5% #1 {z}", "\\", "\\input{x}"),
    *(
        "[1cm]",
        "*",
        "a--b ,,x'' \"q\" ?`",
        "line\nbreak\tand  blanks",
        "=1+1",
        "-3",
        "@SUM(A1)",
        "+x",
        "ÄÖß éő",
        "1. x",
    ),
    *("# h", "- item", "> q", "   ", "", "한국어", "العربية", "x\\\\y^z~", "</td></tr>", "a\x07b"),
)


def one_line(text: str) -> str:
    return " ".join(text.split())


def table_of(texts: tuple[str, ...]) -> Table:
    """Every text in every place that a text can stand in."""
    rows = tuple(
        Row(label=text, bold=bold, cells=(TextCell(text=text), NumberCell(text=text, value=1.5)))
        for text in texts
        for bold in (False, True)
    )
    return Table(
        key="x_1/é",
        title=" ".join(texts),
        label_heading=texts[0],
        groups=(
            Group(key="first", heading=texts[1], columns=(texts[2],), fields=()),
            Group(key=texts[3], heading="", columns=(texts[4],), fields=(texts[5],)),
        ),
        sections=(Section(rows=rows[:4], heading=texts[6]), Section(rows=rows[4:])),
        notes=texts,
    )


class Cells(HTMLParser):
    """The texts of every heading, cell and list item of a page, and which of them are bold."""

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
    for table in paper_tables({}):
        page = rendered(markdown_table(table))
        expected = []
        for section in table.sections:
            if section.heading:
                expected += [section.heading, *[""] * len(table.headings())]
            for row in section.rows:
                expected += [row.label, *(shown.text for shown in row.shown())]
        assert page.texts["td"] == expected
        assert page.texts["h3"] == [table.title]
    assert "| MSD w/o. all | 74.17 | not run | – | 77.82 |" in markdown_table(paper_tables({})[1])


def test_the_headings_level_is_chosen() -> None:
    assert markdown_table(table_of(HOSTILE), level=2).startswith("## a")


LATEX_TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|[{}&$]|[^\\{}&$]+", re.DOTALL)


def latex_structure(text: str) -> None:
    """Braces and environments close in their order; nothing special is left unescaped."""
    open_braces, environments, math = 0, [], False
    for line in text.splitlines():
        assert not re.search(r"(?<!\\)(?:\\\\)*[#^~_]", line), line
        assert not re.search(r"(?<!\\)%(?!$)", line), line
        assert not re.match(r"\s*[\[*]", line), line  # after \\ it would be an argument
        for token in LATEX_TOKEN.findall(line):
            open_braces += (token == "{") - (token == "}")
            math = math != (token == "$")
            assert open_braces >= 0
        assert not math, line
        for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", line):
            if kind == "begin":
                environments.append(name)
            else:
                assert environments.pop() == name
    assert open_braces == 0
    assert not environments


def unescaped(text: str) -> str:
    """What LaTeX sets for text that `latex.escape` wrote."""
    for character, escaped in sorted(latex._ESCAPES.items(), key=lambda pair: -len(pair[1])):
        if len(escaped) > 2 and escaped not in ("--", "---"):
            text = text.replace(escaped, f"\0{ord(character)}\0")
    text = re.sub(r"\\([{}$&#%_])", lambda found: f"\0{ord(found[1])}\0", text).replace("{}", "")
    assert not set(text) & set("\\{}$&#%_^~"), text
    return re.sub("\0(\\d+)\0", lambda found: chr(int(found[1])), text)


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.isascii() and text.isprintable()])
def test_latex_escapes_to_what_sets_the_same_text(text: str) -> None:
    assert unescaped(latex.escape(text)) == one_line(text)


def test_latex_keeps_latin_letters_and_writes_others_as_code_points() -> None:
    assert latex.escape("Ünïcødé ő") == "Ünïcødé ő"
    assert latex.escape(unicodedata.normalize("NFD", "é")) == "é"
    assert latex.escape("한") == "{[}U+D55C{]}"
    assert latex.escape("61.67 ± 0.41 −1") == r"61.67 $\pm$ 0.41 $-$1"
    assert latex.escape("a--b") == "a-{}-b"


def test_latex_tables_have_their_structure() -> None:
    for table in (table_of(HOSTILE), *paper_tables({})):
        text = latex_table(table)
        latex_structure(text)
        width = 1 + len(table.headings())
        body = text[text.index(r"\toprule") : text.index(r"\bottomrule")]
        lines = [line for line in body.splitlines() if line.endswith(r"\\") and r"\multicolumn" not in line]
        assert len(lines) == 1 + len(list(table.rows()))
        assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {width - 1}
        assert rf"\begin{{tabular}}{{l{'r' * (width - 1)}}}" in text
        (label,) = re.findall(r"\\label\{(.*)\}", text)
        assert re.fullmatch(r"tab:[A-Za-z0-9-]+", label)


def test_latex_rules_lie_under_their_groups() -> None:
    (table_3,) = (table for table in paper_tables({}) if table.key == "table-3")
    rules = re.findall(r"\\cmidrule\(lr\)\{(\d+)-(\d+)\}", latex_table(table_3))
    assert rules == [("2", "4"), ("5", "7"), ("8", "10"), ("11", "13")]
    assert r"\textbf{MSD} & \textbf{62.88} & not run & -- &" in latex_table(table_3)
    assert r"\caption{The paper's Table 3: entity-level F1 (\%)" in latex_table(table_3)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex here")
def test_latex_compiles(tmp_path: Path) -> None:
    (tmp_path / "tables.tex").write_text(latex_document([table_of(HOSTILE), *paper_tables({})]), encoding="utf-8")
    command = ["pdflatex", "-draftmode", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]


def test_a_document_holds_every_table() -> None:
    text = latex_document(paper_tables({}))
    latex_structure(text.split(r"\begin{document}")[1].split(r"\end{document}")[0])
    assert text.count(r"\begin{table}") == text.count(r"\clearpage") + 1 == 8
    assert r"\usepackage{booktabs,graphicx}" in text


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


def test_csv_files_are_written_whole(tmp_path: Path) -> None:
    table = paper_tables({})[1]
    path = write_csv(table, tmp_path)
    assert path.name == "table-2.csv"
    assert path.read_bytes() == csv_table(table).encode()
    assert list(tmp_path.iterdir()) == [path]


def test_numbers_that_round_to_nothing_have_no_minus() -> None:
    assert [signed(value) for value in (-0.001, 0.0, 0.004, -0.006, 12.345)] == [
        "+0.00",
        "+0.00",
        "+0.00",
        "−0.01",
        "+12.35",
    ]


def test_a_row_that_does_not_fit_its_groups_is_refused() -> None:
    with pytest.raises(ValueError, match="the cells of row 'MSD' do not fit the columns"):
        Table(
            key="t",
            title="",
            label_heading="",
            groups=(Group(key="ko", heading="ko", columns=("a", "b"), fields=()),),
            sections=(Section(rows=(Row(label="MSD", cells=(TextCell(text="x"),)),)),),
        )

"""Tables as LaTeX: escaped, well-formed, and compiled if pdflatex is installed."""

import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest
from hostile_tables import HOSTILE, one_line, table_of
from paper_results import every_table

from msd_ray.report import latex
from msd_ray.report.latex import latex_document, latex_table

LATEX_TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|[{}&$]|[^\\{}&$]+", re.DOTALL)


def latex_structure(text: str) -> None:
    """Check that braces and environments are balanced and no special character is unescaped."""
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
    """Return the text that LaTeX shows for the output of `latex.escape`."""
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
    for table in (table_of(HOSTILE), *every_table()):
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
    (table_3,) = (table for table in every_table() if table.key == "table-3")
    rules = re.findall(r"\\cmidrule\(lr\)\{(\d+)-(\d+)\}", latex_table(table_3))
    assert rules == [("2", "4")]
    assert r"\textbf{MSD} & \textbf{62.88} & \textbf{55.00 $\pm$ 7.07 (n=2)} & $-$7.88 \\" in latex_table(table_3)
    assert r"\caption{The paper's Table 3: entity-level F1 (\%)" in latex_table(table_3)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex here")
def test_latex_compiles(tmp_path: Path) -> None:
    (tmp_path / "tables.tex").write_text(latex_document([table_of(HOSTILE), *every_table()]), encoding="utf-8")
    command = ["pdflatex", "-draftmode", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]


def test_a_document_holds_every_table() -> None:
    text = latex_document(every_table())
    latex_structure(text.split(r"\begin{document}")[1].split(r"\end{document}")[0])
    assert text.count(r"\begin{table}") == text.count(r"\clearpage") + 1 == 8
    assert r"\usepackage{booktabs,graphicx}" in text

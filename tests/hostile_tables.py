"""Tables with texts that a format could take for its own marks."""

from msd_ray.report.cells import NumberCell, TextCell
from msd_ray.report.table import Group, Row, Section, Table

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

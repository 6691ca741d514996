"""A report as one HTML file that opens from disk without a network, responsive and accessible, light and dark.

The page is built from plain sections. Every text is escaped, and a Content-Security-Policy allows only the page's own
scripts by their SHA-256, so that neither a corpus sentence nor a study's name can run or load anything. plotly.js, the
only library, is embedded once.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from .figures import FigureWithData
from .marked_sentences import SentenceList, gold_pieces, predicted_pieces
from .page_tables import rows_view, table_view
from .table import Table

_ANCHOR = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_FIRST = "first"
_RESERVED = ("main", "contents", "announcements", _FIRST)
_CODE = re.compile(r"`([^`]+)`")
# Characters that can end a <script> element or change its parsing, and line ends of JavaScript before 2019.
_IN_SCRIPT = {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
UNFOLDED = 5
"""Sentences of a list that are visible; the others are folded."""
RIGHT_TO_LEFT = frozenset({"ar", "arc", "dv", "fa", "ha", "he", "khw", "ks", "ku", "ps", "sd", "ug", "ur", "yi"})
"""Languages written from right to left; a sentence that begins with a foreign name would hide its direction."""
_DEFAULT_HEIGHT = 420  # pixels, for figures that set none


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section of the page: paragraphs and notes, then tables, figures and lists of sentences.

    anchor: link target (`#tables`) of lower-case letters, digits and hyphens. notes: highlighted. In paragraphs and
    notes, text between backticks becomes code.
    """

    heading: str
    anchor: str
    paragraphs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[FigureWithData, ...] = ()
    sentence_lists: tuple[SentenceList, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing but paragraphs."""
        return not (self.tables or self.figures or self.sentence_lists)


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A number in large type and what it is."""

    value: str
    text: str


@dataclass(frozen=True, kw_only=True)
class FirstScreen:
    """What a reader sees first, without scrolling on a desktop.

    facts: what the study is and the conditions of its results. headlines: the numbers that matter. table, figure: all
    rows. settings: by name; more_settings: folded.
    """

    facts: tuple[str, ...]
    headlines: tuple[Fact, ...]
    table: Table
    figure: FigureWithData | None
    settings_title: str
    settings: Mapping[str, str]
    more_settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Page:
    """A report. first: its first screen; footer: how the report was generated."""

    title: str
    sections: tuple[Section, ...]
    first: FirstScreen | None = None
    paragraphs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    footer: str = ""


def render(page: Page) -> str:
    """Render the page as HTML; equal pages give equal text.

    Raises:
        ValueError: an anchor is malformed or used twice.
    """
    _check_anchors(page.sections)
    scripts = {"theme": _template_text("theme.js"), "plotly": get_plotlyjs(), "report": _template_text("report.js")}
    for name, script in scripts.items():
        if re.search(r"</script|<!--", script, re.IGNORECASE):
            raise ValueError(f"script {name}: contains </script or <!--, which HTML cannot embed")
    if not any(section.figures for section in page.sections) and (page.first is None or page.first.figure is None):
        del scripts["plotly"]
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            page=page,
            first=None if page.first is None else _first_view(page.first),
            sections=[_section_view(section) for section in page.sections],
            policy=_policy(scripts.values()),
            scripts={name: Markup(script) for name, script in scripts.items()},  # noqa: S704 - checked above
            style=Markup(_template_text("report.css")),  # noqa: S704 - our own file
        )
    )


def json_in_script(text: str) -> Markup:
    """Escape JSON for a <script> element, so that it cannot end the element or open a comment.

    >>> json_in_script('["</script>"]')
    Markup('["\\\\u003c/script\\\\u003e"]')
    """
    return Markup("".join(_IN_SCRIPT.get(character, character) for character in text))  # noqa: S704


def _check_anchors(sections: Sequence[Section]) -> None:
    """Raise ValueError unless the anchors of all sections and tables are well-formed and unique."""
    taken = set(_RESERVED)
    for section in sections:
        if not _ANCHOR.fullmatch(section.anchor):
            raise ValueError(f"anchor {section.anchor!r}: expected lower-case letters and digits, joined by hyphens")
        for anchor in (section.anchor, *(f"{section.anchor}-{table.key}" for table in section.tables)):
            if anchor in taken:
                raise ValueError(f"anchor {anchor!r}: is used twice on the page")
            taken.add(anchor)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("msd_ray.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = _prose
    return environment


def _first_view(first: FirstScreen) -> dict[str, Any]:
    return {
        "first": first,
        "table": table_view(first.table, f"{_FIRST}-{first.table.key}"),
        "figure": None if first.figure is None else _figure_view(first.figure, f"{_FIRST}-figure"),
    }


def _section_view(section: Section) -> dict[str, Any]:
    """Return a section's template values; each table and figure gets its own anchor."""
    return {
        "section": section,
        "tables": [table_view(table, f"{section.anchor}-{table.key}") for table in section.tables],
        "figures": [
            _figure_view(drawing, f"{section.anchor}-figure-{number}")
            for number, drawing in enumerate(section.figures, start=1)
        ],
        "lists": [_list_view(sentences) for sentences in section.sentence_lists],
    }


def _list_view(sentences: SentenceList) -> dict[str, Any]:
    views = [
        {"remark": tagged.remark, "gold": gold_pieces(tagged), "predicted": predicted_pieces(tagged)}
        for tagged in sentences.sentences
    ]
    return {
        "list": sentences,
        "shown": views[:UNFOLDED],
        "folded": views[UNFOLDED:],
        "direction": "rtl" if sentences.lang.split("-")[0] in RIGHT_TO_LEFT else "auto",
    }


def _figure_view(drawing: FigureWithData, anchor: str) -> dict[str, Any]:
    return {
        "drawing": drawing,
        "anchor": anchor,
        "height": int(drawing.figure.layout.height or _DEFAULT_HEIGHT),
        "json": json_in_script(drawing.figure.to_json()),
        "table": rows_view(f"Data: {drawing.title}", drawing.columns, drawing.rows, f"{anchor}-data"),
    }


def _prose(text: str) -> Markup:
    """Escape a text and mark text between backticks as code."""
    parts = _CODE.split(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts)
    )


def _policy(scripts: Iterable[str]) -> str:
    """Return the Content-Security-Policy: no external sources, only these scripts.

    Inline styles and data: and blob: images are allowed because plotly.js sets styles and exports figures as images.
    """
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _template_text(name: str) -> str:
    return (files("msd_ray.report") / "templates" / name).read_text(encoding="utf-8")

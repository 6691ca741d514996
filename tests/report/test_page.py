"""The page's HTML: escaped, self-contained, only its own scripts, deterministic."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import pytest
import sample_page
from plotly.offline import get_plotlyjs

from msd_ray.report.marked_sentences import SentenceList, TaggedSentence
from msd_ray.report.page import Page, Section, json_in_script, render


class Outline(HTMLParser):
    """Parsed page: elements with attributes, scripts, headings and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.headings: list[int] = []
        self.text = ""
        self._script: dict[str, str | None] | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "script":
            self._script = dict(attrs)
            self.scripts.append((self._script, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._script = None

    def handle_data(self, data: str) -> None:
        if self._script is None:
            self.text += data
        else:
            self.scripts[-1] = (self._script, self.scripts[-1][1] + data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def html() -> str:
    return render(sample_page.page())


@pytest.fixture(scope="module")
def outline(html: str) -> Outline:
    return Outline(html)


def test_same_page_same_text(html: str) -> None:
    assert render(sample_page.page()) == html


def test_the_policy_allows_only_the_pages_scripts(outline: Outline) -> None:
    policies = [meta["content"] for meta in outline.of("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    policy = policies[0] or ""
    digests = [
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for attributes, text in outline.scripts
        if attributes.get("type") is None
    ]
    assert len(digests) == 3
    assert policy == (
        f"default-src 'none'; script-src {' '.join(digests)}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def test_nothing_is_loaded(outline: Outline) -> None:
    loading = [
        (tag, name, value)
        for tag, attributes in outline.elements
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "action", "data", "poster")
        and not (value or "").startswith(("#", "data:"))
    ]
    assert loading == []
    style = (files("msd_ray.report") / "templates" / "report.css").read_text(encoding="utf-8")
    assert "url(" not in style
    assert "@import" not in style


def test_plotly_is_embedded_once_and_only_with_figures(html: str) -> None:
    library = get_plotlyjs()
    assert html.count(library) == 1
    bare = render(Page(title="No figures", sections=(Section(heading="Text", anchor="text"),)))
    assert library not in bare


def test_hostile_text_is_text(html: str, outline: Outline) -> None:
    assert sample_page.ATTACK in outline.text
    assert "<script>window.hacked" not in html.replace(get_plotlyjs(), "")
    assert all("onerror" not in attributes for _, attributes in outline.elements)
    assert outline.of("img") == []


def test_figures_are_data_that_no_text_can_end(outline: Outline) -> None:
    data = [json.loads(text) for attributes, text in outline.scripts if attributes.get("type") == "application/json"]
    assert len(data) == 5
    assert data[-1]["data"][0]["x"] == [sample_page.ATTACK, "b"]
    hostile = json.dumps(["</script>", "<!-- <script>", "a & b", "\u2028\u2029"], ensure_ascii=False)
    assert not re.search("[<>&\u2028\u2029]", json_in_script(hostile))
    assert json.loads(json_in_script(hostile)) == json.loads(hostile)


def test_headings_are_in_order(outline: Outline) -> None:
    assert outline.headings.count(1) == 1
    assert outline.headings[0] == 1
    assert all(after <= before + 1 for before, after in zip(outline.headings, outline.headings[1:], strict=False))


def test_landmarks_and_links(outline: Outline) -> None:
    assert [len(outline.of(tag)) for tag in ("header", "nav", "main", "footer")] == [1, 1, 1, 1]
    identifiers = [value for _, attributes in outline.elements if (value := attributes.get("id"))]
    assert len(identifiers) == len(set(identifiers))
    targets = [(link["href"] or "")[1:] for link in outline.of("a")]
    assert targets == ["main", "scores", "figures", "worst-sentences", "hostile"]
    named = [
        value
        for _, attributes in outline.elements
        for name in ("aria-labelledby", "data-figure")
        if (value := attributes.get(name))
    ]
    assert set(targets) | set(named) <= set(identifiers)


def test_every_figure_has_words_and_data(outline: Outline) -> None:
    drawings = [element for element in outline.of("div") if element.get("class") == "drawing"]
    assert len(drawings) == len(outline.of("figure")) == 5
    assert all(drawing["role"] == "img" and drawing["aria-label"] for drawing in drawings)
    assert len(outline.of("details")) == 5 + 3  # and the contents, hyperparameters, sentences
    assert len(outline.of("figcaption")) == 5


def test_every_header_cell_has_a_scope(outline: Outline) -> None:
    assert {cell.get("scope") for cell in outline.of("th")} == {"col", "colgroup", "row", "rowgroup"}
    assert len(outline.of("caption")) == len(outline.of("table"))


def test_sentences_carry_verdicts_in_words_and_their_own_direction(html: str, outline: Outline) -> None:
    lines = [element for element in outline.of("dd") if "dir" in element]
    assert len(lines) == 16
    assert all(line["dir"] == "auto" for line in lines)
    for words in ("wrong boundary and type", "wrong type", "wrong boundary", "missed", "spurious"):
        assert f'<span class="verdict">{words}</span>' in html
    assert "<mark>محمد صلاح</mark>" in html
    assert "<mark>北京大学</mark>" in html


def test_five_sentences_are_visible_and_the_others_folded(html: str) -> None:
    shown, folded = html.split("<summary>More sentences")
    assert shown.count('<p class="remark">') == 5
    assert folded.count('<p class="remark">') == 3
    assert '<p class="remark">6. folded after five</p>' in folded


def test_a_right_to_left_sentence_keeps_its_direction_whatever_it_begins_with() -> None:
    sentence = TaggedSentence(tokens=("BBC", "في", "لندن"), gold=("B-ORG", "O", "B-LOC"), predicted=("O", "O", "O"))
    for lang, direction in (("ar", "rtl"), ("fa", "rtl"), ("zh", "auto"), ("", "auto")):
        listed = SentenceList(title="t", lang=lang, sentences=(sentence,))
        html = render(Page(title="t", sections=(Section(heading="s", anchor="s", sentence_lists=(listed,)),)))
        assert html.count(f'<dd dir="{direction}"') == 2


@pytest.mark.parametrize("anchor", ["", "With Space", "-a", "a-", "Ä", "main", "first", "scores", '"', "scores-trials"])
def test_anchors_are_names_of_their_own(anchor: str) -> None:
    page = sample_page.page()
    with pytest.raises(ValueError, match="anchor"):
        render(replace(page, sections=(*page.sections, Section(heading="Another", anchor=anchor))))


def test_code_in_prose() -> None:
    html = render(Page(title="t", paragraphs=("Run `a < b` & `c`, not `d",), sections=()))
    assert "<p>Run <code>a &lt; b</code> &amp; <code>c</code>, not `d</p>" in html


def _luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2.2) of `#rrggbb`."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_contrast(theme: int) -> None:
    style = (files("msd_ray.report") / "templates" / "report.css").read_text(encoding="utf-8")
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", style)
    colours = {name: (light, dark)[theme] for name, light, dark in pairs}

    def contrast(one: str, other: str) -> float:
        high, low = sorted((_luminance(colours[one]), _luminance(colours[other])), reverse=True)
        return (high + 0.05) / (low + 0.05)

    for text in ("text", "quiet", "accent", "good", "fair", "bad"):
        assert contrast(text, "ground") >= 4.5, text
    assert contrast("text", "accent-ground") >= 4.5
    assert min(contrast(text, "raised") for text in ("text", "quiet", "good", "fair", "bad")) >= 4.5

"""Figures in Chromium: on a phone, in the dark theme, on a wide screen; no network access, no injected script."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import plotly
import pytest
from chromium import TIMEOUT
from playwright.sync_api import Browser, Page

from msd_ray.report.figures import CONFIG, FigureWithData, template_json

pytestmark = pytest.mark.slow

SCRIPT = """
window.evil = () => { window.harmed = true; };
const draw = ([name, figure]) => {
  const place = document.getElementById(name);
  place.style.height = `${figure.layout.height}px`;
  return Plotly.newPlot(place, figure.data, figure.layout, CONFIG);
};
window.drawn = Promise.all(Object.entries(FIGURES).map(draw)).then(() => true);
"""


@pytest.fixture(scope="module")
def page_file(figures: Mapping[str, FigureWithData], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a page with a figure of each kind."""
    library = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    contents = ", ".join(f'"{name}": {figure.figure.to_json()}' for name, figure in figures.items())
    places = "".join(f"<div class=figure id={name}></div>" for name in figures)
    directory = tmp_path_factory.mktemp("figures")
    script = f"const CONFIG = {json.dumps(dict(CONFIG))}; const FIGURES = {{{contents}}}; {SCRIPT}"
    (directory / "figures.js").write_text(script, encoding="utf-8")
    scripts = f'<script src="{library.as_uri()}"></script>{places}<script src="figures.js"></script>'
    page = directory / "figures.html"
    head = '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    page.write_text(f"{head}<style>body {{margin: 0}}</style>{scripts}", encoding="utf-8")
    return page


@pytest.fixture(scope="module")
def complaints() -> list[str]:
    """Return the browser's errors and warnings."""
    return []


@pytest.fixture(scope="module")
def phone(browser: Browser, page_file: Path, complaints: list[str]) -> Iterator[Page]:
    """Return the page on a phone's screen."""
    tab = browser.new_page(viewport={"width": 390, "height": 800})
    tab.set_default_timeout(TIMEOUT)
    tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: None if request.url.startswith("file:") else complaints.append(request.url))
    tab.goto(page_file.as_uri())
    assert tab.evaluate("window.drawn") is True
    yield tab
    tab.close()


def test_everything_is_drawn_without_complaint(
    phone: Page, complaints: list[str], figures: Mapping[str, FigureWithData]
) -> None:
    assert complaints == []
    for name, figure in figures.items():
        drawn = phone.locator(f"#{name} .main-svg").first
        assert drawn.bounding_box() is not None, name
        title = phone.locator(f"#{name} .gtitle").text_content()
        assert title is not None
        assert title.startswith(figure.title.split(" (<img")[0]), name


def test_names_are_shown_literally_and_not_executed(phone: Page) -> None:
    assert phone.evaluate("window.harmed") is None
    assert phone.locator(".figure svg a, .figure svg img").count() == 0
    assert phone.locator("text=<img src=x").count() > 0


def test_nothing_is_wider_than_a_phone(phone: Page) -> None:
    assert phone.evaluate("document.documentElement.scrollWidth") == 390
    beyond = phone.evaluate(
        """() => [...document.querySelectorAll('.gtitle, .xtitle, .legendtext, .annotation-text')]
            .filter(text => text.getBoundingClientRect().right > 391 || text.getBoundingClientRect().left < -1)
            .map(text => [text.closest('.figure').id, text.textContent])"""
    )
    assert beyond == []


def test_lines_of_parallel_coordinates_meet_their_axes(phone: Page) -> None:
    gap = phone.evaluate(
        """() => {
            const middle = element => {
                const box = element.getBoundingClientRect();
                return (box.top + box.bottom) / 2;
            };
            const axis = middle(document.querySelector('#parallel .shapelayer path'));
            const points = [...document.querySelectorAll('#parallel .scatterlayer .trace:nth-child(2) .point')];
            return Math.min(...points.map(point => Math.abs(middle(point) - axis)));
        }"""
    )
    assert gap < 2


def test_the_template_switches_the_colours(phone: Page) -> None:
    colour = "() => getComputedStyle(document.querySelector('#history .gtitle')).fill"
    switch = "template => Plotly.relayout('history', {template}).then(() => true)"
    light = phone.evaluate(colour)
    phone.evaluate(switch, template_json("dark"))
    assert phone.evaluate(colour) != light
    phone.evaluate(switch, template_json("light"))
    assert phone.evaluate(colour) == light


def test_panels_are_side_by_side_on_wide_screens(phone: Page) -> None:
    tops = """() => [...document.querySelectorAll('#types .annotation-text')]
        .map(title => Math.round(title.getBoundingClientRect().top))"""
    arrange = """name => {
        const figure = document.getElementById('types');
        return Plotly.relayout(figure, figure.layout.meta[name]).then(() => true);
    }"""
    assert len(set(phone.evaluate(tops))) == 3
    phone.set_viewport_size({"width": 1000, "height": 800})
    phone.evaluate(arrange, "wide")
    assert len(set(phone.evaluate(tops))) == 1
    phone.set_viewport_size({"width": 390, "height": 800})
    phone.evaluate(arrange, "narrow")
    assert len(set(phone.evaluate(tops))) == 3

"""Figures in Chromium, on a page with one of each kind: on a phone and on a wide screen; nothing is executed."""

from collections.abc import Iterator, Mapping

import pytest
from opened_page import Complaints, opened
from playwright.sync_api import Browser
from playwright.sync_api import Page as Tab

from msd_ray.report.figures import FigureWithData
from msd_ray.report.page import Page, Section, render

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def phone(
    browser: Browser, figures: Mapping[str, FigureWithData], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Tab, Complaints]]:
    """Return the page on a phone's screen."""
    sections = tuple(
        Section(heading=name, anchor=name.replace("_", "-"), figures=(figure,)) for name, figure in figures.items()
    )
    file = tmp_path_factory.mktemp("figures") / "figures.html"
    file.write_text(render(Page(title="Figures", sections=sections)), encoding="utf-8")
    with opened(browser, file, viewport={"width": 390, "height": 800}) as tab_and_complaints:
        yield tab_and_complaints


def test_names_are_shown_literally_and_not_executed(phone: tuple[Tab, Complaints]) -> None:
    tab, complaints = phone
    assert complaints == []
    assert tab.locator(".drawing svg a, .drawing svg img").count() == 0
    assert tab.locator("text=<img src=x").count() > 0


def test_nothing_is_wider_than_a_phone(phone: tuple[Tab, Complaints]) -> None:
    tab, _ = phone
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    beyond = tab.evaluate(
        """() => [...document.querySelectorAll('.xtitle, .legendtext, .annotation-text')]
            .filter(text => text.getBoundingClientRect().right > 391 || text.getBoundingClientRect().left < -1)
            .map(text => [text.closest('.drawing').dataset.figure, text.textContent])"""
    )
    assert beyond == []


def test_tick_labels_do_not_collide(phone: tuple[Tab, Complaints]) -> None:
    tab, _ = phone
    for width in (390, 1280):
        tab.set_viewport_size({"width": width, "height": 800})
        tab.wait_for_timeout(1000)  # figures are drawn again
        colliding = tab.evaluate(
            """() => [...document.querySelectorAll('.drawing')].flatMap(place => {
                const rotated = text => /rotate\\((?!0[,)])/.test(text.getAttribute('transform') ?? '');
                const shown = '[class$="tick"] text, text[class$="title"], .annotation-text, .legendtext';
                const texts = [...place.querySelectorAll(shown)]
                    .filter(text => !rotated(text)); // whose boxes are wider than they are
                const boxes = texts.map(text => [text, text.getBoundingClientRect()]);
                return boxes.flatMap(([one, a], i) => boxes.slice(i + 1)
                    .filter(([_, b]) => a.left < b.right - 1 && b.left < a.right - 1
                        && a.top < b.bottom - 1 && b.top < a.bottom - 1)
                    .map(([other]) => [place.dataset.figure, one.textContent, other.textContent]));
            })"""
        )
        assert colliding == [], width


def test_panels_are_side_by_side_on_wide_screens(phone: tuple[Tab, Complaints]) -> None:
    tab, _ = phone
    tops = """() => [...document.querySelectorAll('#types-figure-1 .annotation-text')]
        .map(title => Math.round(title.getBoundingClientRect().top))"""
    tab.set_viewport_size({"width": 390, "height": 800})
    tab.wait_for_timeout(1000)
    assert len(set(tab.evaluate(tops))) == 3
    tab.set_viewport_size({"width": 1280, "height": 800})
    tab.wait_for_timeout(1000)
    assert len(set(tab.evaluate(tops))) == 1

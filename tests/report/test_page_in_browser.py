"""The page opened from disk in Chromium: keyboard, phone, dark theme, print."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sample_page
from chromium import TIMEOUT, executable
from opened_page import Complaints, column, focus_by_keyboard, opened, until
from playwright.sync_api import Browser, ViewportSize
from playwright.sync_api import Page as Tab

from msd_ray.report.page import Page, Section, render

WINDOW: ViewportSize = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(sample_page.page()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def desk(browser: Browser, file: Path) -> Iterator[tuple[Tab, Complaints]]:
    """The page on a wide screen, opened once; every test restores its state."""
    with opened(browser, file) as tab_and_complaints:
        yield tab_and_complaints


def test_nothing_fails_and_nothing_is_requested(desk: tuple[Tab, Complaints]) -> None:
    tab, complaints = desk
    assert tab.title() == "MSD on mLOWNER: English to Korean and Turkish"
    assert complaints == []


def test_every_figure_is_drawn(desk: tuple[Tab, Complaints]) -> None:
    tab, _ = desk
    sizes = tab.eval_on_selector_all(
        ".drawing",
        """places => places.map(place => {
            const drawn = place.querySelector('.plotly svg.main-svg, .plotly canvas');
            const box = drawn ? drawn.getBoundingClientRect() : { width: 0, height: 0 };
            return [box.width, box.height, place.querySelectorAll('.trace, .hm, .point').length];
        })""",
    )
    assert len(sizes) == 5
    assert all(width > 300 and height > 150 and marks > 0 for width, height, marks in sizes), sizes


def test_skip_link_and_contents(desk: tuple[Tab, Complaints]) -> None:
    tab, _ = desk
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the report"
    box = tab.locator(".skip").bounding_box()
    assert box is not None
    assert box["y"] >= 0
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "main"
    tab.click("nav a[href='#worst-sentences']")
    tab.wait_for_selector("nav a[href='#worst-sentences'][aria-current]")
    assert tab.locator("nav a[aria-current]").count() == 1


def test_numbers_are_sorted_with_the_keyboard(desk: tuple[Tab, Complaints]) -> None:
    tab, complaints = desk
    table = "scores-table-4"
    heading = f"#{table} th[data-column='2']"  # ko, ours
    before = column(tab, table, 0)
    tab.focus("#main")
    focus_by_keyboard(tab, f"{heading} button")
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"

    tab.keyboard.press("Enter")
    assert tab.get_attribute(heading, "aria-sort") == "ascending"
    assert column(tab, table, 2) == ["57.33 ± 0.32 (n=5)", "58.31 ± 0.32 (n=5)", "66.50 ± 0.32 (n=5)", "not run"]
    assert column(tab, table, 0, body=1) == ["TSL"]  # a part of the table stays a part
    assert tab.text_content("#announcements") == "Sorted by ko ours, ascending"

    tab.keyboard.press("Space")
    assert tab.get_attribute(heading, "aria-sort") == "descending"
    assert column(tab, table, 2) == ["66.50 ± 0.32 (n=5)", "58.31 ± 0.32 (n=5)", "57.33 ± 0.32 (n=5)", "not run"]

    focus_by_keyboard(tab, f"#{table} th[data-column='3'] button")  # the difference
    tab.keyboard.press("Enter")
    assert column(tab, table, 3) == ["−3.36", "+0.10", "–", "–"]
    assert tab.locator(f"#{table} th[aria-sort]").count() == 1

    tab.keyboard.press("Enter")
    tab.keyboard.press("Enter")
    assert tab.locator(f"#{table} th[aria-sort]").count() == 0
    assert column(tab, table, 0) == before
    assert complaints == []


def test_negative_numbers_and_words_are_sorted(desk: tuple[Tab, Complaints]) -> None:
    tab, _ = desk
    table = "scores-trials"
    tab.focus(f"#{table} th[data-column='1'] button")
    tab.keyboard.press("Enter")
    numbers = [float(text.replace("−", "-")) for text in column(tab, table, 1)]
    assert numbers == sorted(numbers)
    assert numbers[0] < 0 < numbers[-1]
    tab.focus(f"#{table} th[data-column='2'] button")
    tab.keyboard.press("Enter")
    assert column(tab, table, 2) == sorted(column(tab, table, 2))
    tab.focus(f"#{table} th[data-column='0'] button")
    tab.keyboard.press("Enter")
    assert column(tab, table, 0) == [str(number) for number in range(60)]  # not 0, 1, 10, 11


LIGHT, DARK = "rgb(253, 252, 250)", "rgb(21, 24, 27)"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
TICKS = "getComputedStyle(document.querySelector('.xtick text')).fill"


def test_theme_follows_the_system_until_it_is_chosen(desk: tuple[Tab, Complaints]) -> None:
    tab, complaints = desk
    toggle = tab.locator("button.theme")
    assert (tab.evaluate(BACKGROUND), toggle.get_attribute("aria-pressed")) == (LIGHT, "false")
    ticks = tab.evaluate(TICKS)
    tab.emulate_media(color_scheme="dark")
    until(tab, f"{TICKS} !== '{ticks}'")
    assert (tab.evaluate(BACKGROUND), toggle.get_attribute("aria-pressed")) == (DARK, "true")
    toggle.press("Enter")
    assert (tab.evaluate(BACKGROUND), toggle.get_attribute("aria-pressed")) == (LIGHT, "false")
    until(tab, f"{TICKS} === '{ticks}'")
    toggle.press("Space")
    assert (tab.evaluate(BACKGROUND), toggle.get_attribute("aria-pressed")) == (DARK, "true")
    tab.emulate_media(color_scheme="light")
    tab.reload()
    tab.wait_for_selector("html[data-figures=drawn]")
    assert (tab.evaluate(BACKGROUND), toggle.get_attribute("aria-pressed")) == (DARK, "true")  # remembered
    assert tab.evaluate(TICKS) != ticks
    tab.evaluate("localStorage.clear()")
    tab.reload()
    tab.wait_for_selector("html[data-figures=drawn]")
    assert (tab.evaluate(BACKGROUND), tab.evaluate(TICKS)) == (LIGHT, ticks)
    assert complaints == []


def test_paper_is_light_and_shows_no_buttons(desk: tuple[Tab, Complaints]) -> None:
    tab, complaints = desk
    light = tab.evaluate(TICKS)
    tab.emulate_media(color_scheme="dark")
    until(tab, f"{TICKS} !== '{light}'")
    tab.emulate_media(media="print")
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert (tab.evaluate(BACKGROUND), tab.evaluate(TICKS)) == (LIGHT, light)
    assert not tab.locator("button.theme").is_visible()
    assert not tab.locator("nav").is_visible()
    assert max(tab.eval_on_selector_all(".drawing svg.main-svg", "all => all.map(svg => svg.clientWidth)")) <= 640
    tab.emulate_media(media="screen")
    tab.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tab.evaluate(BACKGROUND) == DARK
    assert tab.evaluate(TICKS) != light
    tab.emulate_media(color_scheme="light")
    until(tab, f"{TICKS} === '{light}'")
    assert complaints == []


def test_no_motion_where_none_is_wanted(desk: tuple[Tab, Complaints]) -> None:
    tab, _ = desk
    scrolling = "getComputedStyle(document.documentElement).scrollBehavior"
    tab.emulate_media(reduced_motion="reduce")
    assert tab.evaluate(scrolling) == "auto"
    tab.emulate_media(reduced_motion="no-preference")
    assert tab.evaluate(scrolling) == "smooth"


def test_what_a_screen_reader_finds(desk: tuple[Tab, Complaints]) -> None:
    tab, _ = desk
    assert tab.get_by_role("heading", level=1).count() == 1
    for landmark in ("banner", "navigation", "main", "contentinfo"):
        assert tab.get_by_role(landmark).count() == 1, landmark
    assert tab.get_by_role("navigation", name="Contents").get_by_role("link").count() == 4
    assert tab.get_by_role("img", name="Four rising curves; TSL w. MMD ends highest.").count() == 2
    table = tab.get_by_role("table", name="Table 4: entity-level F1 (%) on mLOWNER")
    assert table.get_by_role("columnheader", name="ko ours").get_by_role("button").count() == 1
    assert table.get_by_role("rowheader", name="MSD w/o MMD-L").count() == 1
    assert tab.get_by_role("region", name="Table 4: entity-level F1 (%) on mLOWNER").count() == 1


def test_arabic_runs_from_the_right_with_each_tag_after_its_entity(desk: tuple[Tab, Complaints]) -> None:
    tab, _ = desk
    directions = tab.eval_on_selector_all("dd[dir=auto]", "all => all.map(line => getComputedStyle(line).direction)")
    assert directions == ["ltr"] * 2 + ["rtl"] * 2 + ["ltr"] * 12
    sides = tab.eval_on_selector_all(
        ".sentences li:nth-child(-n+3) .entity",
        """all => all.filter(entity => entity.getClientRects().length === 1).map(entity => {
            const [mark, tag] = [...entity.children].map(part => part.getBoundingClientRect());
            const rtl = getComputedStyle(entity).direction === 'rtl';
            return [rtl, rtl ? mark.left - tag.right : tag.left - mark.right];
        })""",
    )
    assert {rtl for rtl, _ in sides} == {False, True}
    assert all(3 < gap < 12 for _, gap in sides), sides  # next to its own entity, on the side where the text goes on
    styles = tab.eval_on_selector_all(
        ".sentences li .entity", "all => all.map(entity => getComputedStyle(entity).borderBottomStyle)"
    )
    assert set(styles) == {"solid", "dashed", "dotted"}


def test_a_tag_stays_on_the_line_of_its_entity(desk: tuple[Tab, Complaints]) -> None:
    """Chinese may end a line after any character, hence before a tag."""
    tab, _ = desk
    apart = []
    for width in range(300, 480, 12):
        tab.set_viewport_size({"width": width, "height": 900})
        apart += tab.eval_on_selector_all(
            ".sentences li:nth-child(-n+3) .entity",
            """all => all.filter(entity => {
                const [mark, tag] = [...entity.children].map(part => [...part.getClientRects()]);
                return tag[0].top > mark.at(-1).bottom;
            }).map(entity => [innerWidth, entity.textContent])""",
        )
    tab.set_viewport_size(WINDOW)
    assert apart == []


def test_figures_follow_a_window_that_becomes_narrow(desk: tuple[Tab, Complaints]) -> None:
    tab, complaints = desk
    panels = "document.querySelector('#figures-figure-3 .drawing').layout"
    side_by_side = f"{panels}.yaxis.domain[0] === {panels}.yaxis2.domain[0]"
    assert tab.evaluate(side_by_side)
    legend = "document.querySelector('#figures-figure-1 .drawing').layout.legend?.orientation"
    assert tab.evaluate(legend) is None
    tab.set_viewport_size({"width": 480, "height": 900})
    until(tab, f"{legend} === 'h'")
    until(tab, f"!({side_by_side})")
    assert tab.evaluate("document.documentElement.scrollWidth") == 480
    tab.set_viewport_size(WINDOW)
    until(tab, f"{legend} === undefined")
    until(tab, side_by_side)
    assert complaints == []


def test_a_telephone(browser: Browser, file: Path) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    with opened(browser, file, **phone) as (tab, complaints):
        tab.eval_on_selector_all("details", "all => all.forEach(details => { details.open = true; })")
        assert tab.evaluate("[document.documentElement.scrollWidth, visualViewport.width]") == [360, 360]
        tab.evaluate("window.scrollTo(1000, 0)")
        assert tab.evaluate("window.scrollX") == 0
        table = tab.locator("#scores-table-4 .scroll")  # which scrolls by itself, by keyboard too
        assert table.evaluate("box => box.scrollWidth > box.clientWidth")
        table.focus()
        tab.keyboard.press("ArrowRight")
        until(tab, "document.querySelector('#scores-table-4 .scroll').scrollLeft > 0")
        # A finger on a figure scrolls the page.
        assert tab.eval_on_selector_all(".drawing", "all => all.map(place => place.layout.dragmode)") == [False] * 5
        assert complaints == []


def test_the_policy_blocks_injected_scripts(browser: Browser, file: Path) -> None:
    """Unescaped markup could not run scripts or load anything."""
    with opened(browser, file) as (tab, complaints):
        assert tab.evaluate("window.hacked") is None
        assert complaints == []
        tab.evaluate(
            """() => {
                const script = document.createElement('script');
                script.textContent = 'window.hacked = 3';
                document.body.append(script);
                document.body.insertAdjacentHTML(
                    'beforeend', '<img src="https://example.invalid/a.png" onerror="window.hacked = 4">');
            }"""
        )
        assert tab.evaluate("fetch('https://example.invalid/').then(() => 'fetched', () => 'refused')") == "refused"
        tab.wait_for_timeout(500)
        assert tab.evaluate("window.hacked") is None
        for directive in ("script-src", "img-src", "connect-src"):
            assert any("Content Security Policy" in text and directive in text for text in complaints), complaints


def test_without_javascript_everything_is_there_to_read(browser: Browser, file: Path) -> None:
    window = browser.new_context(java_script_enabled=False)
    window.set_default_timeout(TIMEOUT)
    tab = window.new_page()
    tab.goto(file.as_uri())
    assert tab.get_by_text("needs JavaScript").first.is_visible()
    assert tab.locator("#figures-figure-1 figcaption").is_visible()
    assert not tab.locator("button.theme").is_visible()
    assert tab.locator("#scores-table-4 th[data-column]").count() == 7
    window.close()


def test_a_page_without_figures(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "bare.html"
    path.write_text(render(Page(title="Bare", sections=(Section(heading="Text", anchor="text"),))), encoding="utf-8")
    with opened(browser, path) as (tab, complaints):
        tab.locator("button.theme").click()
        assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
        assert complaints == []


def test_without_chromium_tests_are_skipped_unless_it_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/nowhere/chromium")
    monkeypatch.delenv("MSD_RAY_REQUIRE_CHROMIUM", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no Chromium at /nowhere/chromium: install Debian's package"):
        executable()
    monkeypatch.setenv("MSD_RAY_REQUIRE_CHROMIUM", "1")
    with pytest.raises(pytest.fail.Exception, match="no Chromium at /nowhere/chromium: install Debian's package"):
        executable()

"""The first screen of a search's page in Chromium, on a desktop and on a phone."""

from pathlib import Path

import pytest
from opened_page import opened
from playwright.sync_api import Browser
from recorded_studies import BEST, PAPER, SEEDS, record_final, record_search, scored

from msd_ray.report.__main__ import main
from msd_ray.report.figures.theme import row_style


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a recorded search."""
    directory = tmp_path_factory.mktemp("first")
    tracker = record_search(f"sqlite:///{directory / 'mlflow.db'}", "ar")
    for seed in SEEDS:
        record_final(tracker, "direct", PAPER, seed, lr=2e-5, zero_shot=None)
    assert main(["--storage", str(directory)]) == 0
    return directory / "report" / "wikiann-ar.html"


def test_score_gain_and_hyperparameters_are_seen_without_scrolling(browser: Browser, page: Path) -> None:
    best = sum(scored("best", seed) for seed in SEEDS) / len(SEEDS)
    direct = sum(scored("direct", seed) for seed in SEEDS) / len(SEEDS)
    with opened(browser, page, viewport={"width": 1280, "height": 800}) as (tab, complaints):
        assert tab.title() == "English → Arabic"
        for text in (f"{100 * best:.2f}", f"+{100 * (best - direct):.2f}"):
            value = tab.locator(".headlines dd", has_text=text)
            assert value.count() == 1
            box = value.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] < 800
        settings = tab.locator(".settings").first
        assert "student: learning rate" in settings.inner_text()
        assert "4e-05" in settings.inner_text()
        for seen in (
            settings,
            tab.locator("#first-final-runs-wikiann-ar table"),
            tab.locator("#first-figure .drawing"),
        ):
            box = seen.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= 800
        assert complaints == []


def test_a_row_has_one_colour_in_the_table_and_in_the_figure(browser: Browser, page: Path) -> None:
    with opened(browser, page) as (tab, _):
        swatches = tab.eval_on_selector_all(
            "#first-final-runs-wikiann-ar tbody .swatch", "all => all.map(swatch => swatch.style.background)"
        )
        bars = tab.evaluate("document.querySelector('#first-figure .drawing').data[0].marker.color")
        assert bars == [row_style(name).colour for name in ("direct", "paper", "best")]
        assert swatches == [f"rgb({int(c[1:3], 16)}, {int(c[3:5], 16)}, {int(c[5:], 16)})" for c in bars]


def test_a_phone_shows_the_score_first_and_scrolls_no_sideways(browser: Browser, page: Path) -> None:
    with opened(browser, page, viewport={"width": 390, "height": 844}) as (tab, complaints):
        box = tab.locator(".headlines dd").first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 844
        assert tab.evaluate("document.documentElement.scrollWidth") == 390
        assert complaints == []


def test_the_winner_is_the_recorded_one(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    assert BEST not in html  # a hash is no hyperparameter
    assert "test F1 of “best found”, mean of 2 seeds" in html

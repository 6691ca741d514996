"""The report of README's demo in Chromium: what its first screen shows."""

import pytest
from opened_page import opened
from playwright.sync_api import Browser, Locator
from readme_demo import Demo, table

pytestmark = [
    pytest.mark.demo,
    pytest.mark.slow("make demo"),
    pytest.mark.timeout(3600),
]
DESKTOP = {"width": 1280, "height": 800}


def assert_seen(element: Locator) -> None:
    """The element lies on the first screen."""
    box = element.bounding_box()
    assert box is not None
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= DESKTOP["height"]


def test_the_first_screen_answers(demo: Demo, browser: Browser) -> None:
    """The best row's score, its gain, and the winner's hyperparameters, as the command printed them."""
    scores = table(demo.output)
    score, gain = scores["best found"][0], scores["direct transfer (teacher)"][1]
    with opened(browser, demo.page, viewport=DESKTOP) as (tab, complaints):
        for value in (f"{score:.2f}", f"{gain:+.2f}"):
            shown = tab.locator(".headlines dd", has_text=value)
            assert shown.count() == 1, value
            assert_seen(shown)
        settings = tab.locator(".settings").first
        for name in ("student: learning rate", "student: β′ (MMD, languages)", "teacher: learning rate"):
            assert name in settings.inner_text()
        assert_seen(settings)
        assert_seen(tab.locator("#first-figure .drawing"))
        assert complaints == []

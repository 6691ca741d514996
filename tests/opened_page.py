"""A page opened in Chromium by tests: what it complains of, what it requests, its columns and its keys."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from chromium import TIMEOUT
from playwright.sync_api import Browser, ViewportSize
from playwright.sync_api import Page as Tab

WINDOW: ViewportSize = {"width": 1280, "height": 900}


class Complaints(list[str]):
    """What a browser has to complain of while a page is open."""

    def listen(self, tab: Tab) -> None:
        tab.on("console", lambda message: self.append(message.text) if message.type == "error" else None)
        tab.on("pageerror", lambda error: self.append(str(error)))
        tab.on("requestfailed", lambda request: self.append(f"failed: {request.url}"))
        tab.on("request", lambda request: None if _own(request.url) else self.append(f"requested: {request.url}"))


def _own(url: str) -> bool:
    return url.startswith(("file://", "data:", "blob:"))


@contextmanager
def opened(browser: Browser, file: Path, **context: Any) -> Iterator[tuple[Tab, Complaints]]:
    """The page in a window of its own, with all its figures drawn."""
    window = browser.new_context(**{"viewport": WINDOW, "color_scheme": "light"} | context)
    window.set_default_timeout(TIMEOUT)
    tab = window.new_page()
    complaints = Complaints()
    complaints.listen(tab)
    tab.goto(file.as_uri())
    tab.wait_for_selector("html[data-figures=drawn]")
    yield tab, complaints
    window.close()


def column(tab: Tab, table: str, index: int, body: int = 0) -> list[str]:
    """The texts of a table's column as they stand."""
    cells: list[str] = tab.eval_on_selector_all(
        f"#{table} tbody:nth-of-type({body + 1}) tr:not(.part)",
        f"rows => rows.map(row => row.cells[{index}].textContent)",
    )
    return cells


def until(tab: Tab, expression: str) -> None:
    """Wait for an expression to hold; Playwright's own way would evaluate it by what the page's policy forbids."""
    end = time.monotonic() + TIMEOUT / 1000
    while not tab.evaluate(expression):
        assert time.monotonic() < end, expression
        tab.wait_for_timeout(50)


def focus_by_keyboard(tab: Tab, selector: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(80):
        tab.keyboard.press("Tab")
        if tab.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"Tab never came to {selector}")

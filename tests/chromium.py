"""Debian's Chromium, driven by Playwright, for tests of what people see.

The browser that `CHROMIUM` names, or /usr/bin/chromium. Where there is none the tests that need it are skipped, unless
`MSD_RAY_REQUIRE_CHROMIUM` is set: then they fail. A conftest takes the fixture with `from chromium import browser`.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
TIMEOUT = 120_000  # milliseconds; a loaded machine takes its time with plotly.js


def executable() -> Path:
    """Where Chromium is; skips the test, or fails it where Chromium is required, if it is not there."""
    named = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    found = shutil.which(named)
    if found is not None:
        return Path(found)
    reason = f"no Chromium at {named}: install Debian's package `chromium`, or set CHROMIUM to another one's path"
    if os.environ.get("MSD_RAY_REQUIRE_CHROMIUM"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium, for one module and not for the session: while Playwright is up, its event loop runs in the
    main thread, and nothing there can call asyncio.run, as other modules' tests do.
    """
    path = executable()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS), timeout=TIMEOUT)
        yield chromium
        chromium.close()

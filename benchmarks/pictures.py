"""Take pictures of a report's page with Chromium: desktop, phone, dark, and the sentences with the most errors.

    python -m msd_ray.report --storage runs
    python -m benchmarks.pictures runs/report/sample-ar.html --out docs/pictures

CHROMIUM names the browser (default: /usr/bin/chromium). Fonts for the page's languages must be installed, such as
Debian's fonts-noto-core (Arabic) and fonts-noto-cjk (Chinese).
"""

import argparse
import os
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
MARGIN = 16  # pixels around an element
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def main(arguments: list[str] | None = None) -> int:
    """Write the pictures of a page and print their names; return 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path, help="a page that `python -m msd_ray.report` wrote")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"), help="directory (default: %(default)s)")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        executable = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        for name, size, scheme, element in (
            ("desktop", DESKTOP, "light", None),
            ("dark", DESKTOP, "dark", None),
            ("phone", PHONE, "light", None),
            ("search", DESKTOP, "light", "#search"),
            ("sentences", DESKTOP, "light", ".sentences"),
        ):
            path = options.out / f"{options.page.stem}-{name}.png"
            if _picture(browser, options.page, path, size, scheme, element):
                print(path)
        browser.close()
    return 0


def _picture(browser: Browser, page: Path, path: Path, size: dict[str, int], scheme: str, element: str | None) -> bool:
    """Take a picture of the first screen, or of such an element, at most a screen high; return whether there is one."""
    window = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
    tab = window.new_page()
    tab.goto(page.resolve().as_uri())
    tab.wait_for_selector("html[data-figures=drawn]")
    box = tab.locator(element or "body").first.bounding_box() if tab.locator(element or "body").count() else None
    if box is not None:
        margin = MARGIN if element else 0
        tab.screenshot(
            path=path,
            full_page=True,
            clip={
                "x": box["x"] - margin,
                "y": box["y"] - margin,
                "width": box["width"] + 2 * margin,
                "height": min(box["height"] + 2 * margin, size["height"]),
            },
        )
    window.close()
    return box is not None


if __name__ == "__main__":
    raise SystemExit(main())

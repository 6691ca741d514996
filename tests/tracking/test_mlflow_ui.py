"""The MLflow UI pages described in docs/mlflow.md, in a browser, with a recorded search and ablation."""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from mlflow_server import mlflow_server
from playwright.sync_api import Browser, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError
from recorded_studies import SEEDS, TRIALS, curve, scored

from msd_ray.tracking.study_reader import RecordedStudy, StudyReader
from msd_ray.tracking.uri import default_tracking_uri

pytestmark = [pytest.mark.slow, pytest.mark.extended]

PATIENCE = 240_000  # milliseconds
DRAWINGS = 4  # how often a chart is waited for
# By metric: what Plotly was given and what it drew. A run has two lines, one on the other: smoothed and as it is.
CURVES = """
    () => {
        const cards = [...document.querySelectorAll('[data-testid=experiment-view-compare-runs-card]')];
        return Object.fromEntries(cards.map(card => {
            const plot = card.querySelector('.js-plotly-plot');
            const lines = plot ? plot.data.filter(trace => trace.uuid && trace.x && trace.x.length) : [];
            const name = trace => trace.name || trace.uuid;  // groups have no name
            return [card.querySelector('h4').title, {
                text: card.innerText,
                lines: lines.map(trace => ({name: name(trace), x: [...trace.x], y: [...trace.y]})),
                runs: new Set(lines.map(name)).size,
                drawn: plot ? plot.querySelectorAll('.scatterlayer path.js-line[d^=M]').length : 0,
            }];
        }));
    }
"""


@pytest.fixture(scope="module")
def studies(recorded_database: Path) -> Mapping[str, RecordedStudy]:
    with StudyReader.open(default_tracking_uri(recorded_database.parent)) as reader:
        return {study.name: study for study in reader.studies()}


@pytest.fixture(scope="module")
def server(recorded_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("ui")
    shutil.copy(recorded_database, directory / "mlflow.db")
    with mlflow_server(directory, directory / "mlflow.db") as (uri, _):
        yield uri


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    """A page high enough for all charts; fetching from elsewhere, and errors of its scripts, fail the test."""
    context = browser.new_context(viewport={"width": 1600, "height": 3600})
    elsewhere: list[str] = []

    def local(route: Any) -> None:
        if route.request.url.startswith((f"{server}/", "data:", "blob:")):
            route.continue_()
        else:
            elsewhere.append(route.request.url)
            route.abort()

    context.route("**/*", local)
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE)
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert elsewhere == []
    assert errors == []


def chart_view(condition: str, sort: str) -> str:
    order = quote(f"metrics.`{sort}`", safe="")
    return f"searchFilter={quote(condition, safe='')}&orderByKey={order}&orderByAsc=false&compareRunsMode=CHART"


def charts(page: Page, metric: str, runs: int) -> dict[str, Any]:
    """The charts on the page by metric, once this one shows so many runs or groups."""
    ready = f"""([metric, runs]) => {{
        const found = ({CURVES})()[metric];
        return found && found.runs === runs && found.drawn >= runs;
    }}"""
    for _ in range(DRAWINGS - 1):
        try:
            page.wait_for_function(ready, arg=[metric, runs], timeout=PATIENCE / DRAWINGS)
            break
        except PlaywrightTimeoutError:  # once in a while MLflow's page leaves a chart as it was
            page.reload()
    page.wait_for_function(ready, arg=[metric, runs], timeout=PATIENCE / DRAWINGS)
    found: dict[str, Any] = page.evaluate(CURVES)
    return found


def group_by_row(page: Page) -> None:
    """Choose the tag in the menu; a click while the page is redrawn is lost."""
    for _ in range(DRAWINGS):
        page.get_by_role("button", name="Group by").click()
        row = page.get_by_role("menuitemcheckbox", name="row", exact=True)
        if row.get_attribute("aria-checked") == "true":
            page.keyboard.press("Escape")
            return
        row.click()
        page.keyboard.press("Escape")
        page.wait_for_timeout(3_000)


def by_run(chart: dict[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """A chart's points by the name of the run or group."""
    return {line["name"]: list(zip(line["x"], line["y"], strict=True)) for line in chart["lines"]}


def assert_points(points: list[tuple[float, float]], expected: list[float]) -> None:
    assert [step for step, _ in points] == list(range(1, len(expected) + 1))
    assert [value for _, value in points] == pytest.approx(expected)


def experiment(server: str, page: Page, name: str) -> str:
    """An experiment's id, from the server."""
    url = f"{server}/api/2.0/mlflow/experiments/get-by-name?experiment_name={name}"
    return str(page.request.get(url).json()["experiment"]["experiment_id"])


def test_the_trials_of_a_search_compare_on_one_page_with_their_curves(page: Page, server: str) -> None:
    condition = "tags.study = 'wikiann-ar' and tags.phase = 'student'"
    number = experiment(server, page, "msd-wikiann-ar")
    page.goto(f"{server}/#/experiments/{number}/runs?{chart_view(condition, 'dev_target/f1')}")
    for trial in range(len(TRIALS)):
        page.get_by_role("link", name=f"student-{trial} ar", exact=True).wait_for()
    page.get_by_text("4 matching runs").wait_for()
    found = charts(page, "dev_target/f1", 3)
    curves = by_run(found["dev_target/f1"])
    assert all(f"{name} (dev_target/f1)" in found["dev_target/f1"]["text"] for name in curves)
    # The last point of a trial that ended well repeats its best epoch.
    assert curves.keys() == {"student-0 ar", "student-1 ar", "student-2 ar"}  # 3 failed before its first epoch
    for trial in (0, 1):
        f1 = TRIALS[trial].f1
        assert_points(curves[f"student-{trial} ar"], [*curve(f1), f1])
    assert_points(curves["student-2 ar"], curve(TRIALS[2].f1)[:2])
    assert {"dev_source/f1", "loss/main"} <= found.keys()
    # Sorted: the winner is the first.
    names = page.get_by_role("link", name="student-").all_inner_texts()
    assert names[:3] == ["student-1 ar", "student-0 ar", "student-2 ar"]


def test_msd_against_tsl_in_two_languages_grouped_by_row(page: Page, server: str) -> None:
    numbers = quote(json.dumps([experiment(server, page, f"msd-wikiann-{lang}") for lang in ("ar", "hi")]))
    condition = "tags.claim = 'msd-tsl' and tags.dataset = 'wikiann'"
    page.goto(f"{server}/#/compare-experiments/s?experiments={numbers}&{chart_view(condition, 'test/f1')}")
    page.get_by_text("8 matching runs").wait_for()
    names = {f"final-{row}-seed-{seed} {lang}" for row in ("msd", "no-all") for seed in SEEDS for lang in ("ar", "hi")}
    assert by_run(charts(page, "dev_target/f1", 8)["dev_target/f1"]).keys() == names
    group_by_row(page)
    chart = charts(page, "dev_target/f1", 2)["dev_target/f1"]
    groups = by_run(chart)
    assert groups.keys() == {"tag.row.msd", "tag.row.no-all"}
    for row in ("msd", "no-all"):
        assert f"{row} (dev_target/f1)" in chart["text"]
        mean = sum(scored(row, seed) + 0.02 for seed in SEEDS) / len(SEEDS)
        assert_points(groups[f"tag.row.{row}"], [*curve(mean), mean])


def test_the_seeds_of_one_row_compare_side_by_side(
    page: Page, server: str, studies: Mapping[str, RecordedStudy]
) -> None:
    runs = [run for run in studies["wikiann-ar"].runs if run.tags.get("row") == "best"]
    ids = quote(json.dumps([run.run_id for run in runs]))
    number = experiment(server, page, "msd-wikiann-ar")
    page.goto(f"{server}/#/compare-runs?runs={ids}&experiments={quote(json.dumps([number]))}")
    page.get_by_text("Comparing 2 Runs from 1 Experiment").wait_for()
    page.locator(".js-plotly-plot .parcoords").first.wait_for()
    text = page.inner_text("body")
    for seed, run in zip(SEEDS, runs, strict=True):
        assert run.name == f"final-best-seed-{seed} ar"
        assert run.name in text
        assert f"{scored('best', seed):.3g}" in text
    assert "9d41b7e3" in text


def test_the_note_describes_the_study(page: Page, server: str, studies: Mapping[str, RecordedStudy]) -> None:
    number = experiment(server, page, "msd-wikiann-ar")
    page.goto(f"{server}/#/experiments/{number}/runs/{studies['wikiann-ar'].parent.run_id}")
    page.get_by_text("A search for the best student").wait_for()
    page.get_by_text("tags.study = 'wikiann-ar' and tags.phase = 'student'").first.wait_for()
    page.get_by_text("Child runs", exact=True).wait_for()

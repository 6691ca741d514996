"""Studies of a search in optuna-dashboard, which shows the same trials and changes nothing."""

import json
import shutil
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import optuna
import optuna_dashboard  # type: ignore[import-untyped]
import pytest
from study_driver import TRIALS, drive, open_study, run_trial, score

pytestmark = pytest.mark.extended

NAME = "sample-tr/student-0a1b2c3d"
Fetch = Callable[[str], Any]


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with trials of every state, the last one under way, beside another study."""
    path = tmp_path_factory.mktemp("driven") / "studies.db"
    url = f"sqlite:///{path}"
    drive(url, name="sample-tr/teacher", trials=2)
    drive(url, name=NAME)
    running = open_study(url, name=NAME, trials=TRIALS + 1)
    trial = running.propose()
    assert trial is not None
    running.report(trial.number, 1, score(trial.parameters, 1))
    running.close()
    return path


@pytest.fixture
def database(driven: Path, tmp_path: Path) -> str:
    shutil.copy(driven, tmp_path)
    return f"sqlite:///{tmp_path}/studies.db"


@contextmanager
def dashboard(database: str) -> Iterator[Fetch]:
    """The dashboard's JSON, from a server on loopback over the studies' database."""
    with make_server("127.0.0.1", 0, optuna_dashboard.wsgi(database), handler_class=_Silent) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()

        def get(path: str) -> Any:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}{path}", timeout=60) as answer:
                return json.load(answer)

        yield get
        server.shutdown()
        thread.join()


@pytest.fixture
def fetch(database: str) -> Iterator[Fetch]:
    with dashboard(database) as get:
        yield get


@pytest.fixture
def study(database: str) -> optuna.Study:
    """The study as Optuna has it."""
    return optuna.load_study(study_name=NAME, storage=database)


def opened(fetch: Fetch) -> dict[str, Any]:
    """The study as the dashboard has it."""
    summaries = {found["study_name"]: found for found in fetch("/api/studies")["study_summaries"]}
    assert set(summaries) == {NAME, "sample-tr/teacher"}
    detail: dict[str, Any] = fetch(f"/api/studies/{summaries[NAME]['study_id']}")
    return detail


def test_the_same_trials(study: optuna.Study, fetch: Fetch) -> None:
    expected = study.get_trials()
    assert {trial.state.name for trial in expected} == {"COMPLETE", "PRUNED", "FAIL", "RUNNING"}
    shown = opened(fetch)
    assert shown["name"] == NAME
    assert shown["directions"] == ["maximize"]
    assert [trial["number"] for trial in shown["trials"]] == [trial.number for trial in expected]
    assert len(expected) == TRIALS + 1
    assert [trial["state"].upper() for trial in shown["trials"]] == [trial.state.name for trial in expected]
    assert [trial.get("values") for trial in shown["trials"]] == [trial.values for trial in expected]
    for found, trial in zip(shown["trials"], expected, strict=True):
        assert {p["name"]: p["param_external_value"] for p in found["params"]} == {
            name: str(value) for name, value in trial.params.items()
        }
        assert {p["step"]: p["value"] for p in found["intermediate_values"]} == trial.intermediate_values
        attributes = {attribute["key"]: attribute["value"] for attribute in found["user_attrs"]}
        assert json.loads(attributes["configuration"]) == trial.user_attrs["configuration"]
    (best,) = shown["best_trials"]
    assert (best["number"], best["values"]) == (study.best_trial.number, [study.best_value])
    assert shown["has_intermediate_values"]


def test_every_plotted_value_is_there(study: optuna.Study, fetch: Fetch) -> None:
    """History and parallel coordinates draw complete trials over the searched parameters."""
    shown = opened(fetch)
    assert {parameter["name"] for parameter in shown["union_search_space"]} == {
        "learning_rate",
        "beta",
        "dropout",
        "teacher",
    }
    complete = [trial for trial in shown["trials"] if trial["state"] == "Complete"]
    assert len(complete) > 2
    assert all(len(trial["values"]) == 1 and trial["datetime_complete"] for trial in complete)


def test_the_dashboard_changes_nothing_and_the_search_continues(
    study: optuna.Study, fetch: Fetch, database: str
) -> None:
    before = [trial for trial in study.get_trials() if trial.state.is_finished()]
    opened(fetch)
    assert [trial for trial in study.get_trials() if trial.state.is_finished()] == before
    going_on = open_study(database, name=NAME, trials=TRIALS + 2)
    while (trial := going_on.propose()) is not None:
        run_trial(going_on, trial)
    going_on.close()
    with dashboard(database) as anew:  # one that is open for long asks the database every few seconds
        shown = opened(anew)
    assert [trial["state"].upper() for trial in shown["trials"]] == [trial.state.name for trial in study.get_trials()]
    assert len(shown["trials"]) >= TRIALS + 2
    assert "RUNNING" not in {trial.state.name for trial in study.get_trials()}

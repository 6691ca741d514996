"""Retries of a study while PostgreSQL is unavailable."""

import threading
from collections.abc import Iterator

import pytest
from postgres_server import PostgresServer, require_postgres, running_postgres
from study_driver import TRIALS, open_study, records, run_trial, score

from msd_ray.common.errors import UserError
from msd_ray.search.studies import TrialRecord, outages

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of this file."""
    require_postgres()
    with running_postgres() as running:
        yield running


def restart(server: PostgresServer) -> threading.Thread:
    """Crash the server and restart it in a thread, which is returned."""
    server.crash()
    thread = threading.Thread(target=server.start_again)
    thread.start()
    return thread


def test_a_study_survives_restarts_of_the_server(
    server: PostgresServer, name: str, undisturbed: list[TrialRecord], capfd: pytest.CaptureFixture[str]
) -> None:
    """Before a proposal, a report and a result, and between the creation of a trial and its return."""
    study = open_study(server.url("studies"), name=name)
    create = study._storage.create_new_trial
    coming_back = []

    def crash_after_making(study_id: int) -> int:
        trial_id = create(study_id)
        coming_back.append(restart(server))
        return trial_id

    number = 0
    while True:
        if number == 2:
            coming_back.append(restart(server))
        if number == 5:
            study._storage.create_new_trial = crash_after_making  # type: ignore[method-assign,assignment]
        trial = study.propose()
        if number == 5:
            study._storage.create_new_trial = create  # type: ignore[method-assign]
        if trial is None:
            break
        assert trial.number == number
        if number == 3:
            study.report(number, 1, score(trial.parameters, 1))
            coming_back.append(restart(server))
        run_trial(study, trial)
        number += 1
    coming_back.append(restart(server))
    assert [found.number for found in study.trials()] == list(range(TRIALS))
    study.close()
    for thread in coming_back:
        thread.join()
    assert len(coming_back) == 4
    assert records(server.url("studies"), name=name) == undisturbed
    said = capfd.readouterr().err
    assert said.count("Waiting for it, at most 300 s; training continues.") == 4
    assert said.count("the study storage is available again after ") == 4
    assert "Traceback" not in said


def test_the_wait_for_a_server_is_limited(server: PostgresServer, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    study = open_study(server.url("studies"), name=name)
    server.crash()
    try:
        monkeypatch.setattr(outages, "TIMEOUT_S", 1.0)
        with pytest.raises(UserError, match=r"cannot use the study storage postgresql.*check that the server runs"):
            study.propose()
    finally:
        server.start_again()
    study.close()

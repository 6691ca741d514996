"""A study in a SQLite file that another process holds: the study waits, and then names the process."""

import threading
import time
from pathlib import Path

import pytest
from held_database import held
from study_driver import open_study

from msd_ray.common.errors import UserError
from msd_ray.search.studies import database, outages


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_BUSY_TIMEOUT", 0.1)


def test_a_report_waits_for_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = open_study(f"sqlite:///{tmp_path}/studies.db")
    assert study.propose() is not None
    with held(tmp_path / "studies.db") as process:
        thread = threading.Thread(target=study.report, args=(0, 1, 0.5))
        thread.start()
        said = ""
        while "Waiting for it" not in said:
            assert thread.is_alive()
            time.sleep(0.1)
            said += capsys.readouterr().err
    thread.join(60)
    assert study.trials()[0].values == {1: 0.5}
    said += capsys.readouterr().err
    assert f"database is locked: {tmp_path / 'studies.db'} is open in process {process} (" in said
    assert "Waiting for it, at most 300 s" in said
    assert "is available again" in said
    study.close()


def test_after_that_time_the_process_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "TIMEOUT_S", 0.5)
    study = open_study(f"sqlite:///{tmp_path}/studies.db")
    assert study.propose() is not None
    with held(tmp_path / "studies.db") as process, pytest.raises(UserError) as caught:
        study.report(0, 1, 0.5)
    assert f"is open in process {process} (" in str(caught.value)
    assert str(caught.value).endswith("; end what holds it or wait for it, then run the same command again")
    study.close()


def test_a_study_that_is_opened_names_it_too(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    open_study(url).close()
    with held(tmp_path / "studies.db") as process, pytest.raises(UserError, match=rf"open in process {process} \("):
        open_study(url)

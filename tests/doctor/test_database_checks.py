"""The studies' database, MLflow and the storage: of today's releases, of earlier ones, unreachable, read-only."""

import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import alembic.command
import optuna
import pytest
import sqlalchemy
from held_database import held
from mlflow.store.db.utils import _get_alembic_config
from mlflow.store.tracking.dbmodels.initial_models import Base as InitialBase
from mlflow_server import mlflow_server
from tune_command import UNREACHABLE

from msd_ray.common.shell import command
from msd_ray.common.sqlite import ADVICE, sqlite_url
from msd_ray.doctor.finding import Finding
from msd_ray.doctor.quick import socket_findings, storage_findings, studies_findings, tracking_findings
from msd_ray.storage.layout import Storage
from msd_ray.tracking.database import prepare_database
from msd_ray.tracking.study import StudyTracker
from msd_ray.tracking.uri import default_tracking_uri


@pytest.fixture(scope="module")
def empty_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow needs seconds to create its database, a copy of an empty one takes none."""
    storage = tmp_path_factory.mktemp("mlflow")
    prepare_database(default_tracking_uri(storage))
    return storage / "mlflow.db"


@pytest.fixture
def uri(empty_mlflow: Path, tmp_path: Path) -> str:
    shutil.copy(empty_mlflow, tmp_path / "mlflow.db")
    return default_tracking_uri(tmp_path)


def stamp(database: Path, revision: str) -> None:
    """Give the database the schema revision of another release."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()


def studies(url: str) -> Finding:
    (finding,) = studies_findings(url, url)
    return finding


def tracking(uri: str) -> Finding:
    (finding,) = tracking_findings(uri)
    return finding


def test_studies_of_this_optuna(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    optuna.create_study(study_name="one", storage=url)
    finding = studies(url)
    assert finding.state == "pass"
    assert f"1 studies, schema v3.2.0.a of optuna {optuna.__version__}" in finding.what


@pytest.mark.parametrize(
    ("revision", "advice"),
    [
        ("v2.4.0.a", "an earlier optuna created it: back it up, then run `{optuna} storage upgrade --storage {url}`"),
        ("v99.0.0.a", "a later optuna created it: run `{python} -m pip install --upgrade optuna`"),
    ],
)
def test_studies_of_another_optuna(tmp_path: Path, revision: str, advice: str) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    optuna.create_study(study_name="one", storage=url)
    stamp(tmp_path / "studies.db", revision)
    before = (tmp_path / "studies.db").read_bytes()
    finding = studies(url)
    assert finding.state == "fail"
    assert "no longer compatible with the table schema" in finding.what
    programs = {name: command(name) for name in ("optuna", "python")}
    assert finding.advice.startswith(advice.format(url=url, **programs))
    assert (tmp_path / "studies.db").read_bytes() == before


def test_studies_that_are_still_to_be_made_are_not_made(tmp_path: Path) -> None:
    assert studies(f"sqlite:///{tmp_path}/studies.db").state == "pass"
    assert list(tmp_path.iterdir()) == []
    assert studies(f"sqlite:///{tmp_path}/missing/studies.db").state == "fail"


def test_studies_that_another_process_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msd_ray.search.studies.inspection._LOCK_TIMEOUT_S", 0.1)
    url = f"sqlite:///{tmp_path}/studies.db"
    optuna.create_study(study_name="one", storage=url)
    with closing(sqlite3.connect(tmp_path / "studies.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        finding = studies(url)
    assert (finding.state, "database is locked" in finding.what) == ("fail", True)
    assert finding.advice == ADVICE


def test_mlflow_that_another_process_holds(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("msd_ray.tracking.database.CONNECT_TIMEOUT_S", 0.1)
    with held(tmp_path / "mlflow.db") as holder:
        finding = tracking(uri)
    assert finding.state == "fail"
    assert f"database is locked: {tmp_path / 'mlflow.db'} is open in process {holder}" in finding.what
    assert finding.advice == ADVICE


def test_the_paths_of_rays_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(socket_findings()) == []
    monkeypatch.setenv("TMPDIR", str(tmp_path / ("x" * 60)))
    (finding,) = socket_findings()
    assert finding.state == "fail"
    assert finding.what.startswith(f"TMPDIR={tmp_path}")
    assert finding.advice.startswith("run `export RAY_TMPDIR=/tmp`")
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    assert list(socket_findings()) == []
    monkeypatch.setenv("RAY_TMPDIR", "/" + "x" * 90)
    (finding,) = socket_findings()
    assert finding.what.startswith("RAY_TMPDIR=/xxx")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:6379")  # the cluster has its own
    assert list(socket_findings()) == []


def test_studies_on_a_server_that_is_not_there() -> None:
    finding = studies("postgresql://me:secret@127.0.0.1:9/studies")
    assert finding.state == "fail"
    assert "secret" not in finding.what
    assert "check that the server runs" in finding.advice


def test_mlflow_of_this_release(uri: str) -> None:
    finding = tracking(uri)
    assert finding.state == "pass"
    assert "schema " in finding.what


def test_an_earlier_mlflows_database_is_refused_and_not_migrated(uri: str, tmp_path: Path) -> None:
    """MLflow would migrate it at its first sight: it lacks a table."""
    database = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TABLE jobs")
        connection.commit()
    stamp(database, "f5a4f2784254")
    before = database.read_bytes()
    finding = tracking(uri)
    assert finding.state == "fail"
    assert "has the schema f5a4f2784254" in finding.what
    assert database.read_bytes() == before
    upgrade = command("mlflow", "db", "upgrade", uri)
    assert finding.advice.startswith(f"an earlier MLflow created it: back it up, then run `{upgrade}`")


@pytest.mark.slow("starts MLflow's command")
def test_the_printed_upgrade_of_an_earlier_mlflows_database(tmp_path: Path) -> None:
    uri = default_tracking_uri(tmp_path)
    config, engine = _get_alembic_config(uri), sqlalchemy.create_engine(uri)  # type: ignore[no-untyped-call]
    InitialBase.metadata.create_all(engine)
    alembic.command.upgrade(config, "f5a4f2784254")
    engine.dispose()
    (upgrade,) = re.findall("`(.+)`", tracking(uri).advice)
    subprocess.run(upgrade, shell=True, check=True, capture_output=True)
    assert tracking(uri).state == "pass"


def test_a_later_mlflows_database_is_refused(uri: str, tmp_path: Path) -> None:
    stamp(tmp_path / "mlflow.db", "from_the_future")
    finding = tracking(uri)
    assert finding.state == "fail"
    assert finding.advice.startswith("a later MLflow created it: run `")
    assert "-m pip install --upgrade mlflow`" in finding.advice


def test_a_percent_sign_that_is_not_escaped(tmp_path: Path, empty_mlflow: Path) -> None:
    (directory := tmp_path / "50%41").mkdir()
    for finding in (studies(f"sqlite:///{directory}/studies.db"), tracking(f"sqlite:///{directory}/mlflow.db")):
        assert finding.state == "fail"
        assert f"names the file {tmp_path}/50A/" in finding.what
        assert finding.advice.startswith(f"write sqlite:///{tmp_path}/50%2541/")
    shutil.copy(empty_mlflow, directory / "mlflow.db")
    uri = default_tracking_uri(directory)
    assert (tracking(uri).state, "schema" in tracking(uri).what) == ("pass", True)
    assert studies(sqlite_url(directory / "studies.db")).state == "pass"
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*") if path.is_file()} == {"50%41"}


@pytest.mark.parametrize("how", [shutil.move, shutil.copytree])
def test_a_storage_that_was_moved_or_copied(
    how: Callable[[Path, Path], object], empty_mlflow: Path, tmp_path: Path
) -> None:
    (old := tmp_path / "old").mkdir()
    shutil.copy(empty_mlflow, old / "mlflow.db")
    StudyTracker.open(default_tracking_uri(old), dataset="sample", lang="ar", study="s", parameters={}, tags={})
    how(old, tmp_path / "new")
    before = (tmp_path / "new" / "mlflow.db").read_bytes()
    new = tmp_path / "new"
    _, finding = tracking_findings(default_tracking_uri(new), new / "mlartifacts")
    assert finding.state == "warn"
    assert f"was moved or copied from {old}" in finding.what
    assert (tmp_path / "new" / "mlflow.db").read_bytes() == before


def test_a_database_that_is_still_to_be_made_is_not_made(tmp_path: Path) -> None:
    assert tracking(default_tracking_uri(tmp_path)).state == "pass"
    assert list(tmp_path.iterdir()) == []
    finding = tracking("sqlite:////proc/nowhere/mlflow.db")
    assert finding.state == "fail"
    assert "cannot be written" in finding.what


def test_an_mlflow_server_that_is_not_there() -> None:
    finding = tracking(UNREACHABLE)
    assert finding.state == "fail"
    assert f"MLflow at {UNREACHABLE} does not work" in finding.what
    assert finding.advice.startswith("check --mlflow-uri")


@pytest.mark.slow
def test_an_mlflow_server(empty_mlflow: Path, tmp_path: Path) -> None:
    shutil.copy(empty_mlflow, tmp_path / "mlflow.db")
    with mlflow_server(tmp_path, tmp_path / "mlflow.db") as (uri, _):
        finding = tracking(uri)
    assert finding.state == "pass"
    assert f"{uri} answers: MLflow 3." in finding.what


def test_a_storage(tmp_path: Path) -> None:
    storage = Storage.at(tmp_path / "runs")
    (finding,) = storage_findings(storage)
    assert finding.state == "pass"
    assert "can be made" in finding.what
    assert not storage.root.exists()
    storage.create()
    (finding,) = storage_findings(storage)
    assert finding.what == f"{storage.root} can be written"
    assert list(storage.root.iterdir()) == []


def test_a_storage_that_takes_no_files() -> None:
    (finding,) = storage_findings(Storage(directory=Path("/proc/nowhere")))
    assert finding.state == "fail"
    assert "the storage /proc/nowhere cannot be written" in finding.what
    assert "choose a writable directory with --storage" in finding.advice

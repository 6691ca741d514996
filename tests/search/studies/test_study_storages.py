"""Studies with other settings, and unusable databases."""

import sqlite3
import warnings
from pathlib import Path

import optuna
import pytest
from study_driver import SPACE, drive, open_study, records

from msd_ray.common.errors import UserError
from msd_ray.search.parameters import Range


def test_other_settings_are_an_error_that_names_each_difference(url: str, name: str) -> None:
    open_study(url, name=name).close()
    space = {**SPACE, "beta": Range(low=0.1, high=10, log=True)}
    settings = {"epochs": 5, "data": {"digest": "abc", "limit": 100}, "encoder": "e5-small"}
    with pytest.raises(UserError) as caught:
        open_study(url, name=name, space=space, settings=settings, seed=8, pruning=None)
    lines = str(caught.value).splitlines()
    assert f"study `{name}`" in lines[0]
    assert [line.strip() for line in lines[1:-1]] == [
        "data.limit: None there, 100 here",
        "encoder: nothing there, 'e5-small' here",
        "epochs: 3 there, 5 here",
        "pruning: nothing there, None here",
        "pruning.epochs: 3 there, nothing here",
        "pruning.grace: 1 there, nothing here",
        "pruning.kinds: [] there, nothing here",
        "pruning.reduction: 2 there, nothing here",
        "seed: 7 there, 8 here",
        "space.beta.low: 0.01 there, 0.1 here",
    ]
    assert "same settings" in lines[-1]
    assert "--name" in lines[-1]
    assert records(url, name=name) == []


def test_a_study_of_another_program_is_an_error(url: str, name: str) -> None:
    optuna.create_study(study_name=name, storage=url, direction="maximize").optimize(lambda _: 1.0, n_trials=1)
    with pytest.raises(UserError, match="was created by another program; choose another --name"):
        open_study(url, name=name)


def test_a_dashboard_calls_the_value_dev_f1(url: str, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Optuna warns of what is experimental
        open_study(url, name=name).close()
    assert optuna.load_study(study_name=name, storage=url).metric_names == ["dev F1"]


def test_studies_in_one_database_are_independent(url: str, name: str) -> None:
    drive(url, name=name, trials=3)
    other = open_study(url, name=f"{name}-other", trials=2, seed=8)
    assert other.trials() == []
    trial = other.propose()
    assert trial is not None
    assert trial.number == 0


def test_a_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unable to open database file; check that its directory exists"):
        open_study(f"sqlite:///{tmp_path}/missing/studies.db")


def test_a_file_that_is_not_a_database(tmp_path: Path) -> None:
    (tmp_path / "studies.db").write_text("no database at all\n" * 100)
    with pytest.raises(UserError, match="file is not a database"):
        open_study(f"sqlite:///{tmp_path}/studies.db")
    assert (tmp_path / "studies.db").read_text() == "no database at all\n" * 100


def test_a_database_of_another_program_is_not_changed(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mlflow.db") as connection:
        connection.execute("CREATE TABLE experiments (id INTEGER)")
    connection.close()
    before = (tmp_path / "mlflow.db").read_bytes()
    with pytest.raises(UserError, match=r"has tables of another program \(experiments, ...\)"):
        open_study(f"sqlite:///{tmp_path}/mlflow.db")
    assert (tmp_path / "mlflow.db").read_bytes() == before


def test_a_read_only_database(tmp_path: Path) -> None:
    open_study(f"sqlite:///{tmp_path}/studies.db").close()
    with pytest.raises(UserError, match="attempt to write a readonly database"):
        open_study(f"sqlite:///file:{tmp_path}/studies.db?mode=ro&uri=true")


def test_a_table_that_is_dropped_during_a_search(tmp_path: Path) -> None:
    study = open_study(f"sqlite:///{tmp_path}/studies.db")
    study.propose()
    with sqlite3.connect(tmp_path / "studies.db") as connection:
        connection.execute("DROP TABLE trial_intermediate_values")
    connection.close()
    with pytest.raises(UserError, match=r"cannot use the study storage .*no such table"):
        study.report(0, 1, 0.5)


def test_braces_and_spaces_in_a_path(tmp_path: Path) -> None:
    open_study(f"sqlite:///{tmp_path}/a {{b}}.db").close()
    assert (tmp_path / "a {b}.db").exists()


def test_an_unreachable_server_is_named_without_the_password() -> None:
    with pytest.raises(UserError) as caught:
        open_study("postgresql://me:secret@127.0.0.1:1/studies")
    assert "127.0.0.1:1/studies" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["studies.db", "bogus://host/db", ""])
def test_an_invalid_url(url: str) -> None:
    with pytest.raises(UserError, match=r"cannot use the study storage .*use sqlite:///FILE or postgresql://"):
        open_study(url)


def test_optuna_is_silent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        drive(f"sqlite:///{tmp_path}/studies.db", trials=8)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""

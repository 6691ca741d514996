"""`python -m msd_ray.doctor`: its lines, its JSON, its exit codes, and what of it `tune` and `ablate` do themselves."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tune_command import UNREACHABLE, files_below

from msd_ray import ablate, tune
from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.doctor import __main__ as doctor
from msd_ray.doctor import known_bad, versions
from msd_ray.doctor.known_bad import KnownBad
from msd_ray.tracking.database import prepare_database
from msd_ray.tracking.uri import default_tracking_uri

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def command(tiny_encoder: EncoderFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The options of a search that would run on this machine."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return [
        *("--lang", "tr", "--dataset", "sample", "--encoder", str(tiny_encoder.directory), "--limit", "8"),
        *("--frozen-layers", "2", "--workers", "0", "--epochs", "1", "--trials", "1", "--seeds", "1"),
        *("--storage", str(tmp_path / "runs")),
    ]


@pytest.fixture
def old_mlflow(tmp_path: Path) -> Path:
    """The database of an earlier MLflow in the storage."""
    storage = tmp_path / "runs"
    prepare_database(default_tracking_uri(storage))
    with closing(sqlite3.connect(storage / "mlflow.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = 'f5a4f2784254'")
        database.commit()
    return storage / "mlflow.db"


@pytest.fixture
def torch_is_bad(monkeypatch: pytest.MonkeyPatch) -> KnownBad:
    """An entry of the list of bad releases that is about the torch installed here."""
    entry = KnownBad(package="torch", releases=">=2", state="warn", why="is new", better="99.0", source="CVE-0-0")
    monkeypatch.setattr(versions, "KNOWN_BAD", (*known_bad.KNOWN_BAD, entry))
    return entry


def test_a_search_that_would_run(command: list[str], capsys: Captured, tmp_path: Path) -> None:
    assert doctor.main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines[:-1]] == [
        *("versions", "storage", "disk", "studies", "mlflow", "corpus", "encoder", "cluster", "resources", "memory"),
        "upload",
    ]
    assert {line.split()[0] for line in lines[:-1]} == {"pass"}
    assert lines[-1] == "11 passed, 0 warned, 0 failed"
    assert not (tmp_path / "runs").exists(), "nothing is made"


def test_json_and_the_exit_code_of_a_failure(command: list[str], capsys: Captured) -> None:
    assert doctor.main([*command, "--quick", "--json", "--mlflow-uri", UNREACHABLE]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told.keys() == {"findings", "passed", "warned", "failed"}
    assert all(finding.keys() == {"name", "state", "what", "advice"} for finding in told["findings"])
    (failed,) = (finding for finding in told["findings"] if finding["state"] == "fail")
    assert failed["name"] == "mlflow"
    assert failed["advice"]
    states = [finding["state"] for finding in told["findings"]]
    assert [states.count(state) for state in ("pass", "warn", "fail")] == [
        told[count] for count in ("passed", "warned", "failed")
    ]


def test_a_failure_ends_nothing_and_says_what_to_do(command: list[str], capsys: Captured, tmp_path: Path) -> None:
    encoder = tmp_path / "encoder"
    shutil.copytree(command[command.index("--encoder") + 1], encoder)
    (encoder / "model.safetensors").write_bytes(b"cut off")
    assert doctor.main([*command, "--encoder", str(encoder), "--lang", "tr", "xx", "--cpus-per-trial", "999"]) == 1
    lines = capsys.readouterr().out.splitlines()
    failures = [index for index, line in enumerate(lines) if line.startswith("fail")]
    assert [lines[index].split()[1] for index in failures] == ["corpus", "encoder", "resources"]
    assert all(lines[index + 1].strip().startswith("to do: ") for index in failures)


def test_a_missing_corpus_file(command: list[str], capsys: Captured, tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    assert doctor.main([*command, "--dataset", "mlowner", "--data-dir", str(tmp_path / "corpus")]) == 1
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("fail"))
    assert "no train file of data set 'mlowner', language 'tr'" in line


def test_releases_that_should_not_be_loaded_are_not(
    command: list[str], capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "installed", lambda: {"transformers": "5.2.0"})
    assert doctor.main(command) == 1
    out = capsys.readouterr().out
    assert "transformers 5.2.0 an encoder's config.json can run code" in out
    assert "warn  encoder     not checked" in out
    assert "corpus" not in out


def test_without_a_language(command: list[str], capsys: Captured) -> None:
    assert doctor.main(command[2:]) == 0
    assert "warn  corpus      not checked: no language is given" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--quikc"], "did you mean --quick"),
        (["--trials", "0"], "--trials 0 is out of range"),
        (["--lang", "en"], "en"),
    ],
)
def test_mistakes_in_the_options(command: list[str], arguments: list[str], expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        doctor.main([*command, *arguments])


@pytest.mark.parametrize("main", [tune.main, ablate.main])
def test_a_search_refuses_what_the_quick_half_fails(
    main: object, command: list[str], old_mlflow: Path, tmp_path: Path
) -> None:
    before, files = old_mlflow.read_bytes(), files_below(tmp_path / "runs")
    arguments = [*command, "--space", "quickstart"] if main is tune.main else without(command, "--trials")
    with pytest.raises(UserError, match=r"has the schema f5a4f2784254, .* back it up, then run `\S*mlflow db upgrade"):
        main(arguments)  # type: ignore[operator]
    assert old_mlflow.read_bytes() == before, "it is not migrated without being asked"
    assert files_below(tmp_path / "runs") == files


def test_a_search_prints_warnings_and_no_passes(command: list[str], torch_is_bad: KnownBad, capsys: Captured) -> None:
    assert tune.main([*command, "--space", "quickstart", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "CVE-0-0" in out
    assert "to do: pip install -U 'torch>=99.0'" in out
    assert "pass" not in out


def without(command: list[str], option: str) -> list[str]:
    at = command.index(option)
    return command[:at] + command[at + 2 :]

"""Secrets planted where users keep them, and looked for wherever a command leaves something: they are not there."""

import sys
from io import StringIO
from pathlib import Path

import pytest
from mlflow_server import mlflow_server
from planted import ENVIRONMENT, PLANTED, files_with_planted, holds_planted
from rich.console import Console
from small_search import SmallSearch, write_corpora
from watched_search import WatchedSearch

from msd_ray import ablate, tune
from msd_ray.cli.options import parse
from msd_ray.cli.search_study import conclude
from msd_ray.common.errors import UserError, run_command
from msd_ray.common.text import has_password, printable, without_passwords
from msd_ray.data import __main__ as data
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.predict import __main__ as predict
from msd_ray.report import __main__ as report
from msd_ray.tracking.study import StudyTracker

CLOSED = "127.0.0.1:9"  # the discard port: nobody listens


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # which run_command sets


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://me:{}@db/studies", "postgresql://me:***@db/studies"),
        ("postgresql+psycopg://me:{}@db:5432/s?a=b", "postgresql+psycopg://me:***@db:5432/s?a=b"),
        ("http://me:{}@host:5000/x", "http://me:***@host:5000/x"),
        ("https://me:a@{}/b#c@host", "https://me:***@host"),
        ("postgresql://db/s?user=me&password={}", "postgresql://db/s?user=me&password=***"),
        ("redis://:{}@host", "redis://:***@host"),
        ("s3://bucket?aws_secret_access_key={}&region=x", "s3://bucket?aws_secret_access_key=***&region=x"),
        ("connect host=db password={} user=me", "connect host=db password=*** user=me"),
        ("'postgresql://me:{}@db' and http://a:{}@b", "'postgresql://me:***@db' and http://a:***@b"),
    ],
)
def test_passwords_of_addresses(address: str, shown: str) -> None:
    text = address.replace("{}", PLANTED)
    assert without_passwords(text) == shown
    assert printable(f"x: {text}") == f"x: {shown}"
    assert has_password(text)


@pytest.mark.parametrize(
    "address",
    [
        *("http://host:5000/a@b", "sqlite:////runs/mlflow.db", "postgresql://me@db/s", "models:/msd-x@champion"),
        *("s3://bucket/me@x", "/a//b@c", "max_tokens=5 a:b@c", "http://[::1]:5000/"),
    ],
)
def test_addresses_without_one(address: str) -> None:
    assert without_passwords(address) == address
    assert not has_password(address)


@pytest.mark.parametrize(
    "address",
    [
        *(
            f"http://me:{PLANTED}@{CLOSED}",
            f"postgresql://me:{PLANTED}@{CLOSED}/x",
            f"postgres://me:{PLANTED}@{CLOSED}/x",
        ),
        *(f"ftp://me:{PLANTED}@h", f"mysql://me:{PLANTED}@{CLOSED}/x", f"sqlite://me:{PLANTED}@h/x.db"),
        *(f"postgresql://me:a/{PLANTED}@{CLOSED}/x", f"http://me:{PLANTED}#@{CLOSED}", "nonsense://"),
        *(f"postgresql://{CLOSED}/x?user=me&password={PLANTED}", f"postgresql//me:{PLANTED}@h"),
    ],
)
@pytest.mark.parametrize("command", ["tune mlflow", "tune studies", "ablate", "report", "predict", "data"])
def test_commands_that_cannot_connect(
    small: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str], command: str, address: str
) -> None:
    """Whatever is wrong with the address, and whoever complains about it."""
    run = {
        "tune mlflow": lambda: tune.main([*small, "--mlflow-uri", address]),
        "tune studies": lambda: tune.main([*small, "--study-storage", address]),
        "ablate": lambda: ablate.main(["--mlflow-uri", address, *for_ablate(small)]),
        "report": lambda: report.main(["--lang", "tr", "--mlflow-uri", address, "--out", str(tmp_path / "out")]),
        "predict": lambda: predict.main(["--model", "models:/msd-x@champion", "--mlflow-uri", address]),
        "data": lambda: data.main(["check", "--dataset", "sample", "--lang", "tr", "--record", address]),
    }[command]
    with pytest.raises(SystemExit) as ended:
        run_command(run)
    said = capfd.readouterr()
    assert ended.value.code == 2, said.err
    assert not holds_planted((said.out + said.err).encode())
    assert "error: " in said.err


def for_ablate(small: list[str]) -> list[str]:
    """What `ablate` knows of the options of `tune`."""
    unknown = ("--space", "--trials")
    pairs = zip(small[::2], small[1::2], strict=True)
    return [text for option, value in pairs if option not in unknown for text in (option, value)]


@pytest.mark.parametrize(
    ("option", "address", "instead"),
    [
        ("--mlflow-uri", f"http://me:{PLANTED}@{CLOSED}", "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
        ("--mlflow-uri", f"postgresql://me:{PLANTED}@{CLOSED}/x", "PGPASSFILE"),
        ("--study-storage", f"postgresql://me:{PLANTED}@{CLOSED}/x", "PGPASSFILE"),
    ],
)
def test_a_password_on_the_command_line_is_warned_about(
    small: list[str], capfd: pytest.CaptureFixture[str], option: str, address: str, instead: str
) -> None:
    with pytest.raises(UserError):  # nothing answers there
        tune.main([*small, option, address, "--dry-run"])
    said = capfd.readouterr()
    (warning,) = (line for line in said.err.splitlines() if line.startswith("warning: "))
    assert warning.startswith(f"warning: {option} holds a password, which the process list shows")
    assert instead in warning
    assert "me:***@127.0.0.1:9" in said.out  # which address is still to be seen
    assert not holds_planted((said.out + said.err).encode())


def test_none_is_warned_about_without_one(small: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError):
        tune.main([*small, "--mlflow-uri", f"http://me@{CLOSED}", "--dry-run"])
    assert "warning" not in capfd.readouterr().err


def test_a_traceback_shows_none(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistake of the program's own is told whole, but for this."""

    def mistaken() -> int:
        raise RuntimeError(f"cannot reach http://me:{PLANTED}@{CLOSED}\x1b[2J")

    with pytest.raises(RuntimeError) as raised:
        run_command(mistaken)
    sys.excepthook(raised.type, raised.value, raised.tb)
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert rf"RuntimeError: cannot reach http://me:***@{CLOSED}\x1b[2J" in said
    assert "in mistaken" in said


@pytest.mark.slow("a search and its report with an MLflow server")
@pytest.mark.timeout(1200)
def test_a_whole_search_leaves_none(
    tiny_encoder: EncoderFiles, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Teachers, students, final runs, model card and registered model, with a password in MLflow's address too."""
    served, storage = tmp_path / "mlflow", tmp_path / "search" / "storage"
    served.mkdir()
    storage.mkdir(parents=True)
    corpora = write_corpora(tmp_path / "corpora", langs=("en", "ar"))
    with mlflow_server(served, served / "mlflow.db") as (uri, _):
        address = uri.replace("http://", f"http://me:{PLANTED}@")
        search = SmallSearch(
            root=storage, encoder=tiny_encoder.directory, data_dir=corpora, options={"mlflow_uri": address}
        )
        rows = search.run()
        setup = search.setup()
        printed = StringIO()
        tracker = StudyTracker.open(
            address,
            dataset=setup.data.dataset,
            lang=setup.lang,
            study=setup.settings.name,
            parameters=setup.conditions,
            tags={},
        )
        won, _ = conclude(setup, parse(search.arguments()), tracker, rows, Console(file=printed, width=200))
        assert won
        assert report.main(["--lang", "ar", "--mlflow-uri", address, "--out", str(tmp_path / "report")]) == 0
    assert (storage / "models" / "wikiann-ar" / "README.md").is_file()
    assert "models:/msd-wikiann-ar/1" in printed.getvalue()
    said = capfd.readouterr()
    assert not holds_planted((printed.getvalue() + said.out + said.err).encode())
    assert files_with_planted(tmp_path) == []


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.timeout(1200)
def test_a_search_on_ray_leaves_none(watched_search: WatchedSearch) -> None:
    """In the command lines of all processes that it starts, its output, its storage and Ray's session files."""
    assert any(b"gcs_server" in command for command in watched_search.commands)
    assert any(b"ray::" in command for command in watched_search.commands), "a worker"
    assert [command for command in watched_search.commands if holds_planted(command)] == []
    assert list(watched_search.ray_files.rglob("raylet.out"))
    assert files_with_planted(watched_search.tune.log.parent, watched_search.ray_files) == []

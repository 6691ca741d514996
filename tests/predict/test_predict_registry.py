"""`python -m msd_ray.predict --model models:/...`: same tags as the directory; messages for missing models."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from mlflow.tracking import MlflowClient
from students import exported
from transformers import pipeline

from msd_ray.cli.winner import content_digest
from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.predict.__main__ import main
from msd_ray.tracking.champion import Candidate
from msd_ray.tracking.registry import register
from msd_ray.tracking.study import StudyTracker
from msd_ray.tracking.uri import default_tracking_uri

TEXT = "Angela  Merkel\tin Paris\n\nв на من في\n" + "the in ankara " * 60 + "\nlast one, no end"


@pytest.fixture(scope="module")
def work(tiny_encoder: EncoderFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two students, `good` and `weak`, both registered in `runs/mlflow.db`."""
    work = tmp_path_factory.mktemp("work")
    uri = default_tracking_uri(work / "runs")
    tracker = StudyTracker.open(uri, dataset="sample", lang="tr", study="s", parameters={}, tags={})
    for name, noise, score in (("good", 0.0, 0.6), ("weak", 2.0, 0.4)):
        exported(tiny_encoder, work / name, noise=noise)
        run = tracker.child(f"final/best/{name}", name=name, parameters={}, tags={})
        candidate = Candidate(
            dataset="sample",
            lang="tr",
            study="s",
            run_id=run,
            row="best",
            configuration="0a1b2c3d",
            seed=1,
            encoder="tiny",
            zero_shot=True,
            content_sha256=content_digest(work / name),
            dev_f1=score,
            scored_split="test",
            scores={},
            data_digests={"target_dev": "bb" * 32},
        )
        assert register(uri, work / name, candidate).champion is (name == "good")
    return work


@pytest.fixture
def command(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> Callable[..., bytes]:
    """Run the command in this process, in `work`; its output."""

    def call(*arguments: str) -> bytes:
        (tmp_path / "input").write_text(TEXT)
        monkeypatch.chdir(work)
        with (tmp_path / "input").open() as stream:
            monkeypatch.setattr("sys.stdin", stream)
            assert main(["--device", "cpu", *arguments]) == 0
        captured = capsysbinary.readouterr()
        assert captured.err == b""
        return captured.out

    return call


def test_a_registered_model_gives_the_tags_of_the_directory(work: Path, command: Callable[..., bytes]) -> None:
    good, weak = command("--model", "good"), command("--model", "weak")
    assert good != weak
    assert good.count(b"\n") == 5
    assert command("--model", "models:/msd-sample-tr@champion") == good
    assert command("--model", "models:/msd-sample-tr/1") == good
    assert command("--model", "models:/msd-sample-tr/2") == weak
    named = ("--mlflow-uri", f"sqlite:///{work}/runs/mlflow.db")
    assert command("--model", "models:/msd-sample-tr/2", *named) == weak


def test_a_version_with_the_legacy_layout(work: Path, command: Callable[..., bytes]) -> None:
    """That layout had its own code, with the student among its artifacts."""
    weak = command("--model", "weak")
    place = MlflowClient(f"sqlite:///{work}/runs/mlflow.db").get_model_version_download_uri("msd-sample-tr", "2")
    version = Path(place.removeprefix("file://"))
    (version / "artifacts").mkdir()
    (version / "model").rename(version / "artifacts" / "student")
    try:
        assert command("--model", "models:/msd-sample-tr/2") == weak
    finally:
        (version / "artifacts" / "student").rename(version / "model")


def test_options_apply_to_registered_models(command: Callable[..., bytes]) -> None:
    options = ("--format", "conll", "--characters", "--precision", "fp32")
    assert command("--model", "models:/msd-sample-tr@champion", *options) == command("--model", "good", *options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["models:/msd-sample-ar@champion"], "no registered model msd-sample-ar; it has msd-sample-tr"),
        (["models:/msd-sample-tr@best"], r"no such alias; it has versions 1, 2, aliases @champion \(version 1\)"),
        (["models:/msd-sample-tr/3"], "no such version; it has versions 1, 2"),
        (["models:/msd-sample-tr/latest"], r"Use models:/NAME@ALIAS"),
        (["models:/../../runs@champion"], r"Use models:/NAME@ALIAS"),
        (["models:/x' OR name != '@champion"], "no registered model x' OR name != '"),
        (
            ["models:/x/1", "--mlflow-uri", "sqlite:///nowhere/mlflow.db"],
            "the MLflow database .*nowhere/mlflow.db does not exist",
        ),
        (["models:/x/1", "--mlflow-uri", "ftp://host"], "unsupported tracking URI"),
        (["models:/x/1", "--mlflow-uri", "http://127.0.0.1:1"], "MLflow at http://127.0.0.1:1 does not work"),
        (["good", "--mlflow-uri", "http://127.0.0.1:1"], "--mlflow-uri applies to registered models"),
        (["runs:/0123/model"], "runs:/0123/model: not a directory"),
    ],
)
def test_what_is_not_there(work: Path, arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(work)
    with pytest.raises(UserError, match=message) as refused:
        main(["--device", "cpu", "--model", *arguments])
    assert "\n" not in str(refused.value)
    assert not (work / "nowhere").exists()


def test_damaged_files_are_rejected(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(work)
    uri = f"sqlite:///{work}/runs/mlflow.db"
    place = MlflowClient(uri).get_model_version_download_uri("msd-sample-tr", "2").removeprefix("file://")
    weights = Path(place) / "model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    try:
        weights.write_bytes(content)
        with pytest.raises(UserError, match=r"model\.safetensors is damaged or was changed"):
            main(["--device", "cpu", "--model", "models:/msd-sample-tr/2"])
        shutil.rmtree(weights.parent)
        with pytest.raises(UserError, match=r"models:/msd-sample-tr/2 at sqlite:.* has no directory model:"):
            main(["--device", "cpu", "--model", "models:/msd-sample-tr/2"])
    finally:
        shutil.copytree(work / "weak", weights.parent, dirs_exist_ok=True)


def test_the_cards_code_for_mlflow_works(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = re.findall(r"```python\n(.*?)```", (work / "good" / "README.md").read_text(), re.DOTALL)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # whatever MLflow leaves there is taken back
    before = mlflow.get_tracking_uri()
    try:
        exec(found[2].replace('"URI"', repr(f"sqlite:///{work}/runs/mlflow.db")), {})
    finally:
        mlflow.set_tracking_uri(before)
    tagger = pipeline("token-classification", str(work / "good"), aggregation_strategy="first")
    assert capsys.readouterr().out == f"{tagger('One sentence per line')}\n"


@pytest.mark.slow
def test_as_a_process(work: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "msd_ray.predict", "--device", "cpu", "--model", "models:/msd-sample-tr@champion"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for directory, code in ((work, 0), (tmp_path, 2)):
        done = subprocess.run(
            command, input=b"Angela\n", cwd=directory, capture_output=True, check=False, timeout=300, env=environment
        )
        assert done.returncode == code, done.stderr
        if code:
            assert (
                done.stderr
                == (
                    f"error: the MLflow database {tmp_path}/runs/mlflow.db does not exist. "
                    "Give the --mlflow-uri of the store that has the model.\n"
                ).encode()
            )
            assert not list(tmp_path.iterdir())
        else:
            assert done.stderr == b""
            assert done.stdout.startswith(b'{"tokens": ["Angela"], "labels"')

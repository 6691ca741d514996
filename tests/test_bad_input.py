"""What a user can get wrong: one message, exit code 2, nothing started, nothing half-written."""

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlparse

import pytest
from filelock import FileLock
from huggingface_hub import constants
from transformers import BertConfig, BertModel, GPT2Config, GPT2Model
from tune_command import files_below, message, rows

from msd_ray.encoders import EncoderFiles
from msd_ray.errors import UserError, run_command
from msd_ray.options import parse
from msd_ray.search.search import open_teacher_study
from msd_ray.setup import set_up
from msd_ray.tune import main

UNREACHABLE = "http://127.0.0.1:9"  # the discard port: nobody listens
SENTENCE = "Anna B-PER\nlives O\nin O\nOslo B-LOC\n"


@pytest.fixture
def small(tiny_encoder: EncoderFiles, tmp_path: Path) -> list[str]:
    """A command line that would run; what is added to it goes wrong."""
    storage = str(tmp_path / "runs")
    return [
        *("--lang", "tr", "--dataset", "sample", "--encoder", str(tiny_encoder.directory), "--storage", storage),
        *("--space", "quickstart", "--limit", "8", "--epochs", "1", "--trials", "1", "--seeds", "1"),
        *("--frozen-layers", "2", "--workers", "0"),
    ]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """The storage of `small`."""
    return tmp_path / "runs"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A directory in CoNLL-2002's form with everything that English to Dutch needs."""
    directory = tmp_path / "conll"
    directory.mkdir()
    for name in ("eng.train", "eng.testa", "ned.train", "ned.testa", "ned.testb"):
        (directory / name).write_text(f"{SENTENCE}\n" * 4)
    return directory


@contextmanager
def begun(arguments: list[str]) -> Iterator[None]:
    """A study that was begun with these options, as a command leaves it that dies at once."""
    for setup in set_up(parse(arguments)):
        setup.storage.create()
        open_teacher_study(setup.settings, setup.conditions, setup.study_storage).close()
    yield


# Data


def test_unknown_language_with_a_suggestion(small: list[str], runs: Path) -> None:
    assert "no language 'turkish' (did you mean 'tr'?)" in message([*small, "--lang", "turkish"])
    text = message([*small, "--lang", "tr", "xx"])
    assert "data set 'sample' has no language 'xx'" in text
    assert "en, de, es, nl, ar, hi, zh, ko, ru, tr" in text
    assert not runs.exists()


def test_unknown_data_set_with_a_suggestion(small: list[str], runs: Path) -> None:
    text = message([*small, "--dataset", "wikian"])
    assert "unknown data set 'wikian' (did you mean 'wikiann'?)" in text
    # Square brackets are markup to the library that prints.
    assert "unknown data set '[/bold]'" in message([*small, "--dataset", "[/bold]"])
    assert not runs.exists()


def test_missing_directories(small: list[str], runs: Path, tmp_path: Path) -> None:
    conll = [*small, "--dataset", "conll", "--lang", "nl"]
    assert "is read from files" in message(conll)
    assert "nowhere does not exist" in message([*conll, "--data-dir", str(tmp_path / "nowhere")])
    (tmp_path / "empty").mkdir()
    text = message([*conll, "--data-dir", str(tmp_path / "empty")])
    assert "no train file" in text
    assert "ned.train" in text
    (tmp_path / "file").touch()
    assert "file is no directory" in message([*conll, "--data-dir", str(tmp_path / "file")])
    assert not runs.exists()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("eng.train", b"", "eng.train holds no sentence"),
        ("ned.train", b"\n\n", "ned.train holds no sentence"),
        ("eng.testa", f"{SENTENCE}Rome\n".encode(), "eng.testa:5: expected a row"),
        ("ned.testa", f"{SENTENCE}\nRome B-CITY\n".encode(), "ned.testa:6: unknown label 'B-CITY'"),
        ("eng.train", f"{SENTENCE}Rome PER-B\n".encode(), "eng.train:5: unknown label 'PER-B'"),
    ],
)
def test_broken_files(small: list[str], runs: Path, corpus: Path, name: str, content: bytes, expected: str) -> None:
    (corpus / name).write_bytes(content)
    text = message([*small, "--dataset", "conll", "--lang", "nl", "--data-dir", str(corpus)])
    assert text.startswith(str(corpus / name))
    assert expected in text
    assert not runs.exists()


def test_undecodable_text_with_its_line(small: list[str], tmp_path: Path) -> None:
    for lang in ("en", "tr"):
        (tmp_path / lang).mkdir()
        for split in ("train", "dev"):
            (tmp_path / lang / f"{lang}_{split}.conll").write_text("a _ _ O\n")
    broken = tmp_path / "tr" / "tr_dev.conll"
    broken.write_bytes(b"a _ _ O\n\xff\xfe _ _ O\n")
    text = message([*small, "--dataset", "mlowner", "--data-dir", str(tmp_path)])
    assert f"{broken}:2: not UTF-8" in text


@pytest.mark.slow  # the hub's client tries five times
def test_unreachable_hub_for_a_corpus(small: list[str], runs: Path, no_hub: Path) -> None:
    text = message([*small, "--dataset", "wikiann"])
    assert f"cannot reach the hub for tr/train-00000-of-00001.parquet of unimelb-nlp/wikiann on {UNREACHABLE}" in text
    assert "--data-dir" in text
    assert not runs.exists()


# Search spaces


SPACE = """\
description: A space.
teacher:
  learning_rate: 5e-5
  alpha: 0.05
student:
  learning_rate: {low: 2e-5, high: 2e-4, log: true}
  beta: {low: 0.01, high: 10}
  alpha_prime: 0.001
  beta_prime: 0.001
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "expected"),
    [
        ("  beta:", "  betta:", 7, "`student.betta`: unknown key; did you mean `beta`?"),
        ("alpha: 0.05", "alpha: -1", 4, "`teacher.alpha`: given -1, must be greater than or equal to 0"),
        ("learning_rate: 5e-5", "learning_rate: 5", 3, "`teacher.learning_rate`: given 5, must be less than 1"),
        ("low: 2e-5, high: 2e-4, log", "low: 2e-5, log", 6, "`student.learning_rate.high`: is missing"),
        ("low: 0.01, high: 10", "low: 10, high: 0.01", 7, "`student.beta.low`: given 10, must be smaller than high"),
        ("beta_prime: 0.001", "beta_prime: [", 10, "not well-formed YAML"),
        ("teacher:\n", "\tteacher:\n", 2, "not well-formed YAML"),
    ],
)
def test_broken_search_spaces(
    small: list[str], runs: Path, tmp_path: Path, old: str, new: str, line: int, expected: str
) -> None:
    assert SPACE.count(old) == 1
    space = tmp_path / "own.yaml"
    space.write_text(SPACE.replace(old, new))
    text = message([*small, "--space", str(space)])
    assert f"{space}:{line}: " in text
    assert expected in text
    assert not runs.exists()


def test_a_search_space_that_is_not_there(small: list[str], runs: Path, tmp_path: Path) -> None:
    assert "did you mean `student`?" in message([*small, "--space", "studnt"])
    assert "no such file" in message([*small, "--space", str(tmp_path / "own.yaml")])
    assert not runs.exists()


# Encoders


@pytest.fixture
def no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's client, whose settings are read at its import, sent to a closed port with an empty cache."""
    files = urlparse(constants.HUGGINGFACE_CO_URL_TEMPLATE).path
    monkeypatch.setattr(constants, "ENDPOINT", UNREACHABLE)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", UNREACHABLE + files)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return tmp_path / "hub"


def test_unreachable_hub_for_an_encoder(small: list[str], runs: Path, no_hub: Path) -> None:
    text = message([*small, "--encoder", "google-bert/bert-base-multilingual-cased"])
    assert f"encoder google-bert/bert-base-multilingual-cased: cannot get it from {UNREACHABLE}" in text
    assert "--encoder e5-small" in text
    assert not runs.exists()


def test_no_such_encoder(small: list[str], runs: Path, tmp_path: Path) -> None:
    assert "no such directory" in message([*small, "--encoder", str(tmp_path / "nowhere")])
    assert "neither a directory nor a hub repository's name" in message([*small, "--encoder", "a b"])
    (tmp_path / "empty").mkdir()
    text = message([*small, "--encoder", str(tmp_path / "empty")])
    assert "lacks config.json and model.safetensors and tokenizer.json" in text
    assert not runs.exists()


def test_pickled_weights(small: list[str], runs: Path, tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    pickled = tmp_path / "pickled"
    shutil.copytree(tiny_encoder.directory, pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    text = message([*small, "--encoder", str(pickled)])
    assert "lacks model.safetensors; it has pytorch_model.bin, which is not read" in text
    assert not runs.exists()


def test_a_model_that_generates_text(small: list[str], runs: Path, tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    """With a tokenizer that would do: what it is, only its configuration and weights tell."""
    gpt = tmp_path / "gpt"
    shutil.copytree(tiny_encoder.directory, gpt)
    vocabulary = json.loads((gpt / "config.json").read_text())["vocab_size"]
    GPT2Model(GPT2Config(vocab_size=vocabulary, n_embd=8, n_layer=4, n_head=2, n_positions=128)).save_pretrained(gpt)
    assert "model_type 'gpt2' is no text encoder" in message([*small, "--encoder", str(gpt)])
    assert not runs.exists()


def test_damaged_weights(small: list[str], runs: Path, tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(tiny_encoder.directory, damaged)
    weights = damaged / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert f"cannot load {damaged}" in message([*small, "--encoder", str(damaged)])
    assert not runs.exists()


def test_an_encoder_with_too_few_layers_or_positions(
    small: list[str], runs: Path, tiny_encoder: EncoderFiles, tmp_path: Path
) -> None:
    text = message([*small, "--frozen-layers", "6"])
    assert "--frozen-layers 6 leaves nothing to train" in text
    assert "which has 6 layers: 5 at most" in text
    short = tmp_path / "short"
    shutil.copytree(tiny_encoder.directory, short)
    config = BertConfig.from_pretrained(short, max_position_embeddings=64)
    BertModel(config, add_pooling_layer=False).save_pretrained(short)
    assert "--max-length 65: encoder" in message([*small, "--encoder", str(short), "--max-length", "65"])
    assert main([*small, "--encoder", str(short), "--max-length", "64", "--dry-run"]) == 0
    assert not runs.exists()


# MLflow


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (UNREACHABLE, f"MLflow at {UNREACHABLE} does not work"),
        ("sqlite:////proc/nowhere/mlflow.db", "--mlflow-uri sqlite:////proc/nowhere/mlflow.db: cannot be written"),
        ("file:/tmp/mlruns", "not a tracking address that can be used"),
        ("sqlite://", "this names no file"),
    ],
)
def test_mlflow_that_cannot_be_used(small: list[str], runs: Path, uri: str, expected: str) -> None:
    assert expected in message([*small, "--mlflow-uri", uri])
    assert not runs.exists()


def test_an_mlflow_database_that_is_no_file_is_left_alone(small: list[str], runs: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert f"{pipe} is no ordinary file" in message([*small, "--mlflow-uri", f"sqlite:///{pipe}"])
    assert pipe.is_fifo()
    assert not runs.exists()


def test_mlflow_database_of_another_program(small: list[str], runs: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE photos (id)")
    before = other.read_bytes()
    assert "another program" in message([*small, "--mlflow-uri", f"sqlite:///{other}"])
    assert other.read_bytes() == before
    assert not runs.exists()


# Storage


def test_a_file_where_the_storage_should_be(small: list[str], runs: Path) -> None:
    runs.write_text("mine")
    text = message(small)
    assert f"the storage {runs} cannot be made: {runs} is no directory" in text
    assert f"{runs} is no directory" in message([*small, "--storage", str(runs / "below" / "it")])
    assert runs.read_text() == "mine"


@pytest.mark.parametrize("name", ["features", "studies"])
def test_a_file_in_the_storage_where_a_directory_should_be(small: list[str], runs: Path, name: str) -> None:
    runs.mkdir()
    (runs / name).write_text("mine")
    text = message(small)
    assert f"the storage {runs} cannot be written" in text
    assert str(runs / name) in text
    assert (runs / name).read_text() == "mine"


def test_a_place_that_takes_no_files(small: list[str]) -> None:
    assert "the storage /proc/nowhere cannot be written" in message([*small, "--storage", "/proc/nowhere"])


def test_something_else_where_the_best_student_goes(small: list[str], runs: Path) -> None:
    (runs / "models" / "sample-tr").mkdir(parents=True)
    (runs / "models" / "sample-tr" / "thesis.txt").write_text("mine")
    text = message(small)
    assert "models/sample-tr, where the best student goes, is there and is no exported student" in text
    assert files_below(runs) == {"models/sample-tr/thesis.txt"}


def test_encoding_onto_a_disk_that_takes_no_more(small: list[str], runs: Path) -> None:
    """The system refuses bytes beyond a limit, as it does on a full disk: nothing half-encoded stays."""
    (setup,) = set_up(parse(small))
    setup.storage.create()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, before[1]))
    try:
        with pytest.raises(UserError) as caught:
            _ = setup.prepared
        with pytest.raises(UserError, match="cannot be written"):
            setup.storage.create()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert f"the storage {runs} cannot be written" in str(caught.value)
    assert "free some space" in str(caught.value)
    assert all(list(directory.iterdir()) for directory in (runs / "features").iterdir())
    assert not list(runs.rglob("*.tmp"))
    assert setup.prepared.sentences["source_train"] == 8  # and with space again it goes on


@contextmanager
def mounted(directory: Path, options: str) -> Iterator[None]:
    """A file system of its own, where this process may mount one."""
    directory.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(directory)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def test_a_read_only_file_system(small: list[str], runs: Path) -> None:
    with mounted(runs, "ro,size=1m"):
        assert f"{runs} is read-only" in message(small)
        assert f"{runs} is read-only" in message([*small, "--storage", str(runs / "below")])


@pytest.mark.parametrize("size", ["4k", "64k", "900k"])
def test_a_full_file_system(small: list[str], runs: Path, size: str) -> None:
    """It is full before anything, while MLflow's database is made, and while the study's is."""
    with mounted(runs, f"size={size}"):
        (runs / "fill").write_bytes(bytes(4096))
        text = message(small)
        assert "space" in text.lower() or "disk" in text.lower(), text
        assert not list(runs.rglob("*.tmp"))


# Studies


def test_a_study_with_other_settings_names_each_with_both_values(small: list[str], runs: Path) -> None:
    space = Path(__file__).parents[1] / "search_spaces" / "wide.yaml"
    with begun([*small, "--name", "one"]):
        text = message([*small, "--name", "one", "--epochs", "2", "--limit", "9", "--seed", "5", "--space", str(space)])
    assert "study `one/teacher` in" in text
    lines = [line.strip() for line in text.splitlines()]
    for expected in (
        "run.epochs: 1 there, 2 here",
        "limit: 8 there, 9 here",
        "seed: 0 there, 5 here",
        "run.seed: 0 there, 5 here",
        "students.beta.low: 0.05 there, 0.001 here",
    ):
        assert expected in lines
    # What is the same is not listed, nor is anything twice.
    assert not any(line.startswith(("lang:", "encoder:", "teacher_trials:", "data.target_dev")) for line in lines)
    assert len(lines) == len(set(lines))
    assert "another --name" in text
    assert rows(runs / "mlflow.db", "runs") == 0


def test_only_the_students_space_differs(small: list[str]) -> None:
    """Told at once, and not when the teachers are trained and the students' turn comes."""
    own = [*small, "--name", "one", "--space"]
    with begun([*own, "paper"]):
        text = message([*own, "student"])
    assert "study `one/teacher`" in text
    assert "students.learning_rate: 2e-05 there, nothing here" in text
    assert "students.learning_rate.high: nothing there, 0.0002 here" in text


def test_what_may_differ(small: list[str]) -> None:
    """More trials, seeds and other resources go on with a study."""
    with begun(small):
        for more in (["--trials", "40"], ["--seeds", "9"], ["--max-concurrent", "3"], ["--cpus-per-trial", "2"]):
            for setup in set_up(parse([*small, *more])):
                open_teacher_study(setup.settings, setup.conditions, setup.study_storage).close()


def test_a_study_that_another_process_runs(small: list[str], runs: Path) -> None:
    (runs / "studies").mkdir(parents=True)
    with FileLock(runs / "studies" / "sample-tr.lock"):
        assert "another process is running the study sample-tr" in message(small)
    assert files_below(runs) == set()


def test_corrupt_study_databases(small: list[str], runs: Path) -> None:
    with begun(small):
        database = runs / "studies.db"
    whole = database.read_bytes()
    for content, expected in (
        (b"not a database" * 100, "file is not a database"),
        (whole[:6000], "malformed"),
        (whole[:8192] + bytes(len(whole) - 8192), "malformed"),
    ):
        database.write_bytes(content)
        with pytest.raises(UserError) as caught:
            main(small)
        assert str(caught.value).startswith(f"cannot use the study storage sqlite:///{database}: ")
        assert expected in str(caught.value)
        assert database.read_bytes() == content
    assert rows(runs / "mlflow.db", "runs") == 0


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:////proc/nowhere/studies.db", "unable to open database file"),
        ("studies.db", "give sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"),
        ("mysql://user:secret@127.0.0.1:9/x", "give sqlite:///FILE or postgresql://"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql://user:secret@127.0.0.1:9/x", "user:***@127.0.0.1:9/x"),
    ],
)
def test_study_storages_that_cannot_be_used(small: list[str], runs: Path, url: str, expected: str) -> None:
    text = message([*small, "--study-storage", url])
    assert expected in text
    assert "secret" not in text
    assert not runs.exists()


def test_a_name_that_is_a_path(small: list[str], tmp_path: Path) -> None:
    before = set(tmp_path.rglob("*"))
    for name in ("../outside", "/etc/x", "..", "a/../../b", "models/../x"):
        assert f"--name {name!r}" in message([*small, "--name", name])
    assert set(tmp_path.rglob("*")) == before


# The command as a process


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [(UserError("no such\nthing"), 2, "error: no such\nthing\n"), (KeyboardInterrupt(), 130, "interrupted\n")],
)
def test_exit_codes(raised: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> int:
        raise raised

    with pytest.raises(SystemExit) as caught:
        run_command(command)
    assert caught.value.code == code
    assert capsys.readouterr() == ("", said)
    with pytest.raises(ZeroDivisionError):  # a mistake of the program's own is not hidden
        run_command(lambda: 1 // 0)


def run(arguments: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "msd_ray.tune", *arguments]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )


def test_a_mistake_is_one_message_and_exit_code_2(small: list[str], runs: Path) -> None:
    done = run([*small, "--mlflow-uri", UNREACHABLE])
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: MLflow at {UNREACHABLE} does not work")
    assert len(done.stderr.splitlines()) == 1
    assert not runs.exists()


def test_a_mistake_in_the_options_is_told_like_any_other(small: list[str]) -> None:
    done = run([*small, "--trials", "many"])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: argument --trials: invalid int value: 'many'")
    assert len(done.stderr.splitlines()) == 1


def test_a_hub_that_the_environment_names_is_not_reached(small: list[str], runs: Path, tmp_path: Path) -> None:
    done = run([*small, "--encoder", "some/bert"], HF_ENDPOINT=UNREACHABLE, HF_HOME=str(tmp_path / "hf"))
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: encoder some/bert: cannot get it from {UNREACHABLE}")
    assert len(done.stderr.splitlines()) == 1
    assert not runs.exists()


def test_off_a_terminal_a_dry_run_prints_whole_plain_lines(small: list[str], runs: Path, tmp_path: Path) -> None:
    storage = tmp_path / ("a-long-name-" * 15) / "[red]runs"
    done = run([*small, "--lang", "tr", "ar", "--storage", str(storage), "--dry-run"], COLUMNS="60", TERM="xterm")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    assert lines[0] == "Reading sample, en to tr, ar ..."
    assert lines[-1] == "A dry run: nothing was started or stored."
    assert lines.count(f"storage        {storage}") == 2
    assert lines.count(f"studies        sqlite:///{storage}/studies.db") == 2
    assert {f"study          sample-{lang}: sample, en to {lang}" for lang in ("tr", "ar")} <= set(lines)
    assert not storage.parent.exists()

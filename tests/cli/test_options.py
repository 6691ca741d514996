"""The command line of `msd_ray.tune`: precedence, ranges, mistakes, and the help."""

import argparse
import contextlib
import io
import math
import re
import subprocess
import sys
from dataclasses import fields, replace
from importlib import import_module
from pathlib import Path

import pytest

from msd_ray.cli.ablate_options import parse as parse_ablate
from msd_ray.cli.declaration import declared
from msd_ray.cli.doctor_options import parse as parse_doctor
from msd_ray.cli.environment import VARIABLES
from msd_ray.cli.option_table import PRESETS
from msd_ray.cli.options import TuneOptions, parse
from msd_ray.cli.search_settings import wait_seconds
from msd_ray.common.errors import UserError
from msd_ray.common.option_types import path, place
from msd_ray.search.spaces import space_names

DECLARED = declared(TuneOptions)
NUMBERS = sorted(name for name, one in DECLARED.items() if one.kind in (int, float))


def message(*arguments: str) -> str:
    with pytest.raises(UserError) as caught:
        parse(list(arguments))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_defaults() -> None:
    options = parse(["--lang", "ar"])
    assert options == TuneOptions(lang=("ar",))
    assert (options.encoder, options.trials) == ("google-bert/bert-base-multilingual-cased", 20)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_preset_sets_what_it_says_and_leaves_the_rest(preset: str) -> None:
    options = parse(["--lang", "ar", "--preset", preset])
    assert options == replace(parse(["--lang", "ar", *PRESETS[preset].split()]), preset=preset)
    assert options.space == preset


@pytest.mark.parametrize("order", [1, -1])
def test_what_is_given_wins_over_the_preset_wherever_it_stands(order: int) -> None:
    parts = [["--preset", "quickstart"], ["--trials", "7", "--encoder", "some/bert"], ["--limit=9"]][::order]
    options = parse(["--lang", "ar", *(word for part in parts for word in part)])
    assert (options.trials, options.encoder, options.limit) == (7, "some/bert", 9)
    assert (options.dataset, options.epochs, options.rows) == ("sample", 4, ("direct", "tsl", "best"))


def test_a_given_value_that_equals_the_default_wins_too() -> None:
    assert parse(["--lang", "ar", "--preset", "quickstart", "--dataset", "wikiann"]).dataset == "wikiann"


def test_the_environment_gives_places_that_the_command_line_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in {
        "MSD_RAY_STORAGE": "/shared/msd",
        "MSD_RAY_STUDY_STORAGE": "postgresql://msd@db/studies",
        "MLFLOW_TRACKING_URI": "http://tracking:5000",
    }.items():
        monkeypatch.setenv(variable, value)
    for read in (parse, parse_ablate):
        options = read(["--lang", "ar"])
        assert options.storage == "/shared/msd"
        assert (options.study_storage, options.mlflow_uri) == ("postgresql://msd@db/studies", "http://tracking:5000")
        given = read(
            ["--lang", "ar", "--storage", "here", "--study-storage", "sqlite:///s.db", "--mlflow-uri", "http://x"]
        )
        assert (str(given.storage), given.study_storage, given.mlflow_uri) == ("here", "sqlite:///s.db", "http://x")


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES.values():
        monkeypatch.setenv(variable, " ")
    assert parse(["--lang", "ar"]) == TuneOptions(lang=("ar",))


def test_a_variable_that_is_no_address_is_named_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSD_RAY_STUDY_STORAGE", "postgresql://user:secret/er@host/x")
    said = message("--lang", "ar")
    assert said.startswith("MSD_RAY_STUDY_STORAGE: is not a URL")
    assert "secret" not in said


def test_the_paper_preset_is_the_papers_experiment() -> None:
    options = parse(["--lang", "ar", "--preset", "paper"])
    assert (options.space, options.trials, options.epochs, options.seeds) == ("paper", 1, 10, 5)
    assert (options.batch_size, options.max_length, options.frozen_layers) == (32, 128, 3)


def test_a_warm_start_names_one_study_or_several() -> None:
    options = parse(["--warm-start", "wikiann-ar", "wikiann-hi", "--lang", "zh", "--warm-start-trials", "5"])
    assert (options.warm_start, options.warm_start_trials) == (("wikiann-ar", "wikiann-hi"), 5)
    assert parse(["--lang", "zh", "--warm-start", "wikiann-ar"]).warm_start == ("wikiann-ar",)
    assert parse(["--lang", "zh"]).warm_start is None


@pytest.mark.parametrize("given", [["ar", "hi", "zh"], ["ar,hi,zh"], ["ar,", "hi", "zh"], ["ar, hi", "zh,"]])
def test_lists_are_separated_by_spaces_or_commas(given: list[str]) -> None:
    assert parse(["--lang", *given]).lang == ("ar", "hi", "zh")
    assert parse(["--lang", "tr", "--rows", "best,direct"]).rows == ("best", "direct")
    assert parse(["--lang", "tr", "--warm-start", "wikiann-ar,wikiann-hi"]).warm_start == ("wikiann-ar", "wikiann-hi")
    ablation = parse_ablate(["--lang", *given, "--variants", "msd,direct"])
    assert (ablation.lang, ablation.variants) == (("ar", "hi", "zh"), ("msd", "direct"))
    assert parse_doctor(["--lang", *given]).lang == ("ar", "hi", "zh")


def test_the_home_directory_is_expanded_in_every_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    paths = ["--storage=~/runs", "--data-dir=~/corpora", "--encoder=~/bert", "--space=~/s.yaml", "--summary=~/t.json"]
    tuned = parse(["--lang", "ar", *paths])
    assert (tuned.storage, tuned.data_dir) == ("/home/ada/runs", Path("/home/ada/corpora"))
    assert (tuned.encoder, tuned.space) == ("/home/ada/bert", "/home/ada/s.yaml")
    assert tuned.summary == Path("/home/ada/t.json")
    assert parse_ablate(["--lang", "ar", "--configuration=~/s.yaml"]).space == "/home/ada/s.yaml"
    checked = parse_doctor(["--cluster-files", "~/aws.yaml", "--constraints=~/pins.txt"])
    assert (checked.cluster_files, checked.constraints) == ((Path("/home/ada/aws.yaml"),), Path("/home/ada/pins.txt"))
    assert parse(["--lang", "ar", "--storage", "s3://bucket/~/runs"]).storage == "s3://bucket/~/runs"
    databases = parse(["--lang", "ar", "--study-storage", "sqlite:///~/s.db", "--mlflow-uri", "sqlite:///~/m.db"])
    assert databases.study_storage == "sqlite:////home/ada/s.db"
    assert databases.mlflow_uri == "sqlite:////home/ada/m.db"
    monkeypatch.setenv("MSD_RAY_STORAGE", "~/shared")
    assert parse(["--lang", "ar"]).storage == "/home/ada/shared"


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("report", {"--storage", "--out"}),
        ("storage", {"--storage"}),
        ("predict", {"--model", "--export-onnx"}),
        ("data", {"--data-dir"}),
        ("local_cluster", {"--directory"}),
    ],
)
def test_paths_of_other_commands_have_the_same_types(command: str, options: set[str]) -> None:
    parser = import_module(f"msd_ray.{command}.__main__").command_line()
    subparsers = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    parsers = [parser, *(one for choices in subparsers for one in choices.values())]
    types = {name: action.type for one in parsers for action in one._actions for name in action.option_strings}
    assert {name for name, kind in types.items() if kind in (path, place)} == options
    assert Path not in types.values()


def test_several_languages_and_their_studies() -> None:
    options = parse(["--lang", "ar", "hi", "zh", "--trials", "3"])
    assert options.lang == ("ar", "hi", "zh")
    assert [options.study_name(lang) for lang in options.lang] == ["wikiann-ar", "wikiann-hi", "wikiann-zh"]
    named = parse(["--lang", "ar", "hi", "--name", "first"])
    assert [named.study_name(lang) for lang in named.lang] == ["first-ar", "first-hi"]
    assert parse(["--lang", "ar", "--name", "first"]).study_name("ar") == "first"


@pytest.mark.parametrize("option", NUMBERS)
def test_the_bounds_are_in_and_what_is_beyond_is_out(option: str) -> None:
    flag, bounds = f"--{option.replace('_', '-')}", DECLARED[option].bounds
    assert bounds is not None
    low, high = bounds
    beside = {"workers": ["--batch-size", "4096"], "average_epochs": ["--epochs", "1000"]}.get(option, [])
    for value in (low, high):
        assert getattr(parse(["--lang", "ar", *beside, flag, str(value)]), option) == value
    for value in (low - 1, high + 1):
        assert message("--lang", "ar", flag, str(value)) == (
            f"{flag} {value:.12g} is out of range: {low:.12g} to {high:.12g}"
        )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--trials", "3"], "required: --lang"),
        (["--lang"], "--lang: expected at least one argument"),
        (["--lang", ""], "--lang: is empty"),
        (["--lang", "ar", ","], "--lang: is empty"),
        (["--lang", "ar,hi", "ar"], "--lang names ar more than once"),
        (["--lang", "ar", "--storage", "~no.such.user/runs"], "--storage: ~no.such.user/runs: the home directory"),
        (["--lang", "ar", "ar"], "--lang names ar more than once"),
        (["--lang", "en"], "--lang en: English is a source language of teachers"),
        (["--lang", "zh", "--warm-start"], "--warm-start: expected at least one argument"),
        (["--lang", "zh", "--warm-start", ""], "--warm-start: is empty"),
        (["--lang", "zh", "--warm-start", "a", "b", "a"], "--warm-start names a more than once"),
        (["--lang", "ar", "--trails", "3"], "unknown argument '--trails' (did you mean --trials?)"),
        (["--lang", "ar", "--trial", "3"], "unknown argument '--trial' (did you mean --trials?)"),
        (["--lang", "ar", "--epochs=3", "x=y"], "unknown argument 'x=y'"),
        (["--lang", "ar", "--epochs", "three"], "--epochs: invalid int value: 'three'"),
        (["--lang", "ar", "--epochs", "1.5"], "--epochs: invalid int value: '1.5'"),
        (["--lang", "ar", "--gpus-per-trial", "nan"], "--gpus-per-trial nan is out of range"),
        (["--lang", "ar", "--gpus-per-trial", "1.5"], "--gpus-per-trial 1.5 is not a whole number"),
        (["--lang", "ar", "--stall-minutes", "inf"], "--stall-minutes inf is out of range"),
        (["--lang", "ar", "--workers", "8", "--batch-size", "4"], "--workers 8 is more than --batch-size 4"),
        (["--lang", "ar", "--average-epochs", "4", "--epochs", "3"], "--average-epochs 4 is more than --epochs 3"),
        (["--lang", "ar", "--average-epochs", "11"], "--average-epochs 11 is more than --epochs 10"),
        (["--lang", "ar", "--hours", "0"], "--hours 0 is out of range: 0.001 to 100000"),
        (["--lang", "ar", "--hours", "nan"], "--hours nan is out of range"),
        (["--lang", "ar", "--patience", "0"], "--patience 0 is out of range: 1 to 100000"),
        (["--lang", "ar", "--confirm", "0"], "--confirm 0 is out of range: 1 to 100"),
        (["--lang", "ar", "--dev-limit", "0"], "--dev-limit 0 is out of range"),
        (["--lang", "ar", "--rows", "best", "best"], "--rows names best more than once"),
        (["--lang", "ar", "--rows", ""], "--rows: is empty"),
        (["--lang", "ar", "--rows"], "--rows: expected at least one argument"),
        (["--lang", "ar", "--select-on", "dev"], "--select-on: invalid choice: 'dev'"),
        (["--lang", "ar", "--pairing", "none"], "--pairing: invalid choice: 'none'"),
        (["--lang", "ar", "--loss-mean", "step"], "--loss-mean: invalid choice: 'step'"),
        (["--lang", "ar", "--decode", "beam"], "--decode: invalid choice: 'beam'"),
        (["--lang", "ar", "--precision", "fp16"], "--precision: invalid choice: 'fp16'"),
        (
            ["--lang", "ar", "--preset", "quick"],
            "--preset: invalid choice: 'quick' (choose from 'paper', 'quickstart')",
        ),
        (["--lang", "ar", "--data-dir", ""], "--data-dir: is empty"),
        (["--lang", "ar", "--storage", " "], "--storage: is empty"),
        (["--lang", "ar", "--mlflow-uri", ""], "--mlflow-uri: is empty"),
        (["--lang", "ar", "--mlflow-uri", "http://[::1"], "--mlflow-uri: is not a URL"),
        (["--lang", "ar", "--study-storage", "postgresql://u:p@h:port/x"], "--study-storage: is not a URL"),
    ],
)
def test_mistakes(arguments: list[str], expected: str) -> None:
    assert expected in message(*arguments)


def test_an_address_that_cannot_be_read_is_not_repeated() -> None:
    assert "secret" not in message("--lang", "ar", "--study-storage", "postgresql://user:secret/er@host/x")


@pytest.mark.parametrize("name", ["../x", "a/b", "/x", "..", ".x", "", "a b", "x" * 81, "é", "a\n", "a\\b", "~x"])
def test_names_that_are_no_plain_names(name: str) -> None:
    assert "--name" in message("--lang", "ar", "--name", name)


@pytest.mark.parametrize("name", ["a", "first-search_2.1", "x" * 80])
def test_plain_names(name: str) -> None:
    assert parse(["--lang", "ar", "--name", name]).name == name


@pytest.mark.parametrize("columns", [80, 120, 250])
def test_the_help_fits_and_names_every_option_default_and_preset(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text = _help()
    assert max(map(len, text.splitlines())) <= min(columns, 120)
    words = " ".join(text.split())
    for field in fields(TuneOptions):
        assert f"--{field.name.replace('_', '-')}" in text
        if isinstance(field.default, str | int | float) and field.default not in (False, "runs"):
            shown = f"{field.default:g}" if isinstance(field.default, float) else field.default
            assert re.search(rf"default: {shown}[),]", words), field.name
    assert "default: MSD_RAY_STORAGE, else runs" in words
    for preset in PRESETS.values():
        assert preset in words
    for space in space_names():
        assert space in text


def _help() -> str:
    with contextlib.redirect_stdout(io.StringIO()) as printed, pytest.raises(SystemExit) as caught:
        parse(["--help"])
    assert caught.value.code == 0
    return printed.getvalue()


def test_the_help_shows_the_range_of_every_number() -> None:
    words = " ".join(_help().split())
    for name in NUMBERS:
        entry = rf" --{name.replace('_', '-')} [NX] (?:(?! --[a-z-]+ [A-Z{{]).)*\({DECLARED[name].range}; default: "
        assert re.search(entry, words), name


def test_examples_of_the_help_can_be_run(tmp_path: Path) -> None:
    """As far as parsing: every command is read without complaint."""
    examples = _help().split("examples:")[1].replace("\\\n", " ")
    commands = [line.split() for line in examples.splitlines() if "python -m msd_ray.tune" in line]
    assert len(commands) == 3
    for command in commands:
        assert parse(command[3:]).lang


def test_the_help_needs_no_heavy_import() -> None:
    """A newcomer asks for help first, and shall not wait for torch, Ray and MLflow."""
    code = (
        "import sys\nfrom msd_ray.tune import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in ('torch', 'ray', 'mlflow', 'transformers', 'optuna') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("more", "address", "seconds"),
    [
        ([], "10.0.0.1:6379", math.inf),
        ([], None, 1800.0),
        (["--wait-hours", "2"], "10.0.0.1:6379", 7200.0),
        (["--wait-hours", "2"], None, 7200.0),
    ],
)
def test_how_long_trials_wait_for_resources(
    more: list[str], address: str | None, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if address is not None:
        monkeypatch.setenv("RAY_ADDRESS", address)
    assert wait_seconds(parse(["--lang", "ar", "--stall-minutes", "30", *more])) == seconds

"""Study files: every option of the declaration, precedence, mistakes with their line, and the file of a run."""

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from mlflow.tracking import MlflowClient

from msd_ray import run_search
from msd_ray.ablate import main as ablate
from msd_ray.cli.ablate_options import AblateOptions
from msd_ray.cli.ablate_options import parse as parse_ablate
from msd_ray.cli.declaration import declared
from msd_ray.cli.doctor_options import parse as parse_doctor
from msd_ray.cli.options import TuneOptions, parse
from msd_ray.cli.search_study import open_tracker
from msd_ray.cli.setup import set_up
from msd_ray.cli.study_file import json_schema, study_file
from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.search.spaces import load_space
from msd_ray.search.yaml_source import read_yaml
from msd_ray.tune import main as tune

SPACE = """\
space:
  description: a test
  teacher: {learning_rate: 5e-5, alpha: 0.05}
  student:
    learning_rate: {low: 1e-5, high: 1e-4, log: true}
    beta: 0.05
    alpha_prime: 0
    beta_prime: 0
"""
ONCE = {"config", "dry_run", "write_config", "retry_failed"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "study.yaml"


def with_text(file: Path, text: str) -> list[str]:
    file.write_text(text, encoding="utf-8")
    return ["--config", str(file)]


def message(file: Path, text: str) -> str:
    with pytest.raises(UserError) as caught:
        parse(with_text(file, text))
    return str(caught.value).replace(f"{file}:", "")


def test_a_file_is_a_command_line(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    read = parse(
        with_text(
            file,
            "lang: [ar, 'hi']\nbatch-size: 16\nhours: 3\nrows: best\nselect-on: source\nseed: 7\n"
            "data-dir: ~/corpora\nstudy-storage: sqlite:///~/s.db\nspace: wide\n",
        )
    )
    words = (
        "--lang ar hi --batch-size 16 --hours 3 --rows best --select-on source --seed 7 --data-dir ~/corpora "
        "--study-storage sqlite:///~/s.db --space wide"
    )
    assert replace(read, config=None) == parse(words.split())
    assert (read.data_dir, read.study_storage) == (Path("/home/ada/corpora"), "sqlite:////home/ada/s.db")


def test_norwegian_is_no_truth_value(file: Path) -> None:
    assert parse(with_text(file, "lang: no")).lang == ("no",)
    assert parse(with_text(file, "lang: [no, on, yes]")).lang == ("no", "on", "yes")


def test_the_command_line_wins_over_the_file_and_the_file_over_the_environment(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MSD_RAY_STORAGE", "/environment")
    given = with_text(file, "lang: ar\nstorage: /file\ntrials: 7\npreset: quickstart\n")
    options = parse(given)
    assert (options.storage, options.trials, options.epochs) == ("/file", 7, 4), "the file wins over its preset, too"
    options = parse([*given, "--storage", "/line", "--trials", "9", "--lang", "tr"])
    assert (options.storage, options.trials, options.lang) == ("/line", 9, ("tr",))
    assert parse([*given, "--preset", "paper"]).trials == 1, "a preset on the command line is a part of it"
    assert parse(with_text(file, "lang: ar")).storage == "/environment"


def test_every_command_reads_it(file: Path) -> None:
    assert parse_doctor(with_text(file, "lang: ar\ntrials: 7")).trials == 7
    ablation = parse_ablate(with_text(file, "lang: ko\nvariants: [msd, direct]\nconfiguration: paper\n"))
    assert (ablation.variants, ablation.space) == (("msd", "direct"), "paper")
    with pytest.raises(UserError, match="`trials`: unknown key"):
        parse_ablate(with_text(file, "lang: ko\ntrials: 3"))


def test_without_a_language(file: Path) -> None:
    assert message(file, "trials: 3").startswith("the following arguments are required: --lang")
    assert parse_doctor(with_text(file, "trials: 3")).lang == ()


def test_own_files_of_a_study_file(file: Path) -> None:
    options = parse(with_text(file, "lang: ar\nsource: en.conll\ntarget-text: ar.txt\npreset: quickstart"))
    assert (options.dataset, options.select_on, options.own is not None) == ("own", "source", True)
    assert options.source == (Path("en.conll"),)
    options = parse(with_text(file, "lang: ar\nsource: [en.conll, de.conll]\ntarget-text: ar.txt"))
    assert options.own is not None
    assert options.own.source == (Path("en.conll"), Path("de.conll"))
    assert message(file, "lang: ar\nsource: en.conll").startswith("--source needs --target-text")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lang: ar\n\ntrails: 3", "3: `trails`: unknown key; did you mean `trials`?"),
        ("batch_size: 3", "1: `batch_size`: unknown key; did you mean `batch-size`?"),
        ("3: 4", "1: `3`: unknown key; allowed here: `lang`, `source-lang`, "),
        ("dry-run: true", "1: `dry-run`: unknown key"),
        ("trials: many", '1: `trials`: given "many", must be a whole number, 1 to 100000'),
        ("trials: '3'", '1: `trials`: given "3", must be a whole number, 1 to 100000'),
        ("trials: 0", "1: `trials`: given 0, must be a whole number, 1 to 100000"),
        ("trials: 1.5", "1: `trials`: given 1.5, must be a whole number, 1 to 100000"),
        ("trials: true", "1: `trials`: given true, must be a whole number, 1 to 100000"),
        ("trials:", "1: `trials`: given null, must be a whole number, 1 to 100000"),
        ("hours: .nan", "1: `hours`: given NaN, must be a number, 0.001 to 100000"),
        ("select-on: dev", '1: `select-on`: given "dev", must be one of `target`, `source`, `none`'),
        ("preset: quick", '1: `preset`: given "quick", must be one of `paper`, `quickstart`'),
        ("dataset: 3", "1: `dataset`: given 3, must be a text"),
        ("name: ''", '1: `name`: given "", must be a text'),
        ("rows:\n- best\n- 3", "3: `rows`: given 3, must be a text, or a list of texts such as [a, b]"),
        ("rows: ''", '1: `rows`: given "", must be a text, or a list of texts such as [a, b]'),
        ("rows: []", "1: `rows`: given [], must be a text, or a list of texts such as [a, b]"),
        ("space: 3", "1: `space`: given 3, must be a name, a file, or a mapping with a search space"),
        ("lang: ar\nstorage: ~no.such.user/x", "2: `storage`: ~no.such.user/x: the home directory"),
        ("mlflow-uri: http://[::1", "1: `mlflow-uri`: is not a URL"),
        ("trials: 0\nepochs: 0", "1: `trials`: given 0, must be a whole number, 1 to 100000\n2: `epochs`: given 0"),
        ("trials: 3\ntrials: 4", "2: key `trials` stands twice"),
        ("- ar", "1: a study file is a mapping with the keys `lang`, "),
        ("", "1: a study file is a mapping with the keys `lang`, "),
    ],
)
def test_mistakes(file: Path, text: str, expected: str) -> None:
    assert message(file, text).startswith(expected)


def test_mistakes_in_its_space(file: Path) -> None:
    wrong = with_text(file, "lang: ar\n" + SPACE.replace("beta: 0.05", "beta: -1").replace("alpha_prime", "alpha_pime"))
    with pytest.raises(UserError) as caught:
        set_up(parse(wrong))
    assert str(caught.value).replace(f"{file}:", "").splitlines() == [
        "5: `space.student.alpha_prime`: is missing",
        "7: `space.student.beta`: given -1, must be greater than or equal to 0",
        "8: `space.student.alpha_pime`: unknown key; did you mean `alpha_prime`?; allowed here: "
        + ", ".join(f"`{name}`" for name in allowed_of_students()),
    ]


def allowed_of_students() -> list[str]:
    return list(json_schema(TuneOptions)["$defs"]["StudentSection"]["properties"])


def test_its_space_is_that_of_a_file_of_its_own(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "space.yaml"
    other.write_text("".join(line[2:] for line in SPACE.splitlines(keepends=True)[1:]), encoding="utf-8")
    options = parse(with_text(file, f"lang: ar\n{SPACE}"))
    assert load_space(options.space).to_json() == load_space(other).to_json()
    assert parse(["--config", str(file), "--space", "wide"]).space == "wide"


@pytest.mark.parametrize("options", [TuneOptions, AblateOptions])
def test_keys_and_schema_follow_from_the_declaration(options: type[TuneOptions]) -> None:
    schema = json_schema(options)
    Draft202012Validator.check_schema(schema)
    known = declared(options, *options.groups)
    assert set(schema["properties"]) == {known[name].flag[2:] for name in known.keys() - ONCE}
    assert {name for name, one in known.items() if one.once} == ONCE & known.keys()
    for name, one in known.items():
        if name in ONCE:
            continue
        key = schema["properties"][one.flag[2:]]
        assert key["description"] == one.full_help()
        assert "default" not in key, "it is in the description, in words where it is decided later"
        if one.bounds:
            assert (key["minimum"], key["maximum"]) == one.bounds


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("lang: ar\n" + SPACE, True),
        ("lang: [ar, hi]\nspace: wide\nhours: 1\nsource: en.conll", True),
        ("lang: ar\ntrials: 0", False),
        ("lang: ar\nbatch_size: 3", False),
        ("lang: ar\nselect-on: dev", False),
        ("lang: ar\n" + SPACE.replace("beta: 0.05", "beta: -1"), False),
    ],
)
def test_editors_say_what_the_command_says(file: Path, text: str, valid: bool) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as ended:
        parse(["--print-schema"])
    assert ended.value.code == 0
    file.write_text(text, encoding="utf-8")
    assert Draft202012Validator(json.loads(printed.getvalue())).is_valid(read_yaml(file).data) is valid


@pytest.fixture
def small(tiny_encoder: EncoderFiles, tmp_path: Path) -> list[str]:
    return [
        *("--lang", "tr", "--dataset", "sample", "--encoder", str(tiny_encoder.directory), "--limit", "8"),
        *("--storage", str(tmp_path / "runs"), "--frozen-layers", "2", "--workers", "0", "--precision", "fp32"),
    ]


@pytest.mark.parametrize(
    "more",
    [
        ["--preset", "quickstart", "--trials", "7"],
        ["--preset", "paper", "--hours", "0.5", "--name", "no", "--stall-minutes", "1e-1"],
        ["--rows", "best", "direct", "--patience", "3", "--space", "joint"],
    ],
    ids=lambda more: more[1],
)
def test_the_file_of_a_run_read_back_is_the_same_study(small: list[str], file: Path, more: list[str]) -> None:
    options = parse([*small, *more])
    file.write_text(study_file(options), encoding="utf-8")
    again = parse(["--config", str(file)])
    assert replace(again, config=None, space=options.space, preset=options.preset) == options
    (first,), (second,) = set_up(options), set_up(again)
    assert second.conditions == first.conditions
    assert second.settings.space.digest() == first.settings.space.digest()
    assert replace(second.settings, space=first.settings.space) == first.settings
    assert second.study_file == first.study_file, "complete: nothing is left to presets"


def test_own_files_read_back(file: Path) -> None:
    words = ["--lang", "ar", "--source", "en.conll", "--target-text", "ar.txt", "--source-dev", "dev.conll"]
    file.write_text(study_file(parse(words)), encoding="utf-8")
    assert replace(parse(["--config", str(file)]), config=None, space="student") == parse(words)


def test_the_file_of_an_ablation_read_back(file: Path) -> None:
    options = parse_ablate(["--lang", "ar", "--variants", "gold-aux", "msd", "--allow-target-labels"])
    file.write_text(study_file(options), encoding="utf-8")
    assert "allow-target-labels: true" in file.read_text(encoding="utf-8")
    again = parse_ablate(["--config", str(file)])
    assert replace(again, config=None, space="paper") == options
    assert load_space(again.space).digest() == load_space("paper").digest()


def test_passwords_are_not_in_the_file() -> None:
    text = study_file(parse(["--lang", "ar", "--study-storage", "postgresql://me:secret@host/studies"]))
    assert "secret" not in text
    assert "# study-storage: (holds a password: --study-storage or MSD_RAY_STUDY_STORAGE)" in text


def test_a_dry_run_writes_it(small: list[str], file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [*small, "--preset", "quickstart", "--epochs", "2", "--average-epochs", "1", "--dry-run", "--write-config"]
    assert tune([*given, str(file)]) == 0
    assert "Dry run: nothing was started or stored." in capsys.readouterr().out
    written = file.read_text(encoding="utf-8")
    assert written == study_file(parse([*given, "-"]))
    with pytest.raises(UserError, match=r"exists\. Give another name, or remove it"):
        tune([*given, str(file)])
    assert file.read_text(encoding="utf-8") == written


def test_a_dry_run_prints_it(small: list[str], file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ablate([*small, "--epochs", "1", "--dry-run", "--write-config", "-"]) == 0
    printed = capsys.readouterr()
    assert yaml.safe_load(printed.out)["configuration"]["student"]["beta"] == 0.05
    assert "Dry run: nothing was started or stored." in printed.err
    assert not (tmp_path / "runs").exists()


def test_it_needs_a_dry_run() -> None:
    with pytest.raises(UserError, match="--write-config needs --dry-run"):
        parse(["--lang", "ar", "--write-config", "x.yaml"])


def test_the_parent_run_keeps_the_file_of_the_last_start(small: list[str], file: Path, tmp_path: Path) -> None:
    for trials in ("3", "4"):
        (setup,) = set_up(parse([*small, "--trials", trials]))
        setup.storage.create()
        tracker = open_tracker(setup)
    client = MlflowClient(setup.mlflow_uri)
    assert [artifact.path for artifact in client.list_artifacts(tracker.parent_id)] == ["study.yaml"]
    kept = Path(client.download_artifacts(tracker.parent_id, "study.yaml", str(tmp_path)))
    assert parse(["--config", str(kept)]).trials == 4


def test_python_reads_it(file: Path) -> None:
    file.write_text("lang: ar\ntrials: 0\n", encoding="utf-8")
    with pytest.raises(UserError, match=":2: `trials`: given 0"):
        run_search(config=file)
    file.write_text("lang: [ar, hi]\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"lang=\['ar', 'hi'\]: several languages"):
        run_search(config=file)


def test_its_name_need_not_end_in_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wide").write_text(f"lang: ar\n{SPACE}", encoding="utf-8")
    assert load_space(parse(["--config", "wide"]).space).description == "a test"


def test_presets_are_keys_of_files(file: Path) -> None:
    read = parse(with_text(file, "lang: ar\npreset: quickstart"))
    assert replace(read, config=None) == parse(["--lang", "ar", "--preset", "quickstart"])

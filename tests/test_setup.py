"""From options to searches that are ready to start, and what a dry run says of them."""

from pathlib import Path

import pytest

from msd_ray.encoders.files import EncoderFiles
from msd_ray.options import parse
from msd_ray.search.spaces import load_space
from msd_ray.search.studies import PhaseStudy
from msd_ray.setup import Setup, describe, describe_phases, set_up


@pytest.fixture
def small(tiny_encoder: EncoderFiles, tmp_path: Path) -> list[str]:
    return [
        *("--lang", "tr", "--dataset", "sample", "--encoder", str(tiny_encoder.directory), "--limit", "8"),
        *("--storage", str(tmp_path / "runs")),
    ]


def only(arguments: list[str]) -> Setup:
    (setup,) = set_up(parse(arguments))
    return setup


def lines(arguments: list[str]) -> dict[str, str]:
    setup = only(arguments)
    return dict(describe(setup, parse(arguments), describe_phases(setup)))


def test_nothing_is_written_before_the_corpora_are_asked_for(small: list[str], tmp_path: Path) -> None:
    setup = only(small)
    assert not (tmp_path / "runs").exists()
    setup.storage.create()
    prepared = setup.prepared
    assert prepared is setup.prepared
    keys = prepared.experiment.corpora
    for key in (keys.source_train, keys.source_dev, keys.target_train, keys.target_dev):
        assert setup.storage.features(key).is_dir()
    assert not (setup.storage.features(keys.target_train) / "labels.npy").exists()
    assert (setup.storage.features(keys.source_train) / "labels.npy").exists()


def test_settings_are_the_options(small: list[str], tmp_path: Path) -> None:
    setup = only([*small, "--seed", "3", "--epochs", "2", "--batch-size", "4", "--precision", "fp32", "--seeds", "2"])
    run = setup.settings.run
    assert (run.seed, run.epochs, run.batch_size, run.max_length, run.frozen_layers) == (3, 2, 4, 128, 3)
    assert (run.precision, setup.settings.seeds, setup.settings.trials) == ("fp32", 2, 20)
    assert setup.settings.name == "sample-tr"
    assert setup.mlflow_uri == f"sqlite:///{tmp_path}/runs/mlflow.db"
    assert setup.study_storage == f"sqlite:///{tmp_path}/runs/studies.db"
    assert setup.corpora.counts == {"source_train": 8, "source_dev": 250, "target_train": 8, "target_dev": 250}


def test_given_databases_are_taken(small: list[str]) -> None:
    setup = only([*small, "--mlflow-uri", "http://tracking:5000", "--study-storage", "postgresql://u@h/studies"])
    assert (setup.mlflow_uri, setup.study_storage) == ("http://tracking:5000", "postgresql://u@h/studies")


def test_languages_share_encoder_and_english(small: list[str]) -> None:
    turkish, arabic = set_up(parse([*small, "--lang", "tr", "ar", "--name", "first"]))
    assert (turkish.settings.name, arabic.settings.name) == ("first-tr", "first-ar")
    assert turkish.encoder == arabic.encoder
    assert turkish.corpora.digests["source_train"] == arabic.corpora.digests["source_train"]
    assert turkish.corpora.digests["target_train"] != arabic.corpora.digests["target_train"]


def test_a_larger_search_has_the_conditions_of_the_smaller(small: list[str]) -> None:
    """Or --trials raised would be refused; the joint space searches teachers too."""
    for space in ("student", "joint"):
        first = only([*small, "--space", space, "--trials", "4"])
        more = only([*small, "--space", space, "--trials", "400", "--seeds", "9", "--max-concurrent", "7"])
        assert first.conditions == more.conditions
        assert first.settings.run == more.settings.run
    assert only([*small, "--space", "student"]).settings.teacher_trials == 1
    assert only([*small, "--space", "joint"]).settings.teacher_trials == 5
    assert only([*small, "--space", "joint", "--teacher-trials", "2"]).settings.teacher_trials == 2


@pytest.mark.parametrize(
    "other", [["--limit", "9"], ["--workers", "0"], ["--lang", "ar"], ["--teacher-trials", "7"]], ids=" ".join
)
def test_what_decides_scores_is_a_condition(small: list[str], other: list[str]) -> None:
    assert only(small).conditions != only([*small, *other]).conditions


def test_the_description(small: list[str], tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    shown = lines([*small, "--space", "joint", "--trials", "6", "--workers", "2", "--max-concurrent", "3"])
    assert shown["study"] == "sample-tr: sample, en to tr"
    assert shown["sentences"] == "source train 8, source dev 250, target train 8, target dev 250"
    assert shown["encoder"] == f"{tiny_encoder.name} in {tiny_encoder.directory}"
    assert shown["teacher phase"] == "5 trials; searched: learning_rate, alpha"
    assert shown["student phase"] == "6 trials; searched: learning_rate, beta, alpha_prime, beta_prime, init"
    assert shown["final phase"] == "5 seeds each of the paper's configuration and the best, scored on the test set"
    assert shown["a trial"] == "on 2 Ray Train workers, each with 1 CPU and 0 GPUs"
    assert shown["at once"] == "3 trials"
    assert shown["storage"] == str(tmp_path / "runs")


def test_the_description_of_a_warm_start(small: list[str], tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    space = load_space("quickstart").student_phase(1)
    study = PhaseStudy.open(
        f"sqlite:///{tmp_path}/runs/studies.db",
        "sample-ar/student",
        space=space,
        settings={"teachers": [0]},
        seed=1,
        trials=4,
    )
    for value in (0.1, 0.2, 0.3, 0.4):
        trial = study.propose()
        assert trial is not None
        study.complete(trial.number, value)
    study.close()
    before = (tmp_path / "runs" / "studies.db").read_bytes()
    shown = lines([*small, "--space", "quickstart", "--warm-start", "sample-ar"])
    assert shown["warm start"] == "3 students and 0 teachers of sample-ar, tried after the paper's"
    paper = lines([*small, "--space", "paper", "--warm-start", "sample-ar", "--warm-start-trials", "2"])
    assert paper["student phase"] == "3 trials; searched: nothing"
    assert "warm start" not in lines(small)
    assert (tmp_path / "runs" / "studies.db").read_bytes() == before


def test_the_description_counts_what_a_space_without_search_runs(small: list[str]) -> None:
    shown = lines([*small, "--space", "paper", "--trials", "20", "--teacher-trials", "4", "--gpus-per-trial", "0.5"])
    assert shown["teacher phase"] == "1 trial; searched: nothing"
    assert shown["student phase"] == "1 trial; searched: nothing"
    assert shown["a trial"] == "on 1 Ray Train worker with 1 CPU and 0.5 GPUs"
    assert shown["at once"] == "as many trials as fit"


def test_the_description_says_when_there_is_no_test_file(small: list[str], tmp_path: Path) -> None:
    for name in ("eng.train", "eng.testa", "ned.train", "ned.testa"):
        (tmp_path / name).write_text("Anna B-PER\nleeft O\n\n")
    shown = lines([*small, "--dataset", "conll", "--lang", "nl", "--data-dir", str(tmp_path)])
    assert shown["final phase"].endswith("scored on the dev set (no test file is on disk)")


def test_the_description_hides_passwords(small: list[str]) -> None:
    given = ["--study-storage", "postgresql://u:secret@h/s", "--mlflow-uri", "http://u:secret@h:5000"]
    shown = lines([*small, *given])
    assert "secret" not in " ".join(shown.values())
    assert shown["studies"] == "postgresql://u:***@h/s"

"""From options to searches that are ready to start, and what a dry run says of them."""

import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from msd_ray.cli.option_table import TEACHER_TRIALS
from msd_ray.cli.options import parse
from msd_ray.cli.setup import Setup, describe, describe_phases, set_up
from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.method.variants import FINAL_ROWS
from msd_ray.search.budget import Budget, Seconds
from msd_ray.search.measure import check_hours
from msd_ray.search.spaces import load_space
from msd_ray.search.studies import PhaseStudy


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
    for key in (keys.source_train, keys.target_train, keys.dev, keys.final_dev):
        assert setup.storage.features(key).is_dir()
    assert not (setup.storage.features(keys.target_train) / "labels.npy").exists()
    assert (setup.storage.features(keys.source_train) / "labels.npy").exists()


def test_a_limited_dev_set_is_said_below_the_table(small: list[str]) -> None:
    assert only(small).dev_note is None
    assert only([*small, "--dev-limit", "250"]).dev_note is None
    said = "Trials were scored on 9 of 250 dev sentences (--dev-limit), these runs on all."
    assert only([*small, "--dev-limit", "9"]).dev_note == said


def test_settings_are_the_options(small: list[str], tmp_path: Path) -> None:
    setup = only([*small, "--seed", "3", "--epochs", "2", "--batch-size", "4", "--precision", "fp32", "--seeds", "2"])
    run = setup.settings.run
    assert (run.seed, run.epochs, run.batch_size, run.max_length, run.frozen_layers) == (3, 2, 4, 128, 3)
    assert (run.precision, setup.settings.seeds, setup.settings.trials) == ("fp32", 2, 20)
    assert setup.settings.name == "sample-tr"
    assert setup.mlflow_uri == f"sqlite:///{tmp_path}/runs/mlflow.db"
    assert setup.study_storage == f"sqlite:///{tmp_path}/runs/studies.db"
    assert setup.corpora.counts == {"source_train": 8, "target_train": 8, "target_dev": 250}
    assert (setup.settings.rows, setup.settings.confirm) == (FINAL_ROWS, 3)
    assert (run.average_epochs, run.pairing, run.loss_mean) == (2, "length", "batch")
    assert only([*small, "--epochs", "9"]).settings.run.average_epochs == 3
    assert only([*small, "--average-epochs", "1"]).settings.run.average_epochs == 1
    by_source = only([*small, "--select-on", "source"]).corpora.counts
    assert by_source == {"source_train": 8, "source_dev": 250, "target_train": 8}


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
    """Or --trials raised would be refused."""
    for space in ("student", "joint"):
        first = only([*small, "--space", space, "--trials", "4"])
        budget = ["--trials", "400", "--hours", "9", "--patience", "3", "--rows", "best"]
        more = only([*small, "--space", space, *budget, "--seeds", "9", "--max-concurrent", "7"])
        assert first.conditions == more.conditions
        assert first.settings.run == more.settings.run
    assert only([*small, "--space", "paper"]).settings.teacher_trials == 1
    assert only([*small, "--space", "student"]).settings.teacher_trials == TEACHER_TRIALS
    assert only([*small, "--space", "joint", "--teacher-trials", "3"]).settings.teacher_trials == 3


@pytest.mark.parametrize(
    "other",
    [
        *(["--limit", "9"], ["--workers", "0"], ["--lang", "ar"], ["--teacher-trials", "7"]),
        *(["--select-on", "none"], ["--dev-limit", "9"], ["--decode", "viterbi"], ["--target-limit", "9"]),
    ],
    ids=" ".join,
)
def test_what_decides_scores_is_a_condition(small: list[str], other: list[str]) -> None:
    assert only(small).conditions != only([*small, *other]).conditions


def test_students_epochs_are_settings_of_the_run(small: list[str]) -> None:
    assert only([*small, "--student-epochs", "3"]).settings.run.of_student.epochs == 3
    assert only([*small, "--student-epochs", "3"]).settings.run != only(small).settings.run
    shown = lines([*small, "--epochs", "4", "--student-epochs", "2", "--target-limit", "9"])
    assert shown["training"].startswith("4 epochs (students: 2), batches")
    assert shown["sentences"].startswith("source train 8, target train 9,")


def test_the_description(small: list[str], tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    shown = lines([*small, "--space", "joint", "--trials", "6", "--workers", "2", "--max-concurrent", "3"])
    assert shown["study"] == "sample-tr: sample, en to tr"
    assert shown["sentences"] == "source train 8, target train 8, target dev 250"
    assert shown["encoder"] == f"{tiny_encoder.name} in {tiny_encoder.directory}"
    assert shown["teacher phase"] == f"{TEACHER_TRIALS} trials; searched: head_learning_rate, learning_rate, alpha"
    assert shown["student phase"] == (
        "6 trials; searched: head_learning_rate, learning_rate, beta, alpha_prime, beta_prime, kd_loss, temperature, "
        "rounds, teachers"
    )
    assert shown["selection"] == "epochs and configurations by F1 on the target's dev set"
    assert shown["final phase"] == "direct, tsl, paper, best, average: 5 seeds each, scored on the test set"
    # 2 seeds confirm 3 configurations of 3 teachers; 5 seeds: those of the best, direct's, the paper's.
    after = shown["after the search"]
    assert after.startswith(f"at most {2 * (3 + 1) + 5 * (3 + 2)} teachers and {2 * 3 + 5 * 5} students")
    assert shown["a trial"] == "on 2 Ray Train workers, each with 1 CPU and 0 GPUs"
    assert shown["at once"] == "3 trials"
    assert shown["storage"] == str(tmp_path / "runs")


def test_the_description_of_a_warm_start(small: list[str], tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    space = load_space("quickstart").students_of(1)
    study = PhaseStudy.open(
        f"sqlite:///{tmp_path}/runs/studies.db",
        "sample-ar/student",
        space=space,
        settings={},
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


def test_a_space_without_search_has_its_first_points_and_its_own(small: list[str], tmp_path: Path) -> None:
    """Teachers of other rates than the paper's are trained, and not the paper's alone."""
    space = tmp_path / "fixed.yaml"
    text = (Path(__file__).parents[2] / "search_spaces" / "paper.yaml").read_text(encoding="utf-8")
    space.write_text(text.replace("5e-5", "2e-4").replace("beta: 0.05", "beta: 0.5"))
    setup = only([*small, "--space", str(space)])
    assert setup.settings.teacher_trials == 2
    shown = lines([*small, "--space", str(space)])
    assert (shown["teacher phase"], shown["student phase"]) == (("2 trials; searched: nothing",) * 2)
    space.write_text(space.read_text().replace("alpha: 0.05", "alpha: 0.05\n  first: []"))
    assert only([*small, "--space", str(space)]).settings.teacher_trials == 1


@pytest.mark.parametrize("select_on", ["source", "none"])
def test_the_description_says_that_no_label_of_the_target_chooses(small: list[str], select_on: str) -> None:
    shown = lines([*small, "--select-on", select_on])
    assert shown["selection"].endswith("no label of the target is read")
    assert "target dev" not in shown["sentences"]


def refusal(arguments: list[str]) -> str:
    with pytest.raises(UserError) as caught:
        set_up(parse(arguments))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def space_with(directory: Path, student: str) -> list[str]:
    """A space of one's own that searches its teachers, as an option. student: a line of its section."""
    path = directory / "own.yaml"
    rates = "learning_rate: {low: 1e-5, high: 1e-4, log: true}"
    path.write_text(
        f"description: own\nteacher: {{{rates}, alpha: 0.1}}\n"
        f"student:\n  {rates}\n  beta: 1\n  alpha_prime: 0\n  beta_prime: 0\n  {student}\n"
    )
    return ["--space", str(path)]


def test_rows_that_there_are_not_or_cannot_be(small: list[str], tmp_path: Path) -> None:
    assert refusal([*small, "--rows", "best", "mean"]) == (
        "--rows mean: unknown; choose from direct, tsl, paper, best, average"
    )
    assert refusal([*small, "--rows", "direct", "tsl"]).startswith("--rows direct tsl: best is what the search is for")
    assert refusal([*small, "--rows", "best", "average", "--confirm", "1"]).startswith("--rows average: --confirm 1 ")
    for student in ("init: teacher", "init: {choices: [encoder, teacher]}", "first: [{init: teacher}]"):
        own = [*small, *space_with(tmp_path, student)]
        assert "own lets students start at their teachers" in refusal([*own, "--rows", "best", "average"])
        assert only(own).settings.rows == ("direct", "tsl", "paper", "best")
    assert only([*small, "--confirm", "1"]).settings.rows == ("direct", "tsl", "paper", "best")
    assert only([*small, "--rows", "best", "direct"]).settings.rows == ("direct", "best")
    assert not (tmp_path / "runs").exists()


def test_warm_starts_from_students_that_start_elsewhere_have_no_average(small: list[str], tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    own = [*small, *space_with(tmp_path, "init: {choices: [encoder, teacher]}")]
    url = f"sqlite:///{tmp_path}/runs/studies.db"
    space = only(own).settings.space
    study = PhaseStudy.open(
        url, "sample-ar/student", space=space.student, settings={}, seed=1, trials=1, first=[{"init": "teacher"}]
    )
    assert study.propose() is not None
    study.complete(0, 0.5)
    study.close()
    warm = [*small, "--warm-start", "sample-ar"]
    assert only(warm).settings.rows == ("direct", "tsl", "paper", "best")
    assert "sample-ar brings students that start at their teachers" in refusal([*warm, "--rows", "best", "average"])


def test_more_teachers_than_are_trained(small: list[str], tmp_path: Path) -> None:
    own = space_with(tmp_path, "teachers: 3")
    assert refusal([*small, *own, "--teacher-trials", "1"]) == (
        "the search space own lets students learn from 3 teachers, but 1 is trained: give --teacher-trials 3, or a "
        "space with fewer `teachers`"
    )
    assert only([*small, *own, "--teacher-trials", "3"]).settings.space.most_teachers == 3
    assert "from 5 teachers, but 2 are trained" in refusal([*small, "--space", "wide", "--teacher-trials", "2"])


def test_hours_that_not_even_one_student_fits_in(small: list[str]) -> None:
    settings = only([*small, "--hours", "1", "--seeds", "2", "--rows", "best", "--space", "student"]).settings
    # A teacher and a student; three configurations, perhaps the paper's, with two more seeds; two final runs.
    trainings = Seconds(teacher=100.0, student=100.0)
    needed = 100 * ((1 + 1) + 2 * (1 + 1 + 3) + 2 * (1 + 1))
    check_hours(replace(settings, budget=Budget(hours=needed / 3600)), trainings, 1)
    check_hours(replace(settings, budget=Budget()), trainings, 1)
    with pytest.raises(
        UserError, match=r"--hours 0\.3 is too short: .* about 0\.44 hours here \(100 s per teacher, 100 s"
    ):
        check_hours(replace(settings, budget=Budget(hours=0.3)), trainings, 1)
    check_hours(replace(settings, budget=Budget(hours=0.3)), trainings, 2)


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
    assert not {"mlflow ui", "optuna-dashboard"} & shown.keys(), "they would not work when pasted"


def test_the_description_has_commands_that_show_the_databases(small: list[str], tmp_path: Path) -> None:
    shown = lines(small)
    for name, database in (("mlflow ui", "mlflow.db"), ("optuna-dashboard", "studies.db")):
        program, *arguments = shlex.split(shown[name])
        assert shutil.which(program) is not None
        assert arguments[-1] == f"sqlite:///{tmp_path / 'runs' / database}"


def test_the_description_says_how_files_were_read(tmp_path: Path, tiny_encoder: EncoderFiles) -> None:
    for name in ("eng.train", "eng.testa", "deu.train", "deu.testa"):
        text = "Köln B-LOC\nliegt O\nin O\nEuropa B-LOC\n\n" * 8
        (tmp_path / name).write_text(text, encoding="latin-1" if name == "deu.train" else "utf-8")
    arguments = [
        *("--lang", "de", "--dataset", "conll", "--data-dir", str(tmp_path)),
        *("--encoder", str(tiny_encoder.directory), "--storage", str(tmp_path / "runs")),
    ]
    assert lines(arguments)["files"] == "deu.train: read as ISO-8859-1, not UTF-8"

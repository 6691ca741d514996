"""A complete search without Ray: phases, kill and resume, extension, repetition, failures."""

import multiprocessing
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import stored_runs
from small_search import (
    FAR_TOO_LARGE,
    RUN,
    MakeSearch,
    SmallSearch,
    run_here,
    run_until_killed,
    spoil_training_labels,
)
from small_space import SPACE
from stored_runs import assert_same_outcome, assert_settled, children, trials

from msd_ray.common.errors import UserError
from msd_ray.method.settings import Configuration, TeacherSettings
from msd_ray.search.phase import Phase
from msd_ray.search.plans import TrialPlan, TrialReport
from msd_ray.search.studies import TrialRecord

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["msd_ray.search.work"])
REACHED = {"teacher": {"teacher"}, "student": {"teacher", "student"}, "final": {"teacher", "student", "final"}}


def keys(storage: Path) -> set[str]:
    """Final runs without the digest of their configuration."""
    return {"/".join(part for part in key.split("/") if len(part) != 8) for key in children(storage)}


def test_search_records_every_trial_and_final_run(undisturbed: SmallSearch) -> None:
    assert_settled(undisturbed.root)
    assert keys(undisturbed.root) == {
        *(f"teacher/{number}" for number in range(2)),
        *(f"student/{number}" for number in range(3)),
        *(f"final/{row}/seed-{seed}" for row in ("paper", "best") for seed in (3, 4)),
    }


def test_what_a_trial_records(undisturbed: SmallSearch) -> None:
    """Losses of every channel and both MMDs, scores on target dev and by type, layer weights, speed."""
    run = children(undisturbed.root)["student/0"]
    channels = range(RUN.frozen_layers + 1, 7)  # of six layers
    assert run.metrics.keys() >= {
        *("loss/total", "loss/main", "loss/auxiliary", "loss/mmd_model", "loss/mmd_language"),
        *(f"loss/channel_{layer}" for layer in channels),
        *(f"layer_weight/{layer}" for layer in list(channels)[:-1]),
        *(f"dev_target/{score}" for score in ("precision", "recall", "f1")),
        *(f"dev_target/{kind}/f1" for kind in ("PER", "ORG", "LOC")),
        *("time/train_seconds", "time/tokens_per_second", "padding_share", "learning_rate"),
    }
    assert not any("source" in name for name in run.metrics)
    assert run.tags["state"] == "COMPLETE"
    (parent,) = stored_runs.parents(undisturbed.root)
    assert any("digest" in name for name in parent.parameters)


def test_first_trials_are_the_papers_configuration(undisturbed: SmallSearch) -> None:
    recorded_runs = children(undisturbed.root)
    assert recorded_runs["teacher/0"].parameters["teacher.learning_rate"] == "5e-05"
    student = recorded_runs["student/0"].parameters
    assert {name: student[f"student.{name}"] for name in ("learning_rate", "beta", "alpha_prime", "beta_prime")} == {
        "learning_rate": "2e-05",
        "beta": "0.05",
        "alpha_prime": "0.001",
        "beta_prime": "0.001",
    }
    assert {
        run.parameters["student.learning_rate"] for key, run in recorded_runs.items() if key.startswith("final/paper/")
    } == {"2e-05"}


def test_final_runs_are_of_the_best_students_configuration(undisturbed: SmallSearch) -> None:
    recorded_runs = children(undisturbed.root)
    students = [
        run for key, run in recorded_runs.items() if key.startswith("student/") and run.tags["state"] == "COMPLETE"
    ]
    best = max(students, key=lambda run: run.metrics["dev_target/f1"])
    final = [run for key, run in recorded_runs.items() if key.startswith("final/best/")]
    assert len(final) == 2
    for run in final:
        assert {**run.parameters, "seed": "2"} == best.parameters
        assert run.tags["configuration"] == best.tags["configuration"]


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param([("student", 4, False)], id="once"),
        pytest.param(
            [
                ("teacher", 2, False),
                ("teacher", 6, True),
                ("student", 1, True),
                ("student", 4, False),
                ("student", 4, True),
                ("final", 5, False),
                ("final", 5, True),
            ],
            marks=pytest.mark.slow("eight starts"),
            id="in every phase",
        ),
    ],
)
def test_killed_and_started_again_it_ends_as_if_undisturbed(
    kills: list[tuple[str, int, bool]], new_search: MakeSearch, undisturbed: SmallSearch
) -> None:
    """Each start hears again of what its trial had reported before, and dies at a later report."""
    search = new_search()
    for phase, count, recorded_first in kills:
        process = PROCESSES.Process(
            target=run_until_killed, args=(search, phase, count), kwargs={"recorded": recorded_first}
        )
        process.start()
        process.join(600)
        assert process.exitcode == -signal.SIGKILL, (phase, count)
        assert {trial.study.split("/")[1].split("-")[0] for trial in trials(search.root)} <= REACHED[phase]
    search.run()
    assert_settled(search.root)
    assert_same_outcome(search.root, undisturbed.root)


def test_again_with_nothing_to_do_trains_nothing(undisturbed: SmallSearch) -> None:
    before = children(undisturbed.root), trials(undisturbed.root)

    def refuse(phase: Phase, report: TrialReport) -> None:
        raise AssertionError(f"{phase.name} reported {report}")

    started = time.monotonic()
    undisturbed.run(lambda phase: run_here(phase, before=refuse))
    assert time.monotonic() - started < 30
    assert (children(undisturbed.root), trials(undisturbed.root)) == before
    assert_settled(undisturbed.root)


def test_more_trials_extend_the_search(new_search: MakeSearch, undisturbed: SmallSearch) -> None:
    search = new_search()
    shutil.rmtree(search.root)
    shutil.copytree(undisturbed.root, search.root)
    # The databases name no paths of the storage that tests would follow.
    before = children(search.root)
    replace(search, options={"trials": 5}).run()
    assert_settled(search.root)
    after = children(search.root)
    assert {key: after[key] for key in before} == before
    assert {key for key in after if key.startswith("student/")} == {f"student/{number}" for number in range(5)}
    assert [trial.number for trial in trials(search.root) if trial.study.endswith("/student")] == list(range(5))


def test_other_settings_are_refused_with_their_names(new_search: MakeSearch, undisturbed: SmallSearch) -> None:
    before = children(undisturbed.root), trials(undisturbed.root)
    with pytest.raises(UserError, match=r"run\.epochs: 2 there, 3 here"):
        replace(undisturbed, options={"epochs": 3}).run()
    assert (children(undisturbed.root), trials(undisturbed.root)) == before


def test_garbage_as_target_training_labels_changes_no_search(
    new_search: MakeSearch, undisturbed: SmallSearch, small_corpora: Path, tmp_path: Path
) -> None:
    spoiled = Path(shutil.copytree(small_corpora, tmp_path / "spoiled"))
    spoil_training_labels(spoiled)
    search = new_search(data_dir=spoiled)
    search.run()
    assert_same_outcome(search.root, undisturbed.root)


def test_test_labels_are_read_when_the_final_phase_begins(
    new_search: MakeSearch, undisturbed: SmallSearch, small_corpora: Path, tmp_path: Path
) -> None:
    """The start checks their form and keeps none: of a file that is spoiled during the search nothing is known."""
    spoiled = Path(shutil.copytree(small_corpora, tmp_path / "spoiled"))
    search = new_search(data_dir=spoiled)

    def spoil_and_run(phase: Phase) -> None:
        (spoiled / "ar" / "test").write_text("ar:x\tO\n\nar:y\tB-NONSENSE\n", encoding="utf-8")
        run_here(phase)

    with pytest.raises(UserError, match=r"ar/test:3: .*B-NONSENSE"):
        search.run(spoil_and_run)
    assert len([path for path in (search.root / "features").iterdir() if path.is_dir()]) == 3
    assert not [key for key in children(search.root) if key.startswith("final/")]

    def without_final_phase(storage: Path) -> list[stored_runs.Trial]:
        return [trial for trial in trials(storage) if "/final" not in trial.study]

    assert without_final_phase(search.root) == without_final_phase(undisturbed.root)
    before = children(search.root)
    with pytest.raises(UserError, match=r"B-NONSENSE.* Final runs are scored on this file"):
        search.run()  # refused at its start
    assert children(search.root) == before
    replace(search, data_dir=small_corpora).run()
    assert_same_outcome(search.root, undisturbed.root)


def test_trial_without_finite_loss_fails_and_the_search_goes_on(new_search: MakeSearch) -> None:
    space = SPACE.replace("beta: {low: 0.01, high: 10, log: true}", "beta: {choices: [1e39, 2e39]}")
    search = new_search(space=space)
    search.run()
    assert_settled(search.root)
    runs = children(search.root)
    assert [runs[f"student/{number}"].tags["state"] for number in range(3)] == ["COMPLETE", "FAIL", "FAIL"]
    for number in (1, 2):
        reason = runs[f"student/{number}"].tags["reason"]
        assert "not finite at step 1 (epoch 1, step 1 of 4), learning rate" in reason
    assert {run.tags["state"] for key, run in runs.items() if key.startswith("final/")} == {"COMPLETE"}


def test_search_without_a_teacher_reports_the_reasons(new_search: MakeSearch) -> None:
    space = SPACE.replace("alpha: 0.05", "alpha: {choices: [1e39, 2e39]}")
    search = new_search(space=space)
    with pytest.raises(UserError) as caught:
        search.run(_without_the_papers_teacher)
    assert "no teacher finished training. Reasons: " in str(caught.value)
    assert "not finite" in str(caught.value)
    assert children(search.root).keys() == {"teacher/0", "teacher/1"}


def _without_the_papers_teacher(phase: Phase) -> None:
    """Let the paper's teacher fail as the others do."""
    plan = phase.plan

    def failing(record: TrialRecord) -> TrialPlan:
        teacher = TeacherSettings(alpha=FAR_TOO_LARGE)
        return replace(plan(record), configurations=(Configuration(teachers=(teacher,), student=None),))

    phase.plan = failing
    run_here(phase)


def test_languages_share_the_teachers_of_one_storage(new_search: MakeSearch, undisturbed: SmallSearch) -> None:
    search = new_search()
    shutil.rmtree(search.root)
    shutil.copytree(undisturbed.root, search.root)

    def teachers() -> dict[Path, int]:
        return {p: p.stat().st_mtime_ns for p in (search.root / "teachers").glob("*/record.json")}

    before = teachers()
    replace(search, lang="de").run()
    assert {path: moment for path, moment in teachers().items() if path in before} == before
    searched = {
        run.tags["weights"]
        for run in children(undisturbed.root).values()
        if run.tags["phase"] == "teacher" and "weights" in run.tags
    }
    german = [run for run in stored_runs.runs(search.root) if run.tags.get("key", "").startswith("teacher/")]
    assert len(german) == 4
    assert {Path(weights).parts[1] for weights in searched} <= {path.parent.name for path in before}
    assert len(stored_runs.parents(search.root)) == 2

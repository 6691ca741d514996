"""A search with several teachers, rounds, averages and every row: shared artifacts, confirmation, kill and resume."""

import json
import multiprocessing
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from safetensors.numpy import load_file
from small_search import (
    ALL_AT_ONCE,
    ALL_OPTIONS,
    MakeSearch,
    SmallSearch,
    run_here,
    run_until_killed,
    spoil_training_labels,
)
from stored_runs import Run, assert_same_outcome, assert_settled, children, trials

from msd_ray.common.manifest import new_content
from msd_ray.search import students, teachers
from msd_ray.search.configuration import row_digest
from msd_ray.search.phase import Phase
from msd_ray.search.plans import TrialReport

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["msd_ray.search.work"])
ROWS = ("direct", "tsl", "paper", "best", "average")
SEED = 2  # of the search
CONFIRM = (SEED + 1001, SEED + 1002)


@pytest.fixture(scope="module")
def runs(all_at_once: SmallSearch) -> Mapping[str, Run]:
    return children(all_at_once.root)


def final(runs: Mapping[str, Run], row: str) -> Run:
    (run,) = (run for key, run in runs.items() if key.startswith(f"final/{row}/"))
    return run


def of(run: Run, section: str) -> dict[str, str]:
    """The parameters of a run with this prefix."""
    return {name: value for name, value in run.parameters.items() if name.startswith(section)}


def trained(storage: Path, kind: str) -> list[dict[str, object]]:
    """`settings.json` of each training."""
    return [json.loads(path.read_text()) for path in storage.glob(f"{kind}/*/settings.json")]


def test_every_phase_and_row_is_recorded(all_at_once: SmallSearch, runs: Mapping[str, Run]) -> None:
    assert_settled(all_at_once.root)
    kept = {key.rsplit("/", 1)[0] if key.startswith("confirm/") else key for key in runs}
    configurations = {runs[f"student/{number}"].tags["configuration"] for number in (0, 1)}
    assert {key for key in kept if not key.startswith("final/")} == {
        *(f"teacher/{number}" for number in range(3)),
        *(f"student/{number}" for number in range(2)),
        *(f"confirm/{configuration}/{configuration}" for configuration in configurations),
    }
    assert [(run.tags["row"], run.tags["seed"]) for key, run in runs.items() if key.startswith("final/")] == [
        (row, str(SEED + 1)) for row in ROWS
    ]


def test_rows_differ_in_what_they_say(runs: Mapping[str, Run]) -> None:
    best, tsl, direct, paper = (final(runs, row) for row in ("best", "tsl", "direct", "paper"))
    plain = {"student.beta": "0.0", "student.alpha_prime": "0.0", "student.beta_prime": "0.0"}
    assert of(tsl, "student") == {**of(best, "student"), **plain}
    assert of(tsl, "student") != of(best, "student")
    assert of(tsl, "teacher") == of(best, "teacher")
    assert of(direct, "student") == {}
    assert of(direct, "teacher") == {
        **{name: value for name, value in of(best, "teacher").items() if name.startswith("teacher.")},
        "teacher.alpha": "0.0",
    }
    assert direct.tags["weights"].startswith("teachers/")
    assert (paper.parameters["teacher.learning_rate"], paper.parameters["student.learning_rate"]) == ("5e-05", "2e-05")
    assert (paper.parameters["student.rounds"], paper.parameters["student.kd_loss"]) == ("1", "mse")
    for row in ROWS:
        assert {"test/f1", "dev_target/f1"} <= final(runs, row).metrics.keys()
        assert final(runs, row).tags["zero_shot"] == "true"


def test_students_learn_from_the_two_best_teachers(runs: Mapping[str, Run]) -> None:
    ranked = sorted(range(3), key=lambda number: (-runs[f"teacher/{number}"].metrics["dev_target/f1"], number))
    for key, run in runs.items():
        if key.startswith(("student/", "confirm/", "final/best")):
            for rank, name in ((0, "teacher"), (1, "teacher_2")):
                taught = of(runs[f"teacher/{ranked[rank]}"], "teacher.").values()
                assert list(of(run, f"{name}.").values()) == list(taught)
            assert run.parameters["teachers"] == "2"


def test_each_seed_has_teachers_of_its_own_and_what_is_shared_is_trained_once(all_at_once: SmallSearch) -> None:
    def seeds(kind: str) -> Counter[int]:
        return Counter(settings["run"]["seed"] for settings in trained(all_at_once.root, kind))  # type: ignore[index]

    # Final runs: two teachers for best, tsl and average; a plain one; the paper's.
    assert seeds("teachers") == {SEED: 3, CONFIRM[0]: 2, CONFIRM[1]: 2, SEED + 1: 4}
    # Two students of two rounds; final: tsl, best and the average's second member of two rounds, the paper's of one,
    # and the average itself.
    assert seeds("students") == {SEED: 4, CONFIRM[0]: 4, CONFIRM[1]: 4, SEED + 1: 3 * 2 + 1 + 1}


def test_the_average_is_of_the_seeds_students(all_at_once: SmallSearch, runs: Mapping[str, Run]) -> None:
    average, best = final(runs, "average"), final(runs, "best")
    assert json.loads(average.parameters["averaged"].replace("'", '"')) == [
        best.tags["configuration"],
        *({runs[f"student/{number}"].tags["configuration"] for number in (0, 1)} - {best.tags["configuration"]}),
    ]
    mean, first = (load_file(all_at_once.root / run.tags["weights"]) for run in (average, best))
    others = [
        load_file(path)
        for path in all_at_once.root.glob("students/*/weights/*.safetensors")
        if path != all_at_once.root / average.tags["weights"]
    ]
    same = [
        other
        for other in others
        if other.keys() == mean.keys()
        and all(np.allclose(mean[n], (first[n] + other[n]) / 2, rtol=1e-5, atol=1e-6) for n in mean)
    ]
    assert len(same) == 1
    assert average.tags["weights_sha256"] != best.tags["weights_sha256"]


def test_the_best_mean_over_three_seeds_wins(runs: Mapping[str, Run]) -> None:
    scores: dict[str, list[float]] = {}
    for key, run in runs.items():
        if key.startswith(("student/", "confirm/")):
            scores.setdefault(run.tags["configuration"], []).append(run.metrics["dev_target/f1"])
            assert not any(name.startswith("test/") for name in run.metrics)
            assert "scored_split" not in run.tags
    assert [len(values) for values in scores.values()] == [3, 3]
    assert {run.tags["seed"] for key, run in runs.items() if key.startswith("confirm/")} == set(map(str, CONFIRM))
    means = {configuration: fmean(values) for configuration, values in scores.items()}
    assert len(set(means.values())) == 2
    assert final(runs, "best").tags["configuration"] == max(means, key=lambda one: means[one])


def copied(new_search: MakeSearch, trained: SmallSearch) -> SmallSearch:
    """The search before its first trial, in a storage that already has all its trainings."""
    search = new_search(space=trained.space, options=trained.options)
    for directory in ("features", "teachers", "outputs", "students"):
        shutil.copytree(trained.root / directory, search.root / directory)
    return search


def test_a_candidate_that_failed_with_a_seed_is_not_the_best(
    new_search: MakeSearch, all_at_once: SmallSearch, runs: Mapping[str, Run]
) -> None:
    search, won = copied(new_search, all_at_once), final(runs, "best").tags["configuration"]

    def failing(phase: Phase) -> None:
        on_report = phase.on_report

        def fail(report: TrialReport) -> bool:
            row = phase.study.trials()[report.number].parameters.get("row")
            if phase.name == "confirm" and report.finished and row == won:
                report = TrialReport(number=report.number, stage="failed", finished=True, reason="not finite")
            return on_report(report)

        phase.on_report = fail  # type: ignore[method-assign]
        run_here(phase)

    rows = search.run(failing)
    states = {run.tags["state"] for key, run in children(search.root).items() if key.startswith(f"confirm/{won}/")}
    assert states == {"FAIL"}
    assert row_digest(rows["best"]) != won
    assert rows["average"][0] == rows["best"][0]
    assert rows["average"][1].digest == won


def test_fewer_teachers_than_the_space_wants_are_said(new_search: MakeSearch, all_at_once: SmallSearch) -> None:
    search, output = copied(new_search, all_at_once), StringIO()

    def fail(phase: Phase, report: TrialReport) -> None:
        if phase.name == "teacher" and report.number > 0:
            raise RuntimeError("out of memory")

    def teachers_and_students(phase: Phase) -> None:
        if phase.name == "confirm":
            raise KeyboardInterrupt
        run_here(phase, before=fail)

    with pytest.raises(KeyboardInterrupt):
        search.run(teachers_and_students, output=output)
    assert "1 of 2 teachers finished training: students learn from at most 1" in output.getvalue()
    students = [trial for trial in trials(search.root) if trial.study.endswith("/student")]
    assert [trial.parameters["teachers"] for trial in students] == [1, 1]
    assert "teacher_2.learning_rate" not in children(search.root)["student/0"].parameters


def test_garbage_as_target_training_labels_changes_no_bit(
    new_search: MakeSearch, all_at_once: SmallSearch, small_corpora: Path, tmp_path: Path
) -> None:
    spoiled = Path(shutil.copytree(small_corpora, tmp_path / "spoiled"))
    spoil_training_labels(spoiled)
    search = new_search(space=ALL_AT_ONCE, options=ALL_OPTIONS, data_dir=spoiled)
    search.run()
    assert_same_outcome(search.root, all_at_once.root)


def test_again_with_nothing_to_do_trains_nothing(all_at_once: SmallSearch, runs: Mapping[str, Run]) -> None:
    def refuse(phase: Phase, report: TrialReport) -> None:
        raise AssertionError(f"{phase.name} reported {report}")

    all_at_once.run(lambda phase: run_here(phase, before=refuse))
    assert children(all_at_once.root) == runs


def test_other_rows_find_what_is_there(new_search: MakeSearch, all_at_once: SmallSearch) -> None:
    search = new_search(space=ALL_AT_ONCE, options=ALL_OPTIONS)
    shutil.rmtree(search.root)
    shutil.copytree(all_at_once.root, search.root)
    before, kept = untold(search), trained(search.root, "students")
    rows = replace(search, options={**ALL_OPTIONS, "rows": "tsl best"}).run()
    assert list(rows) == ["tsl", "best"]
    assert untold(search) == before
    assert len(trained(search.root, "students")) == len(kept)


def untold(search: SmallSearch) -> dict[str, Run]:
    """Runs without the number that their trial has in the newest study that they are of."""
    return {
        key: replace(run, tags={name: value for name, value in run.tags.items() if name != "trial"})
        for key, run in children(search.root).items()
    }


def run_until_killed_while_making(search: SmallSearch, what: str) -> None:
    """Run the search in a process that dies while it makes mean outputs, or the mean of students' weights."""

    def half_of_mean_outputs(directory: Path, outputs: object) -> None:
        with new_content(directory) as scratch:
            np.save(scratch / "soft_labels.npy", np.zeros(3))
            os.kill(os.getpid(), signal.SIGKILL)

    def no_mean_weights(weights: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if what == "mean outputs":
        setattr(teachers, "save_mean_outputs", half_of_mean_outputs)  # noqa: B010
    else:
        setattr(students, "mean_weights", no_mean_weights)  # noqa: B010
    search.run()


# The phase in which the search dies, in the order of its phases, and what it runs until then.
KILLS: list[tuple[str, Callable[[SmallSearch], None]]] = [
    ("teacher", partial(run_until_killed, phase="teacher", stage="teacher epoch 3/3", count=2, recorded=False)),
    ("student", partial(run_until_killed_while_making, what="mean outputs")),
    (
        "student",
        partial(run_until_killed, phase="student", stage="round 2 of 2, student epoch 2", count=1, recorded=True),
    ),
    ("confirm", partial(run_until_killed, phase="confirm", stage="finished", count=3, recorded=True)),
    ("final", partial(run_until_killed_while_making, what="average")),
    ("final", partial(run_until_killed, phase="final", stage="average of students", count=1, recorded=False)),
]


def assert_killed_then_the_same(
    search: SmallSearch, kills: Sequence[tuple[str, Callable[[SmallSearch], None]]], undisturbed: SmallSearch
) -> None:
    """Kill the search at one moment after the other, and let it go on to its end."""
    for phase, run in kills:
        process = PROCESSES.Process(target=run, args=(search,))
        process.start()
        process.join(600)
        assert process.exitcode == -signal.SIGKILL, run
        unfinished = {trial.study.split("/")[1] for trial in trials(search.root) if trial.state == "RUNNING"}
        assert {study.split("-")[0] for study in unfinished} <= {phase}, run
    search.run()
    assert_settled(search.root)
    assert_same_outcome(search.root, undisturbed.root)


def test_killed_and_started_again_it_ends_as_if_undisturbed(new_search: MakeSearch, all_at_once: SmallSearch) -> None:
    search = new_search(space=ALL_AT_ONCE, options=ALL_OPTIONS)
    assert_killed_then_the_same(search, KILLS[2:3], all_at_once)


@pytest.mark.slow("six starts of the largest search")
def test_killed_in_every_phase_it_ends_as_if_undisturbed(new_search: MakeSearch, all_at_once: SmallSearch) -> None:
    assert_killed_then_the_same(new_search(space=ALL_AT_ONCE, options=ALL_OPTIONS), KILLS, all_at_once)


def test_one_configuration_is_neither_confirmed_nor_averaged(new_search: MakeSearch) -> None:
    space = (Path(__file__).parents[2] / "search_spaces" / "paper.yaml").read_text(encoding="utf-8")
    search = new_search(space=space, options={"rows": "paper best average", "confirm": 3, "seeds": 1})
    phases: list[str] = []

    def note(phase: Phase) -> None:
        phases.append(phase.name)
        run_here(phase)

    rows = search.run(note)
    assert phases == ["teacher", "student", "final"]
    assert list(rows) == ["paper", "best"]
    assert_settled(search.root)

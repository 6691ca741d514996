"""Output of the frozen layers: stored once for all trials, computed again if damaged or missing, none if unused."""

from dataclasses import replace
from pathlib import Path

import pytest
from small_search import RUN, MakePrepared, MakeSearch, data, run_trials, student_plan, teacher_plan, weights_of

from msd_ray.common.manifest import verify_directory
from msd_ray.search.plans import Experiment
from msd_ray.search.prepare import prepare_test

ONCE = replace(RUN, frozen_prefix="once")


def states(experiment: Experiment) -> list[Path]:
    return sorted(path for path in (experiment.storage.root / "frozen").glob("*") if path.is_dir())


def written(experiment: Experiment) -> dict[Path, int]:
    return {path: (path / "states.npy").stat().st_mtime_ns for path in states(experiment)}


def test_stored_once_for_all_trials(prepared: MakePrepared, small_corpora: Path) -> None:
    done = prepared()
    experiment = done.experiment
    first = run_trials(experiment, teacher_plan(run=ONCE))
    assert "frozen layers" in {report.stage for report in first}
    before = written(experiment)
    assert len(before) == 3, "source, target, dev"
    for directory in before:
        verify_directory(directory)
    scored = prepare_test(data(small_corpora), done)
    other = replace(ONCE, seed=5, batch_size=4)
    later = run_trials(experiment, student_plan(run=ONCE), student_plan(1, run=other, scored=scored))
    assert "frozen layers" not in {report.stage for report in later}
    assert written(experiment) == before


def test_other_layers_or_another_precision_have_their_own(prepared: MakePrepared) -> None:
    experiment = prepared().experiment
    run_trials(experiment, teacher_plan(run=ONCE), teacher_plan(1, run=replace(ONCE, frozen_layers=3)))
    assert len(states(experiment)) == 6
    run_trials(experiment, teacher_plan(2, run=replace(ONCE, precision="bf16")))
    assert len(states(experiment)) == 9


def test_none_where_the_layers_run_in_each_step(prepared: MakePrepared) -> None:
    experiment = prepared().experiment
    weights_of(run_trials(experiment, student_plan()))
    assert states(experiment) == []


@pytest.mark.parametrize("damage", ["cut", "missing"])
def test_made_again_alike(prepared: MakePrepared, damage: str) -> None:
    experiment = prepared().experiment
    run_trials(experiment, teacher_plan(run=ONCE))
    contents = {path: (path / "states.npy").read_bytes() for path in states(experiment)}
    path = states(experiment)[0]
    if damage == "cut":
        (path / "states.npy").write_bytes(contents[path][:-7])
    else:
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    again = run_trials(experiment, student_plan(run=ONCE))
    weights_of(again)
    assert len([report for report in again if report.warning is not None]) == (damage == "cut")
    assert {path: (path / "states.npy").read_bytes() for path in states(experiment)} == contents


def test_the_option_reaches_a_search(new_search: MakeSearch) -> None:
    options = {"trials": 1, "teacher_trials": 1, "seeds": 1, "epochs": 1}
    once, each = (new_search(options={**options, "frozen_prefix": prefix}) for prefix in ("once", "train"))
    once.run()
    each.run()
    assert len(list((once.root / "frozen").glob("*/states.npy"))) == 3
    assert not (each.root / "frozen").exists()

"""Warm starts: what is copied from other studies, when, and errors."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from msd_ray.common.errors import UserError
from msd_ray.method.settings import RunSettings
from msd_ray.search.search import SearchSettings, check_teacher_study, open_teacher_study
from msd_ray.search.spaces import PAPER_STUDENT, PAPER_TEACHER, SearchSpace, load_space
from msd_ray.search.studies import PhaseStudy
from msd_ray.search.warm_start import NO_WARM_START, WarmStart, warm_start

Tried = Sequence[tuple[Mapping[str, Any], float | None]]
JOINT = load_space(Path(__file__).parent / "joint_space.yaml")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/studies.db"


def fill(url: str, name: str, tried: Tried, *, paper: Mapping[str, Any], **settings: Any) -> None:
    """A phase's study whose trials have these parameters (in addition to the paper's) and values; None: failed."""
    space = JOINT.student if "beta" in paper else JOINT.teacher
    first = [{**paper, **parameters} for parameters, _ in tried]
    study = PhaseStudy.open(url, name, space=space, settings=settings, seed=1, trials=len(tried), first=first)
    for _, value in tried:
        trial = study.propose()
        assert trial is not None
        if value is None:
            study.fail(trial.number, "out of memory")
        else:
            study.complete(trial.number, value)
    study.close()


def fill_both(url: str, name: str, students: Tried, teachers: Tried = (({}, 0.5),)) -> None:
    fill(url, f"{name}/teacher", teachers, paper=PAPER_TEACHER)
    fill(url, f"{name}/student", students, paper=PAPER_STUDENT)


def betas(warm: WarmStart) -> list[Any]:
    return [trial.parameters["beta"] for trial in warm.students]


def take(url: str, *studies: str, trials: int = 3, space: SearchSpace = JOINT, name: str = "new") -> WarmStart:
    return warm_start(url, name, studies=studies, trials=trials, space=space)


def settings(warm: WarmStart, *, name: str = "new", space: SearchSpace = JOINT) -> SearchSettings:
    run = RunSettings(epochs=2, batch_size=8, max_length=48, frozen_layers=2)
    rows = {"rows": ("best",), "confirm": 1, "seeds": 1}
    return SearchSettings(
        name=name,
        space=space,
        run=run,
        trials=4,
        teacher_trials=3,
        warm_start=warm,
        **rows,  # type: ignore[arg-type]
    )


def refusal(url: str, *studies: str, **changes: Any) -> str:
    with pytest.raises(UserError) as caught:
        take(url, *studies, **changes)
    return str(caught.value)


def test_the_best_finished_trials_of_distinct_parameters_without_the_papers(url: str) -> None:
    tried: Tried = [
        ({}, 0.9),  # the paper's, which is tried first in any case
        ({"beta": 0.1}, 0.3),
        ({"beta": 0.2}, 0.6),
        ({"beta": 0.3}, None),
        ({"beta": 0.2}, 0.7),
        ({"beta": 0.4}, 0.6),
        ({"beta": 0.5}, 0.1),
    ]
    fill_both(url, "ar", tried)
    warm = take(url, "ar")
    assert betas(warm) == [0.2, 0.4, 0.1]
    assert [(trial.origin, trial.value) for trial in warm.students] == [
        ("ar/student/4", 0.7),
        ("ar/student/5", 0.6),
        ("ar/student/1", 0.3),
    ]
    assert warm.students[0].parameters == {**PAPER_STUDENT, "beta": 0.2}
    assert betas(take(url, "ar", trials=1)) == [0.2]
    assert betas(take(url, "ar", trials=9)) == [0.2, 0.4, 0.1, 0.5]


def test_teachers_are_taken_where_they_are_searched(url: str) -> None:
    teachers: Tried = [({}, 0.9), ({"alpha": 0.5}, 0.7), ({"alpha": 0.3}, 0.8)]
    fill_both(url, "ar", [({"beta": 0.1, "teachers": 2}, 0.3), ({"beta": 0.2}, 0.2)], teachers)
    warm = take(url, "ar")
    assert [trial.parameters for trial in warm.teachers] == [{**PAPER_TEACHER, "alpha": a} for a in (0.3, 0.5)]
    assert [trial.parameters["teachers"] for trial in warm.students] == [2, 1]
    fixed = replace(JOINT, teacher=load_space("paper").teacher)
    assert take(url, "ar", space=fixed).teachers == ()
    assert take(url, "ar", space=fixed).students == warm.students


def test_several_studies_take_turns(url: str) -> None:
    fill_both(url, "ar", [({"beta": 0.1}, 0.3), ({"beta": 0.2}, 0.2), ({"beta": 0.3}, 0.1)])
    fill_both(url, "hi", [({"beta": 0.9}, 0.8), ({"beta": 0.1}, 0.7)])
    assert betas(take(url, "ar", "hi")) == [0.1, 0.9, 0.2, 0.3]
    assert betas(take(url, "hi", "ar", trials=1)) == [0.9, 0.1]


def test_a_study_that_has_only_the_papers_configuration_gives_none(url: str) -> None:
    fill_both(url, "ar", [({}, 0.4)])
    assert take(url, "ar") == WarmStart(studies=("ar",), trials=3)


def test_errors_list_the_studies_that_can_be_used(url: str, tmp_path: Path) -> None:
    assert "Studies with finished students: none" in refusal(url, "ar")
    assert not (tmp_path / "studies.db").exists()
    fill_both(url, "hi", [({"beta": 0.1}, 0.3)])
    fill_both(url, "zh", [({"beta": 0.1}, None)])
    text = refusal(url, "ar")
    assert text == "--warm-start ar: this study does not exist. Studies with finished students: hi."
    assert "--warm-start zh: this study has no finished student trial. Studies" in refusal(url, "hi", "zh")
    assert "is the new study itself" in refusal(url, "hi", name="hi")
    optuna.create_study(study_name="foreign/student", storage=url, direction="maximize").add_trial(
        create_trial(state=TrialState.COMPLETE, value=1.0)
    )
    assert "--warm-start foreign: this study does not exist" in refusal(url, "foreign")


def test_undefined_hyperparameters_are_named(url: str) -> None:
    fill_both(url, "ar", [({"beta": 0.1}, 0.3)])
    other = {name: parameter for name, parameter in JOINT.student.items() if name not in ("beta", "init")}
    text = refusal(url, "ar", space=replace(JOINT, student=other))
    assert text == (
        "--warm-start: study ar/student has hyperparameters that this space does not define: beta, init. "
        "Choose another study or --space."
    )


def test_copied_trials_do_not_change_with_the_other_study(url: str) -> None:
    fill_both(url, "ar", [({"beta": 0.1}, 0.3)], [({}, 0.5), ({"alpha": 0.2}, 0.6)])
    first = take(url, "ar")
    study = open_teacher_study(settings(first), {}, url)
    trials = [study.propose() for _ in range(3)]
    study.close()
    assert [trial.parameters["alpha"] for trial in trials[:2] if trial] == [0.05, 0.2]

    optuna.load_study(study_name="ar/student", storage=url).add_trial(
        create_trial(
            state=TrialState.COMPLETE,
            value=1.0,
            user_attrs={"configuration": {**PAPER_STUDENT, "beta": 7.0}},
        )
    )
    assert betas(take(url, "ar", name="newer")) == [7.0, 0.1]
    assert take(url, "ar") == first
    optuna.delete_study(study_name="ar/student", storage=url)
    optuna.delete_study(study_name="ar/teacher", storage=url)
    assert take(url, "ar") == first
    check_teacher_study(settings(take(url, "ar")), {}, url)
    open_teacher_study(settings(take(url, "ar")), {}, url).close()


@pytest.mark.parametrize(
    ("studies", "trials", "expected"),
    [
        (["hi"], 3, ["warm_start.studies[0]: 'ar' there, 'hi' here"]),
        (["ar", "hi"], 3, ["warm_start.studies[1]: nothing there, 'hi' here"]),
        (["ar"], 2, ["warm_start.trials: 3 there, 2 here"]),
        ([], 3, ["warm_start.studies[0]: 'ar' there, nothing here", "warm_start.trials: 3 there, nothing here"]),
    ],
)
def test_another_warm_start_is_refused_as_any_other_setting(
    url: str, studies: list[str], trials: int, expected: list[str]
) -> None:
    fill_both(url, "ar", [({"beta": 0.1}, 0.3)], [({}, 0.5), ({"alpha": 0.2}, 0.6)])
    open_teacher_study(settings(take(url, "ar")), {}, url).close()
    with pytest.raises(UserError, match=r"study `new/teacher` in .* was created with other settings") as caught:
        check_teacher_study(settings(take(url, *studies, trials=trials)), {}, url)
    assert [line.strip() for line in str(caught.value).splitlines()[1:-1]] == expected


def test_a_warm_start_for_a_study_that_began_without_is_refused(url: str) -> None:
    fill_both(url, "ar", [({"beta": 0.1}, 0.3)])
    open_teacher_study(settings(NO_WARM_START), {}, url).close()
    with pytest.raises(UserError) as caught:
        check_teacher_study(settings(take(url, "ar")), {}, url)
    assert [line.strip() for line in str(caught.value).splitlines()[1:-1]] == [
        "warm_start.studies[0]: nothing there, 'ar' here",
        "warm_start.trials: nothing there, 3 here",
    ]


def test_a_check_writes_nothing(url: str, tmp_path: Path) -> None:
    check_teacher_study(settings(NO_WARM_START), {}, url)
    assert list(tmp_path.iterdir()) == []
    open_teacher_study(settings(NO_WARM_START, name="old"), {}, url).close()
    before = (tmp_path / "studies.db").read_bytes()
    check_teacher_study(settings(NO_WARM_START), {}, url)
    assert (tmp_path / "studies.db").read_bytes() == before

"""History, parallel coordinates, curves and importance of four trials."""

import math
from dataclasses import replace

import pytest

from msd_ray.report.figures.curves import curves_figure
from msd_ray.report.figures.history import SearchTrial, best_trial, history_figure
from msd_ray.report.figures.importance import importance_figure
from msd_ray.report.figures.parallel import ParameterAxis, parallel_figure

RATE = ParameterAxis(name="learning_rate", log=True)


def test_history_shows_states_as_symbols(trials: list[SearchTrial]) -> None:
    traces = {trace.name: trace for trace in history_figure(trials).figure.data}
    symbols = [traces[state].marker.symbol for state in ("COMPLETE", "PRUNED", "FAIL")]
    assert len(set(symbols)) == 3
    assert list(traces["paper's configuration"].x) == [0]
    assert traces["FAIL"].y[0] < min(traces["PRUNED"].y)


def test_best_so_far_is_of_complete_trials(trials: list[SearchTrial]) -> None:
    later = [SearchTrial(number=4, state="PRUNED", value=0.9), SearchTrial(number=5, state="COMPLETE", value=0.1)]
    figure = history_figure([*trials, *later][::-1])
    assert figure.figure.data[0].y == pytest.approx([41.0, 41.0, 45.2, 45.2, 45.2, 45.2])
    assert [row[:5] for row in figure.rows[:4]] == [
        ("0", "COMPLETE", "41.00", "41.00", "yes"),
        ("1", "PRUNED", "39.00", "41.00", ""),
        ("2", "COMPLETE", "45.20", "45.20", ""),
        ("3", "FAIL", "no score", "45.20", ""),
    ]
    assert "the best is trial 2 with 45.20 %" in figure.alt
    assert "paper's configuration has 41.00 %" in figure.alt


def test_history_of_failures_only_can_be_drawn() -> None:
    figure = history_figure([SearchTrial(number=0, state="FAIL", value=None, paper=True, reason="out of memory")])
    assert "no trial has a score" in figure.alt
    assert figure.rows == (("0", "FAIL", "no score", "", "yes", "out of memory"),)


def test_of_equal_trials_the_first_is_the_best() -> None:
    equal = [SearchTrial(number=number, state="COMPLETE", value=0.5) for number in (3, 1, 2)]
    best = best_trial(equal)
    assert best is not None
    assert best.number == 1


def test_lines_lie_where_the_values_are(trials: list[SearchTrial]) -> None:
    figure = parallel_figure(trials, [RATE, replace(RATE, log=False)]).figure
    lines = {trace.hovertext.split("</b>")[0]: trace for trace in figure.data if trace.hovertext}
    assert len(lines) == 3  # the failed trial has no score to be coloured by
    paper = lines["<b>trial 0"]
    logs = [math.log10(value) for value in (2e-5, 1e-4)]
    assert paper.x == pytest.approx([0.0, 0.0, (41 - 39) / (45.2 - 39)])
    best = lines["<b>trial 2"]
    assert best.x == pytest.approx([(math.log10(5e-5) - logs[0]) / (logs[1] - logs[0]), (5e-5 - 2e-5) / 8e-5, 1.0])
    assert best.line.width > paper.line.width > lines["<b>trial 1"].line.width
    assert paper.line.dash != best.line.dash


def test_log_axes_have_ticks_at_powers_of_ten(trials: list[SearchTrial]) -> None:
    rates = (3e-6, 2e-3, 1e-4)
    wide = [replace(trial, parameters={"learning_rate": rate}) for trial, rate in zip(trials, rates, strict=False)]
    ticks = {each.text: each.x for each in parallel_figure(wide, [RATE]).figure.layout.annotations if each.y == 0}
    width = math.log10(2e-3 / 3e-6)
    assert ticks == pytest.approx(
        {
            "<b>learning rate (log)</b>": 0,
            "3e-06": 0,
            "1e-05": math.log10(1e-5 / 3e-6) / width,
            "0.0001": math.log10(1e-4 / 3e-6) / width,
            "0.002": 1,  # 0.001 would run into it
        }
    )


def test_parallel_coordinates_need_every_parameter(trials: list[SearchTrial]) -> None:
    with pytest.raises(ValueError, match=r"beta: trials \[0, 1, 2\] have no value"):
        parallel_figure(trials, [ParameterAxis(name="beta")])


def test_a_log_axis_rejects_zero(trials: list[SearchTrial]) -> None:
    zero = [replace(trial, parameters={"learning_rate": 0.0}) for trial in trials]
    with pytest.raises(ValueError, match="expected positive values on a log axis"):
        parallel_figure(zero, [RATE])


def test_one_trial_and_equal_values_can_be_drawn(trials: list[SearchTrial]) -> None:
    figure = parallel_figure(trials[:1], [RATE])
    assert figure.rows == (("0", "COMPLETE", "41.00", "2e-05"),)


def test_an_empty_search_space_gives_a_message(trials: list[SearchTrial]) -> None:
    assert "every parameter is fixed" in parallel_figure(trials, []).alt


def test_curves_of_a_group_are_one_trace_with_gaps(trials: list[SearchTrial]) -> None:
    more = [*trials, replace(trials[1], number=7, curves={"dev_target/f1": ((1, 0.2),)})]
    figure = curves_figure(more)
    pruned = next(trace for trace in figure.figure.data if trace.name == "PRUNED" and trace.yaxis == "y")
    assert list(pruned.x) == [1, 2, None, 1, None]
    assert list(pruned.y[:2]) == pytest.approx([30.0, 40.0])
    assert {trace.name for trace in figure.figure.data} == {"PRUNED", "FAIL", "best trial", "paper's configuration"}
    assert ("7", "PRUNED", "dev F1, target language (%)", "1", "20.00") in figure.rows
    assert "The best, trial 2, goes from 30.00 % in epoch 1 to 40.00 % in epoch 2" in figure.alt


def test_metrics_that_were_not_recorded_have_no_panel(trials: list[SearchTrial]) -> None:
    plain = [replace(trial, curves={"loss/main": ((1, 0.5),)}) for trial in trials]
    figure = curves_figure(plain)
    titles = [annotation.text for annotation in figure.figure.layout.annotations]
    assert titles == ["distillation loss, main channel (Eq. 11)"]


def test_trials_without_epochs_give_a_message() -> None:
    assert curves_figure([SearchTrial(number=0, state="FAIL", value=None)]).alt.startswith("Not run")


def test_importance_is_ordered() -> None:
    figure = importance_figure({"beta": 0.25, "learning_rate": 0.7, "alpha_prime": 0.05}, trials=20)
    assert figure.rows == (("learning rate", "70.00"), ("β", "25.00"), ("α′ (MMD, models)", "5.00"))
    assert list(figure.figure.data[0].y) == ["α′ (MMD, models)", "β", "learning rate"]
    assert "learning rate explains most, 70.0 %" in figure.alt


def test_too_few_trials_give_a_message() -> None:
    figure = importance_figure(None, trials=4)
    assert "too few complete trials (4)" in figure.alt
    assert "too few complete" in figure.figure.layout.annotations[0].text
    assert len(figure.figure.data) == 0

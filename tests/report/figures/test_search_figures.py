"""History, slices, curves and importance of four trials."""

from dataclasses import replace

import pytest
from sample_page import present

from msd_ray.report.figures.curves import curves_figure
from msd_ray.report.figures.history import SearchTrial, best_trial, history_figure
from msd_ray.report.figures.importance import importance_figure
from msd_ray.report.figures.slices import ParameterAxis, slices_figure

RATE = ParameterAxis(name="learning_rate", log=True)


def test_history_shows_states_as_symbols(trials: list[SearchTrial]) -> None:
    traces = {trace.name: trace for trace in present(history_figure(trials)).figure.data}
    symbols = [traces[state].marker.symbol for state in ("COMPLETE", "PRUNED", "FAIL")]
    assert len(set(symbols)) == 3
    assert list(traces["paper's configuration"].x) == [0]
    assert list(traces["best trial"].x) == [2]
    assert traces["FAIL"].y[0] == 0 < min(traces["PRUNED"].y)


def test_best_so_far_is_of_complete_trials(trials: list[SearchTrial]) -> None:
    later = [SearchTrial(number=4, state="PRUNED", value=0.9), SearchTrial(number=5, state="COMPLETE", value=0.1)]
    figure = present(history_figure([*trials, *later][::-1]))
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
    figure = present(
        history_figure([SearchTrial(number=0, state="FAIL", value=None, paper=True, reason="out of memory")])
    )
    assert "no trial has a score" in figure.alt
    assert figure.rows == (("0", "FAIL", "no score", "", "yes", "out of memory"),)


def test_of_equal_trials_the_first_is_the_best() -> None:
    equal = [SearchTrial(number=number, state="COMPLETE", value=0.5) for number in (3, 1, 2)]
    best = best_trial(equal)
    assert best is not None
    assert best.number == 1


def test_points_lie_where_the_values_are(trials: list[SearchTrial]) -> None:
    figure = present(slices_figure(trials, [RATE, ParameterAxis(name="teacher")])).figure
    points = {(trace.name, trace.xaxis): (list(trace.x), list(trace.y)) for trace in figure.data}
    assert points["best trial", "x"] == ([5e-5], [pytest.approx(45.2)])
    assert points["paper's configuration", "x"] == ([2e-5], [pytest.approx(41.0)])
    assert points["other trials", "x"] == ([1e-4], [pytest.approx(39.0)])  # the failed trial has no score
    assert points["best trial", "x2"][0] == ["a"]
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.xaxis2.type == "category"
    assert len({trace.marker.color for trace in figure.data}) == 3


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.000160442, 0.000382497, ["0.0002", "0.0003"]),
        (0.000124651, 0.00738057, ["0.0003", "0.001", "0.003"]),
        (1e-5, 1e-2, ["1e-05", "0.0001", "0.001", "0.01"]),
        (0.00021234, 0.00022345, ["0.00021", "0.00022"]),
    ],
)
def test_a_log_axis_has_round_ticks(low: float, high: float, ticks: list[str]) -> None:
    ends = [
        SearchTrial(number=number, state="COMPLETE", value=0.5, parameters={"learning_rate": rate})
        for number, rate in enumerate((low, high))
    ]
    assert list(present(slices_figure(ends, [RATE])).figure.layout.xaxis.ticktext) == ticks


def test_slices_need_every_parameter(trials: list[SearchTrial]) -> None:
    with pytest.raises(ValueError, match=r"beta: trials \[0, 1, 2\] have no value"):
        slices_figure(trials, [ParameterAxis(name="beta")])


def test_a_log_axis_rejects_zero(trials: list[SearchTrial]) -> None:
    zero = [replace(trial, parameters={"learning_rate": 0.0}) for trial in trials]
    with pytest.raises(ValueError, match="expected positive values on a log axis"):
        slices_figure(zero, [RATE])


def test_one_trial_can_be_drawn(trials: list[SearchTrial]) -> None:
    assert present(slices_figure(trials[:1], [RATE])).rows == (("0", "COMPLETE", "41.00", "2e-05"),)


def test_without_data_there_is_no_figure(trials: list[SearchTrial]) -> None:
    assert history_figure([]) is None
    assert slices_figure(trials, []) is None  # every parameter is fixed
    assert slices_figure([SearchTrial(number=0, state="FAIL", value=None)], [RATE]) is None
    assert curves_figure([SearchTrial(number=0, state="FAIL", value=None)]) is None
    assert importance_figure(None, trials=4) is None


def test_curves_of_a_group_are_one_trace_with_gaps(trials: list[SearchTrial]) -> None:
    more = [*trials, replace(trials[1], number=7, curves={"dev_target/f1": ((1, 0.2),)})]
    figure = present(curves_figure(more))
    pruned = next(trace for trace in figure.figure.data if trace.name == "PRUNED" and trace.yaxis == "y")
    assert list(pruned.x) == [1, 2, None, 1, None]
    assert list(pruned.y[:2]) == pytest.approx([30.0, 40.0])
    assert {trace.name for trace in figure.figure.data} == {"PRUNED", "FAIL", "best trial", "paper's configuration"}
    assert ("7", "PRUNED", "dev F1, target language (%)", "1", "20.00") in figure.rows
    assert "The best, trial 2, goes from 30.00 % in epoch 1 to 40.00 % in epoch 2" in figure.alt


def test_metrics_that_were_not_recorded_have_no_panel(trials: list[SearchTrial]) -> None:
    plain = [replace(trial, curves={"loss/main": ((1, 0.5),)}) for trial in trials]
    figure = present(curves_figure(plain))
    titles = [annotation.text for annotation in figure.figure.layout.annotations]
    assert titles == ["distillation loss, main channel (Eq. 11)"]


def test_importance_is_ordered() -> None:
    figure = present(importance_figure({"beta": 0.25, "learning_rate": 0.7, "alpha_prime": 0.05}, trials=20))
    assert figure.rows == (("learning rate", "70.00"), ("β (channels)", "25.00"), ("α′ (MMD, models)", "5.00"))
    assert list(figure.figure.data[0].y) == ["α′ (MMD, models)", "β (channels)", "learning rate"]
    assert "learning rate explains most, 70.0 %" in figure.alt

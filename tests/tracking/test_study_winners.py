"""The winner of a study: the run of the winning row with the best score on the selection dev set."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from msd_ray.tracking.study import StudyTracker
from msd_ray.tracking.study_states import study_states


def record(uri: str, tags: Mapping[str, str], scores: Mapping[str, Mapping[str, float]]) -> None:
    """A search that has ended, with one run of each row. scores: metrics by row."""
    tracker = StudyTracker.open(uri, dataset="sample", lang="tr", study="s", parameters={}, tags=tags)
    for row, metrics in scores.items():
        run = tracker.child(
            f"final/{row}/{row}-digest/seed-1",
            name=row,
            parameters={},
            tags={"row": row, "seed": "1", "configuration": f"{row}-digest", "weights": f"students/{row}"},
        )
        tracker.finish(run, state="COMPLETE", metrics=metrics)
    tracker.close()


def configurations(*rows: str) -> dict[str, str]:
    return {f"configuration.{row}": f"{row}-digest" for row in rows}


@pytest.mark.parametrize("metric", ["dev_target/f1", "dev_source/f1"])
@pytest.mark.parametrize("winner", ["best", "average"])
def test_the_winner_of_a_search(tracking_uri: str, metric: str, winner: str) -> None:
    scores = {"paper": {metric: 0.9}, "best": {metric: 0.5}, "average": {metric: 0.4}}
    record(tracking_uri, {"winner": winner, **configurations(*scores)}, scores)
    assert study_states(tracking_uri).weights == {f"students/{winner}": "the winner of s"}


@pytest.mark.parametrize(("rows", "winner"), [(("paper", "best"), "best"), (("paper",), "paper")])
def test_the_winner_of_a_search_of_an_earlier_version(tracking_uri: str, rows: tuple[str, ...], winner: str) -> None:
    """Without a row `best`, the paper's configuration was the best; both dev sets were recorded, target dev chose."""
    scores = {row: {"dev_target/f1": 0.5, "dev_source/f1": 0.9} for row in rows}
    record(tracking_uri, configurations(*rows), scores)
    assert study_states(tracking_uri).weights == {f"students/{winner}": "the winner of s"}


def test_unfinished_runs_have_no_winner(tracking_uri: str, tmp_path: Path) -> None:
    record(tracking_uri, {"winner": "best", **configurations("best", "average")}, {})
    assert study_states(tracking_uri).weights == {}
    assert not study_states(f"sqlite:///{tmp_path / 'none.db'}").database_exists

"""Selection of an epoch."""

import pytest

from msd_ray.method.checkpoints import EpochRecord, chosen_epoch
from msd_ray.method.settings import SelectOn, dev_language, dev_metric


def epochs(metric: str, *scores: float) -> list[EpochRecord]:
    """Epochs with this one score: any other that is read is an error."""
    return [EpochRecord(epoch=i, timestamp_ms=0, metrics={metric: score}) for i, score in enumerate(scores, start=1)]


@pytest.mark.parametrize(
    ("select_on", "language"), [("target", "target"), ("source", "source"), ("none", "source")], ids=str
)
def test_dev_sets(select_on: SelectOn, language: str) -> None:
    assert dev_language(select_on) == language
    assert dev_metric(select_on) == f"dev_{language}/f1"


@pytest.mark.parametrize(
    ("select_on", "metric"), [("target", "dev_target/f1"), ("source", "dev_source/f1")], ids=["target", "source"]
)
def test_the_first_epoch_with_the_highest_score(select_on: SelectOn, metric: str) -> None:
    assert chosen_epoch(epochs(metric, 0.1, 0.5, 0.5, 0.2), select_on) == 2
    assert chosen_epoch(epochs(metric, 0.6, 0.5), select_on) == 1
    assert chosen_epoch(epochs(metric, 0.0, 0.0, 0.1), select_on) == 3
    with pytest.raises(KeyError):
        chosen_epoch(epochs("dev_other/f1", 0.1), select_on)


@pytest.mark.parametrize("metric", ["dev_target/f1", "dev_source/f1", "loss/total"])
def test_without_a_dev_set_the_last_epoch_whatever_its_scores(metric: str) -> None:
    assert chosen_epoch(epochs(metric, 0.9, 0.5, 0.2), "none") == 3


@pytest.mark.parametrize("select_on", ["target", "source", "none"])
def test_of_no_epochs_none_is_chosen(select_on: SelectOn) -> None:
    with pytest.raises(ValueError, match="no epoch to choose from"):
        chosen_epoch([], select_on)

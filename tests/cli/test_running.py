"""One language after the other, where MLflow does not take what the first ones have recorded."""

from typing import Any

import pytest

from msd_ray.cli.running import each
from msd_ray.tracking.outages import MlflowUnavailableError
from msd_ray.tracking.run_logger import RecordsPendingError

AWAY = {
    "records": RecordsPendingError("3 records wait"),
    "summary": MlflowUnavailableError("MLflow is away", "; try again"),
}


class Languages:
    """Runs languages; MLflow is away for the first `outage` calls."""

    def __init__(self, outage: int, how: str = "records") -> None:
        self.calls: list[str] = []
        self._outage, self._how = outage, how

    def run(self, lang: Any) -> str:
        self.calls.append(lang)
        if len(self.calls) <= self._outage:
            raise AWAY[self._how]
        return f"table of {lang}"


def test_every_language_is_run_once_in_order() -> None:
    languages = Languages(outage=0)
    assert each(["ar", "hi"], languages.run) == ["table of ar", "table of hi"]  # type: ignore[list-item]
    assert languages.calls == ["ar", "hi"]


@pytest.mark.parametrize("how", AWAY)
def test_a_language_that_waits_for_mlflow_does_not_keep_the_next_one_waiting(how: str) -> None:
    languages = Languages(outage=2, how=how)
    assert each(["ar", "hi", "zh"], languages.run) == ["table of ar", "table of hi", "table of zh"]  # type: ignore[list-item]
    assert languages.calls == ["ar", "hi", "zh", "ar", "hi"]


@pytest.mark.parametrize(("how", "reason"), [("records", "3 records wait"), ("summary", "but MLflow is away")])
def test_if_the_last_one_waits_too_all_have_been_trained_and_the_first_is_told(how: str, reason: str) -> None:
    languages = Languages(outage=3, how=how)
    with pytest.raises(RecordsPendingError, match=reason):
        each(["ar", "hi", "zh"], languages.run)  # type: ignore[list-item]
    assert languages.calls == ["ar", "hi", "zh"]

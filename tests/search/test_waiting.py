"""A trial that waits for an artifact of another trial reports it, so that it does not count as silent."""

import threading

import pytest
from small_search import CPU, student_plan

from msd_ray.search import context as context_module
from msd_ray.search.context import TrialContext
from msd_ray.search.plans import Experiment, TrialReport
from msd_ray.storage.artifacts import StoredDirectory


def test_a_trial_reports_while_another_one_creates_its_teacher(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_module, "WAIT_S", 0.05)
    reports: list[TrialReport] = []
    waited, entered = threading.Event(), threading.Event()

    def report(one: TrialReport) -> None:
        reports.append(one)
        if len(reports) == 3:
            waited.set()

    directory = experiment.storage.teacher("abc")
    context = TrialContext(plan=student_plan(7), experiment=experiment, device=CPU, report=report)

    def wait() -> None:
        with context.exclusive_lock(StoredDirectory(storage=experiment.storage, path=directory)):
            entered.set()

    with experiment.storage.lock(directory):
        waiter = threading.Thread(target=wait)
        waiter.start()
        assert waited.wait(timeout=60)
        assert not entered.is_set()
    assert entered.wait(timeout=60)
    waiter.join()
    stages = {(one.number, one.stage) for one in reports}
    assert stages == {(7, "waiting for teachers/abc, which another trial creates")}
    with experiment.storage.lock(directory).acquire(timeout=0):
        pass  # it was released

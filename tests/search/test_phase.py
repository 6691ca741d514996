"""A phase between study and run logger: launches, records and their order."""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from threading import Event

import pytest
import stored_runs
from phase_driver import TRIALS, epoch, finished, label, open_study, plan
from rich.console import Console
from small_search import RUN, MakeSearch

from msd_ray.cli.display import ConsoleDisplay, progress
from msd_ray.search.phase import Phase
from msd_ray.search.plans import Failure, TrialPlan, TrialReport
from msd_ray.search.progress import EndedTrial, PhasePlan
from msd_ray.search.studies import PhaseStudy, TrialRecord
from msd_ray.tracking.run_logger import JournaledRunLogger, open_run_logger
from msd_ray.tracking.study import StudyTracker


@dataclass(frozen=True)
class Opened:
    """A phase with its study, and what it printed."""

    phase: Phase
    study: PhaseStudy
    run_logger: JournaledRunLogger
    root: Path
    output: StringIO
    display: ConsoleDisplay

    @property
    def ended(self) -> Sequence[EndedTrial]:
        """The trials that have ended, as they are displayed."""
        assert self.display.shown is not None
        return self.display.shown.ended

    def runs(self) -> dict[str, stored_runs.Run]:
        self.run_logger.drain(60)
        return stored_runs.children(self.root)

    def trials(self) -> list[stored_runs.Trial]:
        return stored_runs.trials(self.root)


def groups_of_three(record: TrialRecord) -> TrialPlan:
    """Trials 0, 1 and 2 have seed 0, the next three seed 1."""
    return replace(plan(record), run=replace(RUN, seed=record.number // 3))


class Phases:
    """Opens the same phase several times, like drivers that are started one after the other."""

    def __init__(self, search: MakeSearch, opened: ExitStack) -> None:
        self._search = search()
        self._opened = opened

    def open(self, *, one_launch_per_seed: bool = False, answers: Event | None = None) -> Opened:
        """answers: MLflow answers once this is set."""
        setup = self._search.setup()
        output = StringIO()
        study = open_study(setup.study_storage)

        def open_tracker() -> StudyTracker:
            if answers is not None:
                answers.wait()
            return StudyTracker.open(
                setup.mlflow_uri, dataset="wikiann", lang="ar", study="small", parameters={}, tags={}
            )

        with progress(Console(file=output, width=200)) as display:
            journal = setup.storage.records("small")
            run_logger = self._opened.enter_context(
                open_run_logger(journal, open_tracker, root=setup.storage.root, report=display.line)
            )
            display.phase(PhasePlan(name="student", total=TRIALS))
            phase = Phase(
                name="student",
                experiment=setup.prepared.experiment,
                study=study,
                plan=groups_of_three if one_launch_per_seed else plan,
                label=label,
                run_logger=run_logger,
                display=display,
                threads=3,
                one_launch_per_seed=one_launch_per_seed,
            )
        return Opened(phase, study, run_logger, self._search.root, output, display)


@pytest.fixture
def phases(new_search: MakeSearch) -> Iterator[Phases]:
    with ExitStack() as opened:
        yield Phases(new_search, opened)


def test_trials_are_handed_out_once_each(phases: Phases) -> None:
    opened = phases.open()
    launches = [opened.phase.next_launch() for _ in range(TRIALS)]
    assert [[trial.number for trial in launch.trials] for launch in launches if launch] == [[0], [1], [2], [3]]
    assert opened.phase.next_launch() is None
    assert all(launch is not None and launch.threads == 3 for launch in launches)
    assert {key: run.status for key, run in opened.runs().items()} == {f"student/{n}": "RUNNING" for n in range(TRIALS)}
    assert [run.tags["trial"] for run in opened.runs().values()] == ["0", "1", "2", "3"]


def test_trials_of_one_seed_share_a_launch(phases: Phases) -> None:
    opened = phases.open(one_launch_per_seed=True)
    launches = [opened.phase.next_launch(), opened.phase.next_launch()]
    assert [[trial.number for trial in launch.trials] for launch in launches if launch] == [[0, 1, 2], [3]]
    assert opened.phase.next_launch() is None


def test_epochs_and_end_are_recorded_in_both_places(phases: Phases) -> None:
    opened = phases.open()
    opened.phase.next_launch()
    assert not opened.phase.on_report(TrialReport(number=0, stage="teacher epoch 1/2"))
    assert not opened.phase.on_report(epoch(0, 1, 0.25))
    assert not opened.phase.on_report(epoch(0, 2, 0.5))
    assert not opened.phase.on_report(finished(0, 0.5))
    (trial,) = opened.trials()
    assert (trial.state, trial.value, trial.epochs) == ("COMPLETE", 0.5, {1: 0.25, 2: 0.5})
    run = opened.runs()["student/0"]
    assert (run.status, run.tags["state"], run.tags["weights"], run.tags["t"]) == ("FINISHED", "COMPLETE", "w", "1")
    assert run.parameters["dropout"] == "0.1"
    assert re.search(r"student/0: COMPLETE, dev F1 50\.00, beta=\S+, \d+:\d\d, new best\n", opened.output.getvalue())


def test_weak_trial_is_pruned_once_and_late_reports_change_nothing(phases: Phases) -> None:
    opened = phases.open()
    opened.phase.next_launch()
    opened.phase.next_launch()
    assert not opened.phase.on_report(epoch(0, 1, 0.5))
    assert opened.phase.on_report(epoch(1, 1, 0.25))
    before = opened.trials(), opened.runs()
    assert not opened.phase.on_report(epoch(1, 2, 0.9))
    assert not opened.phase.on_report(finished(1, 0.9))
    assert (opened.trials(), opened.runs()) == before
    assert [trial.state for trial in opened.trials()] == ["RUNNING", "PRUNED"]
    assert opened.trials()[1].value == 0.25
    run = opened.runs()["student/1"]
    assert (run.status, run.tags["state"]) == ("KILLED", "PRUNED")
    assert run.tags["reason"] == "pruned by ASHA at epoch 1 with dev F1 25.00"


def test_an_epoch_reported_again_is_not_compared_again(phases: Phases) -> None:
    """Later trials may be better; a trial that passed a rung stays, also after a restart."""
    opened = phases.open()
    for _number in (0, 1):
        opened.phase.next_launch()
    for report in (epoch(0, 1, 0.1), epoch(0, 2, 0.1), epoch(1, 1, 0.9)):
        assert not opened.phase.on_report(report)
    assert not opened.phase.on_report(epoch(0, 1, 0.1)), "told by the next process of the trial"
    again = phases.open()
    again.phase.next_launch()
    assert not again.phase.on_report(epoch(0, 1, 0.1)), "told after the driver was started again"


def test_weak_trial_is_not_stopped_at_its_last_epoch(phases: Phases) -> None:
    opened = phases.open()
    opened.phase.next_launch()
    opened.phase.next_launch()
    for number, value in ((0, 0.5), (1, 0.5)):
        assert not opened.phase.on_report(epoch(number, 1, value))
    assert not opened.phase.on_report(epoch(0, 2, 0.5))
    assert not opened.phase.on_report(epoch(1, 2, 0.1))


def test_failed_trial_has_its_reason(phases: Phases) -> None:
    opened = phases.open()
    opened.phase.next_launch()
    reason = "the loss is not finite at step 3, learning rate 0.9"
    opened.phase.on_report(TrialReport(number=0, stage="failed", finished=True, reason=reason))
    assert [trial.state for trial in opened.trials()] == ["FAIL"]
    run = opened.runs()["student/0"]
    assert (run.status, run.tags["state"], run.tags["reason"]) == ("FAILED", "FAIL", reason)
    assert [trial.reason for trial in opened.study.trials()] == [reason]


def test_launch_that_ends_fails_the_trials_of_it_that_did_not(phases: Phases) -> None:
    opened = phases.open(one_launch_per_seed=True)
    launch = opened.phase.next_launch()
    assert launch is not None
    opened.phase.on_report(epoch(0, 1, 0.5))
    opened.phase.on_report(finished(0, 0.5))
    opened.phase.on_launch_end(launch, "RuntimeError: out of memory")
    assert [trial.state for trial in opened.trials()][:3] == ["COMPLETE", "FAIL", "FAIL"]
    assert {run.tags.get("reason") for run in opened.runs().values()} == {None, "RuntimeError: out of memory"}
    second = opened.phase.next_launch()
    assert second is not None
    opened.phase.on_launch_end(second, None)
    assert opened.runs()["student/3"].tags["reason"] == "its worker ended without a result"


def test_failed_attempt_is_a_line_and_its_traceback_is_kept_with_the_trial(phases: Phases) -> None:
    opened = phases.open(one_launch_per_seed=True)
    launch = opened.phase.next_launch()
    assert launch is not None
    opened.phase.on_report(finished(0, 0.5))
    opened.phase.on_report(epoch(1, 1, 0.5))
    opened.phase.on_failure(launch, Failure(reason="OSError: gone", details="Traceback ...\nOSError: gone"))
    assert "student/1: attempt failed after epoch 1: OSError: gone" in opened.output.getvalue()
    assert "Traceback" not in opened.output.getvalue()
    assert opened.runs()["student/1"].status == "RUNNING"
    (kept,) = opened.root.glob("mlartifacts/**/failures/*.txt")
    assert kept.read_text() == "Traceback ...\nOSError: gone"
    opened.phase.on_report(finished(1, 0.75))
    assert opened.runs()["student/1"].tags["state"] == "COMPLETE"


def test_an_attempt_whose_node_was_reclaimed_was_interrupted(phases: Phases) -> None:
    opened = phases.open()
    launch = opened.phase.next_launch()
    assert launch is not None
    opened.phase.on_report(epoch(0, 1, 0.5))
    opened.phase.on_preemption(launch)
    opened.phase.on_failure(launch, Failure(reason="its node was reclaimed", details="", preempted=True))
    output = opened.output.getvalue()
    assert "student/0: its node will be reclaimed; another resumes from its last checkpoint" in output
    assert "student/0: attempt interrupted after epoch 1: its node was reclaimed" in output


def test_the_time_that_a_trial_waits_for_resources_is_shown_and_is_no_part_of_its_duration(
    phases: Phases, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    opened = phases.open()
    launch = opened.phase.next_launch()
    assert launch is not None

    def shown() -> tuple[bool, float | None]:
        assert opened.display.shown is not None
        (trial,) = opened.display.shown.running
        return trial.pending, trial.started

    opened.phase.on_pending([launch])
    assert shown() == (True, None)
    now += 500
    opened.phase.on_pending([launch])
    opened.phase.on_pending([])
    assert shown() == (False, 1500.0)
    now += 20
    opened.phase.on_report(epoch(0, 1, 0.5))
    opened.phase.on_pending([launch])
    now += 300
    opened.phase.on_pending([])
    now += 20
    opened.phase.on_report(finished(0, 0.5))
    (ended,) = opened.ended
    assert ended.seconds == 40


def test_driver_that_dies_hands_out_its_trials_again(phases: Phases) -> None:
    first = phases.open()
    for _ in range(2):
        first.phase.next_launch()
    first.phase.on_report(epoch(0, 1, 0.25))
    first.phase.on_report(finished(0, 0.25))
    first.phase.on_report(epoch(1, 1, 0.5))
    first.run_logger.drain(60)
    parameters = [trial.parameters for trial in first.trials()]

    second = phases.open()
    launch = second.phase.next_launch()
    assert launch is not None
    assert [trial.number for trial in launch.trials] == [1]
    # An epoch is reported again, with another time; what was recorded first stays.
    assert not second.phase.on_report(epoch(1, 1, 0.5, timestamp_ms=2000))
    second.phase.on_report(epoch(1, 2, 0.75))
    second.phase.on_report(finished(1, 0.75))
    assert [trial.parameters for trial in second.trials()] == parameters
    assert [(trial.state, trial.value) for trial in second.trials()] == [("COMPLETE", 0.25), ("COMPLETE", 0.75)]
    assert sorted(second.runs()) == ["student/0", "student/1"]
    times = stored_runs.query(
        second.root / "mlflow.db", "SELECT timestamp FROM metrics WHERE key = 'loss' AND step = 1"
    )
    assert times == [(1000,), (1000,)]


def test_a_report_does_not_ask_for_all_trials_of_the_study(phases: Phases, monkeypatch: pytest.MonkeyPatch) -> None:
    """With thousands of trials that would cost more than recording the report."""
    opened = phases.open()

    def trials() -> list[TrialRecord]:
        raise AssertionError("all trials were asked for")

    monkeypatch.setattr(opened.study, "trials", trials)
    for _ in range(3):
        opened.phase.next_launch()
    opened.phase.on_report(epoch(0, 1, 0.5))
    opened.phase.on_report(finished(0, 0.5))
    assert opened.phase.on_report(epoch(1, 1, 0.25))
    opened.phase.on_report(TrialReport(number=2, stage="failed", finished=True, reason="x"))
    assert [(trial.key, trial.state) for trial in opened.ended] == [
        ("student/0", "COMPLETE"),
        ("student/1", "PRUNED"),
        ("student/2", "FAIL"),
    ]


def test_counts_go_on_where_an_earlier_driver_left_them(phases: Phases) -> None:
    first = phases.open()
    for _ in range(2):
        first.phase.next_launch()
    first.phase.on_report(epoch(0, 1, 0.75))
    first.phase.on_report(finished(0, 0.75))
    second = phases.open()
    second.phase.next_launch()
    second.phase.on_report(finished(1, 0.25))
    assert "student phase: 1 of 4 trials there, 3 to do" in second.output.getvalue()
    assert [(trial.key, trial.value, trial.seconds is None) for trial in second.ended] == [
        ("student/0", 0.75, True),
        ("student/1", 0.25, False),
    ]
    beta, dropout = (name in second.ended[0].parameters for name in ("beta", "dropout"))
    assert (beta, dropout) == (True, False), "the searched ones"


def run_ids(root: Path) -> dict[int, str]:
    """The trials' run ids in MLflow."""
    tags = stored_runs.query(
        root / "mlflow.db",
        "SELECT trial.value, trial.run_uuid FROM tags AS trial JOIN tags AS kind USING (run_uuid) "
        "WHERE trial.key = 'trial' AND kind.key = 'kind' AND kind.value = 'run'",
    )
    return {int(number): run_id for number, run_id in tags}


def test_the_study_holds_the_ids_of_the_runs(phases: Phases) -> None:
    """Of a running trial, of one that ended before its run id was known, and of one from an earlier start."""
    answers = Event()
    first = phases.open(answers=answers)
    first.phase.next_launch()
    first.phase.on_report(finished(0, 0.25))
    first.phase.next_launch()
    assert first.study.run_ids() == {}
    answers.set()
    first.run_logger.drain(60)
    first.phase.on_report(epoch(1, 1, 0.5))
    assert first.study.run_ids() == run_ids(first.root)
    assert first.study.run_ids().keys() == {0, 1}

    answers.clear()
    second = phases.open(answers=answers)
    for number in (1, 2):
        second.phase.next_launch()
        second.phase.on_report(finished(number, 0.5))
    assert second.study.run_ids().keys() == {0, 1}
    answers.set()
    second.run_logger.drain(60)  # and the driver dies

    third = phases.open()
    assert third.study.run_ids().keys() == {0, 1}
    third.run_logger.drain(60)
    third.phase.check()
    assert third.study.run_ids() == run_ids(first.root)
    assert third.study.run_ids().keys() == {0, 1, 2}

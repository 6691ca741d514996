"""Status of a stored search, and what a dry run says of it; nothing is changed."""

import re

import pytest
from small_search import MakeSearch, SmallSearch, run_here
from tune_command import contents

from msd_ray.search.budget import Remaining
from msd_ray.search.phase import Phase
from msd_ray.search.phase_status import PhaseStatus, search_status, search_work
from msd_ray.tune import main


def status(search: SmallSearch) -> list[PhaseStatus]:
    setup = search.setup()
    return list(search_status(setup.settings, setup.study_storage))


def work(search: SmallSearch) -> Remaining:
    return search_work(search.setup().settings, status(search))


class StoppedError(Exception):
    """Ends a search before one of its phases."""


def run_until(search: SmallSearch, stop: str) -> None:
    def run(phase: Phase) -> None:
        if phase.name == stop:
            raise StoppedError
        run_here(phase)

    with pytest.raises(StoppedError):
        search.run(run)


def test_each_phase_counts_once_its_predecessors_have_ended(new_search: MakeSearch) -> None:
    search = new_search(options={"confirm": 2, "rows": "direct tsl best", "seeds": 1, "grace_epochs": 2})
    new = work(search)
    assert [(phase.name, phase.ended, phase.total) for phase in status(search)] == [("teacher", 0, 2)]
    # 2 teachers, 3 students; two seeds of two students, with a teacher and perhaps the paper's; direct's and best's.
    assert new == Remaining(teachers=2 + 2 * 2 + 2, students=3 + 2 * 2 + 2)
    run_until(search, "student")
    assert [(phase.name, phase.ended, phase.total) for phase in status(search)] == [
        ("teacher", 2, 2),
        ("student", 0, 3),
    ]
    assert work(search) == Remaining(teachers=2 * 2 + 2, students=3 + 2 * 2 + 2)
    run_until(search, "final")
    names = [phase.name for phase in status(search) if phase.finished]
    assert names == ["teacher", "student", "confirm"]
    assert status(search)[-1] == PhaseStatus(name="final", ended=0, total=3)
    assert work(search) == Remaining(teachers=2, students=2)
    search.run()
    assert all(phase.finished for phase in status(search))
    assert work(search) == Remaining(teachers=0, students=0)


def said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The lines of a dry run of two columns."""
    assert main([*arguments, "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    return dict(re.split(r"  +", line, maxsplit=1) for line in lines if "  " in line)


def test_a_dry_run_of_a_finished_search_says_how_to_extend_it(
    new_search: MakeSearch, capsys: pytest.CaptureFixture[str]
) -> None:
    search = new_search()
    search.run()
    before = contents(search.root)
    lines = said(search.arguments(), capsys)
    assert lines["teacher phase"] == "2 of 2 trials there, nothing to do"
    assert lines["student phase"] == "3 of 3 trials there, nothing to do; --trials 6 adds 3"
    assert lines["final phase"] == "4 of 4 trials there, nothing to do"
    assert lines["cost"] == "nothing to train"
    longer = said([*search.arguments(), "--trials", "6"], capsys)
    assert longer["student phase"] == "3 of 6 trials there, 3 to run"
    assert longer["cost"].startswith("at most ")
    assert contents(search.root) == before

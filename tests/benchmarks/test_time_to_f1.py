"""benchmarks.time_to_f1: a real search that is polled, stopped early, and invalid options."""

from pathlib import Path

import pytest
from shared_ray import SharedRay
from small_command import small_command
from stored_runs import trials

from benchmarks.time_to_f1 import main, time_to
from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles


@pytest.mark.slow("three searches on Ray")
@pytest.mark.cluster
@pytest.mark.extended
@pytest.mark.timeout(1200)
def test_the_best_student_of_a_search(
    tiny_encoder: EncoderFiles, ray_cluster: SharedRay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ray_cluster.environment.items():
        monkeypatch.setenv(name, value)
    command = [*small_command(tiny_encoder, tmp_path), "--workers", "0"]
    printed: list[str] = []
    storage = tmp_path / "storage"
    reached = time_to(None, command, storage, report=printed.append)
    students = {f"student/{t.number}": t for t in trials(storage) if t.study.endswith("/student")}
    assert len(students) == 2
    assert reached is not None
    assert reached.f1 == max(value for trial in students.values() for value in trial.epochs.values())
    assert reached.f1 in students[reached.trial].epochs.values()
    assert len(printed) >= 1
    assert printed[-1].endswith(reached.trial)
    assert 0 < reached.seconds < 1200
    assert time_to(100, command, storage, report=printed.append) is None, "no tagger has 100"
    early = time_to(100 * reached.f1, command, storage, report=printed.append)
    assert early is not None
    assert early.f1 >= reached.f1


def test_a_search_that_fails(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"msd_ray.tune failed: .*no-such-corpus"):
        time_to(50, ["--lang", "ar", "--dataset", "no-such-corpus"], tmp_path / "storage", report=print)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--f1", "0", "--", "--lang", "ar"], "--f1 must be above 0"),
        (["--f1", "101", "--", "--lang", "ar"], "at most 100, not 101"),
        (["--", "--lang", "ar", "--storage", "runs"], "--storage and --study-storage: the search starts"),
        (["--", "--lang", "ar", "--study-storage=sqlite:///x.db"], "starts with an empty storage"),
    ],
)
def test_invalid_options_are_rejected(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        main(arguments)

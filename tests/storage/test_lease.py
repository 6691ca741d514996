"""Two drivers of a study: the second is rejected, or takes over from a dead one. On an object store, and on files."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from msd_ray.common.errors import UserError
from msd_ray.storage import lease
from msd_ray.storage.layout import Storage
from msd_ray.storage.lease import LeaseFiles, holder_of, study_lease
from msd_ray.storage.object_store import ObjectStore

HOLD = """
import signal, sys
from pathlib import Path
from msd_ray.storage import lease
from msd_ray.storage.object_store import ObjectStore
if sys.argv[2]:
    lease.machine = lambda: sys.argv[2]
lease.RENEW_S = float(sys.argv[3])
in_store = "://" in sys.argv[1]
place = ObjectStore.at(sys.argv[1]) if in_store else lease.LeaseFiles(root=Path(sys.argv[1]))
with lease.study_lease(place, "study", only=in_store):
    print("held", flush=True)
    signal.pause()
"""
ELSEWHERE = "another container of this host, with process ids of its own"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "SETTLE_S", 0.1)


def hold(place: str, machine: str = "", renew_s: float = 20.0) -> subprocess.Popen[str]:
    """Another driver that holds the study, here or elsewhere; its host name is ours."""
    arguments = [sys.executable, "-c", HOLD, place, machine, str(renew_s)]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_a_lease_is_released(s3: str) -> None:
    store = ObjectStore.at(s3)
    with study_lease(store, "study"):
        assert socket.gethostname().encode() in (store.read("studies/study.holder") or b"")
        with study_lease(store, "other"):
            pass
    assert store.read("studies/study.holder") is None
    with study_lease(store, "study"):
        pass


def test_a_running_driver_is_named_and_a_killed_one_of_this_machine_is_replaced_at_once(s3: str) -> None:
    process = hold(s3)
    try:
        who = rf"process {process.pid} on {socket.gethostname()}, since 2\d{{3}}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
        with pytest.raises(UserError, match=rf"running the study study in {s3} \({who}\)"):
            study_lease(ObjectStore.at(s3), "study").__enter__()
    finally:
        end(process)
    with study_lease(ObjectStore.at(s3), "study"):
        pass


def test_the_lease_of_a_dead_driver_of_another_container_expires(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ObjectStore.at(s3)
    end(hold(s3, ELSEWHERE))
    with pytest.raises(UserError, match="running the study study"):
        study_lease(store, "study").__enter__()
    monkeypatch.setattr(lease, "STALE_S", 1.0)
    time.sleep(3)  # the store's clock has whole seconds
    with study_lease(store, "study"):
        pass


TAKE = """
import sys, time
from pathlib import Path
from msd_ray.storage import lease, layout
lease.SETTLE_S, lease.POLL_S = 0.3, 0.05
cache, place, log = sys.argv[1:]
import os
os.environ["MSD_RAY_CACHE"] = cache
for _ in range(2):
    with layout.Storage.at(place).registry_lock(), Path(log).open("a") as file:
        print("in", file=file, flush=True)
        time.sleep(0.5)
        print("out", file=file, flush=True)
"""


def test_one_node_at_a_time_registers_in_an_object_store(s3: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    nodes = [
        subprocess.Popen([sys.executable, "-c", TAKE, str(tmp_path / name), s3, str(log)]) for name in ("one", "two")
    ]
    assert [node.wait(120) for node in nodes] == [0, 0]
    assert log.read_text().split() == ["in", "out"] * 4
    assert ObjectStore.at(s3).read("registry.holder") is None


def test_a_node_waits_for_the_registry_of_a_dead_one(
    s3: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"STALE_S": 2.0, "POLL_S": 0.1}.items():
        monkeypatch.setattr(lease, name, value)
    store = ObjectStore.at(s3)
    with monkeypatch.context() as patch:
        patch.setattr("socket.gethostname", lambda: "elsewhere")
        lease._Lease(store, "registry.holder", "the model registry").acquire(settle_s=0)  # and dies
    died = store.modified("registry.holder")
    assert died is not None
    with Storage.at(s3).registry_lock():
        assert capsys.readouterr().err.count("the model registry is held by process") == 1
        assert socket.gethostname().encode() in (store.read("registry.holder") or b"")
        assert (store.modified("registry.holder") or 0) - died >= 2
    assert store.read("registry.holder") is None


def test_a_lease_is_renewed(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "RENEW_S", 0.5)
    store = ObjectStore.at(s3)
    with study_lease(store, "study"):
        before = store.modified("studies/study.holder")
        assert before is not None
        for _ in range(300):
            now = store.modified("studies/study.holder")
            if now is not None and now > before:
                break
            time.sleep(0.2)
        else:
            pytest.fail("it was not renewed")


def test_a_driver_whose_study_was_taken_over_stops(
    s3: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lease, "RENEW_S", 0.5)
    # As in a command; a shell lets what it starts in the background ignore interrupts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    store = ObjectStore.at(s3)

    def search() -> None:
        with study_lease(store, "study"):
            with monkeypatch.context() as patch:
                patch.setattr(lease, "STALE_S", -10.0)  # as if this driver had been cut off for long
                patch.setattr("socket.gethostname", lambda: "\x1b[2Jelsewhere")
                lease._Lease(store, "studies/study.holder", "the study study").acquire(settle_s=0)
            for _ in range(300):
                time.sleep(0.2)

    try:
        with pytest.raises(KeyboardInterrupt):
            search()
    finally:
        signal.signal(signal.SIGINT, before)
    output = capsys.readouterr().err
    assert "the study study was taken over by process" in output
    assert r"on \x1b[2Jelsewhere, since" in output
    assert store.read("studies/study.holder") is not None  # the other driver's


def test_a_driver_of_another_container_whose_lock_we_do_not_see_is_known_by_its_heartbeat(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its host name is ours, and no process here has its id: neither says that it is dead."""
    process = hold(str(tmp_path), ELSEWHERE, renew_s=0.5)
    try:
        with (
            pytest.raises(UserError, match=rf"running the study study in {tmp_path} \(process {process.pid} on"),
            study_lease(LeaseFiles(root=tmp_path), "study", only=False),
        ):
            pass
    finally:
        end(process)
    assert "Waiting for its heartbeat, at most 90 s." in capsys.readouterr().err


def test_a_dead_driver_of_another_container_is_replaced_when_its_heartbeat_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(hold(str(tmp_path), ELSEWHERE))
    monkeypatch.setattr(lease, "STALE_S", 1.0)
    with study_lease(LeaseFiles(root=tmp_path), "study", only=False):
        assert holder_of(LeaseFiles(root=tmp_path), "study").startswith(f" (process {os.getpid()} on ")
    assert list((tmp_path / "studies").iterdir()) == []


def test_a_dead_driver_of_this_machine_is_replaced_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    end(hold(str(tmp_path)))
    with study_lease(LeaseFiles(root=tmp_path), "study", only=False):
        pass
    assert capsys.readouterr().err == ""


def test_a_holder_file_of_an_earlier_version_excludes_nobody(tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "study.holder").write_text("process 1 on a host, since 2026-01-01 00:00:00 UTC")
    with study_lease(LeaseFiles(root=tmp_path), "study", only=False):
        pass

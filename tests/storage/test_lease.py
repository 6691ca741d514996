"""Two drivers of a study in an object store: the second is rejected, or takes over from a dead one."""

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
from msd_ray.storage.lease import study_lease
from msd_ray.storage.object_store import ObjectStore

HOLD = """
import signal, socket, sys
from msd_ray.storage.lease import study_lease
from msd_ray.storage.object_store import ObjectStore
if sys.argv[2]:
    socket.gethostname = lambda: sys.argv[2]
with study_lease(ObjectStore.at(sys.argv[1]), "study"):
    print("held", flush=True)
    signal.pause()
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "SETTLE_S", 0.1)


def hold(place: str, host: str = "") -> subprocess.Popen[str]:
    """Another driver that holds the study, on this machine or on one with another name."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, place, host], stdout=subprocess.PIPE, text=True)
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


def test_the_lease_of_a_dead_driver_of_another_machine_expires(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ObjectStore.at(s3)
    end(hold(s3, "elsewhere"))
    with pytest.raises(UserError, match="on elsewhere, since"):
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


def test_a_node_waits_for_the_registry_of_a_dead_one(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"STALE_S": 2.0, "POLL_S": 0.1}.items():
        monkeypatch.setattr(lease, name, value)
    store = ObjectStore.at(s3)
    with monkeypatch.context() as patch:
        patch.setattr("socket.gethostname", lambda: "elsewhere")
        lease._Lease(store, "registry.holder", "the model registry").acquire()  # and dies
    with Storage.at(s3).registry_lock():
        assert socket.gethostname().encode() in (store.read("registry.holder") or b"")
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
                lease._Lease(store, "studies/study.holder", "study").acquire()
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

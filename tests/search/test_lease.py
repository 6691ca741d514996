"""Two drivers and one study on an object store: the second is told who has it, or takes over from one that is gone."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from msd_ray.common.errors import UserError
from msd_ray.storage import lease
from msd_ray.storage.lease import held_study
from msd_ray.storage.object_store import ObjectStore

HOLD = """
import signal, socket, sys
from msd_ray.storage.lease import held_study
from msd_ray.storage.object_store import ObjectStore
if sys.argv[2]:
    socket.gethostname = lambda: sys.argv[2]
with held_study(ObjectStore.at(sys.argv[1]), "study"):
    print("held", flush=True)
    signal.pause()
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "SETTLE_S", 0.1)


def hold(place: str, host: str = "") -> subprocess.Popen[str]:
    """Another driver, on this machine or on one with another name, that has the study."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, place, host], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_it_is_given_back(s3: str) -> None:
    store = ObjectStore.at(s3)
    with held_study(store, "study"):
        assert socket.gethostname().encode() in (store.read("studies/study.holder") or b"")
        with held_study(store, "other"):
            pass
    assert store.read("studies/study.holder") is None
    with held_study(store, "study"):
        pass


def test_a_living_driver_is_named_and_one_of_this_machine_that_was_killed_is_known_to_be_gone(s3: str) -> None:
    process = hold(s3)
    try:
        who = rf"process {process.pid} on {socket.gethostname()}, since 2\d{{3}}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
        with pytest.raises(UserError, match=rf"running the study study in {s3} \({who}\)"):
            held_study(ObjectStore.at(s3), "study").__enter__()
    finally:
        end(process)
    with held_study(ObjectStore.at(s3), "study"):
        pass


def test_a_driver_of_another_machine_that_is_gone_is_forgotten_after_a_while(
    s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ObjectStore.at(s3)
    end(hold(s3, "elsewhere"))
    with pytest.raises(UserError, match="on elsewhere, since"):
        held_study(store, "study").__enter__()
    monkeypatch.setattr(lease, "STALE_S", 1.0)
    time.sleep(3)  # the store's clock has whole seconds
    with held_study(store, "study"):
        pass


def test_a_holder_stays_fresh_as_long_as_it_lives(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "RENEW_S", 0.5)
    store = ObjectStore.at(s3)
    with held_study(store, "study"):
        before = store.modified("studies/study.holder")
        assert before is not None
        for _ in range(300):
            now = store.modified("studies/study.holder")
            if now is not None and now > before:
                break
            time.sleep(0.2)
        else:
            pytest.fail("it was not renewed")


def test_a_driver_that_was_taken_over_ends(
    s3: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lease, "RENEW_S", 0.5)
    # As in a command; a shell lets what it starts in the background ignore interrupts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    store = ObjectStore.at(s3)

    def search() -> None:
        with held_study(store, "study"):
            with monkeypatch.context() as patch:
                patch.setattr(lease, "STALE_S", -10.0)  # as if this driver had been cut off for long
                patch.setattr("socket.gethostname", lambda: "\x1b[2Jelsewhere")
                lease._Lease(store, "studies/study.holder", "study").take()
            for _ in range(300):
                time.sleep(0.2)

    try:
        with pytest.raises(KeyboardInterrupt):
            search()
    finally:
        signal.signal(signal.SIGINT, before)
    said = capsys.readouterr().err
    assert "the study study was taken over by process" in said
    assert r"on \x1b[2Jelsewhere, since" in said
    assert store.read("studies/study.holder") is not None  # the other's name stays

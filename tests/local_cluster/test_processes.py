"""Identification and termination of processes."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from msd_ray.local_cluster.processes import (
    Process,
    process,
    terminate,
    terminate_or_kill,
    with_descendants,
    with_variable,
)

# Prints when it is ready, and the number of what it started.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {child!r}], stdout=subprocess.PIPE, start_new_session=True)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(600)
"""
QUIET = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + QUIET


@contextmanager
def family(child: str, **environment: str) -> Iterator[tuple[Process, Process]]:
    """A process and one that it started in another session."""
    command = [sys.executable, "-c", PARENT.format(child=child)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}) as parent:
        assert parent.stdout is not None
        numbers = (parent.pid, int(parent.stdout.readline()))
        try:
            first, second = (process(pid) for pid in numbers)
            assert first is not None
            assert second is not None
            yield first, second
        finally:
            for pid in numbers:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def wait_for_the_end(one: Process) -> None:
    until = time.monotonic() + 60
    while one.alive:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_reused_process_id_is_another_process() -> None:
    me = process(os.getpid())
    assert me is not None
    assert me.alive
    later = Process(pid=me.pid, started=me.started + 1)
    assert not later.alive
    later.signal(signal.SIGKILL)  # and this test goes on
    assert with_descendants([later]) == set()


def test_a_zombie_is_not_alive() -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as child:
        one = process(child.pid)
        assert one is not None
        assert one.alive
        assert child.stdin is not None
        child.stdin.close()
        wait_for_the_end(one)
        assert process(child.pid) is None


def test_descendants_include_other_sessions() -> None:
    with family(QUIET) as (parent, child):
        assert with_descendants([parent]) == {parent, child}
        assert with_descendants([child]) == {child}


def test_a_mark_finds_orphans() -> None:
    mark = uuid.uuid4().hex
    with family(QUIET, MSD_RAY_TEST_MARK=mark) as (parent, child):
        parent.signal(signal.SIGKILL)
        wait_for_the_end(parent)
        assert with_descendants([parent]) == set()
        assert with_variable("MSD_RAY_TEST_MARK", mark) == {child}
        assert with_variable("MSD_RAY_TEST_MARK", mark[:-1]) == set()


def test_a_process_that_ignores_sigterm_is_killed_by_terminate_or_kill() -> None:
    with family(STUBBORN) as (parent, child):
        members = with_descendants([parent])
        assert terminate(lambda: members, signal.SIGTERM, 0.5) == {child}
        assert terminate_or_kill(lambda: members, 0.5) == set()
        assert not child.alive


def test_processes_started_in_the_meantime_are_terminated() -> None:
    with family(QUIET) as (parent, child):
        asked = iter([{parent}, {child}])
        assert terminate(lambda: next(asked, set()), signal.SIGTERM, 60) == set()
        assert not child.alive

"""A driver that is killed repeatedly and restarted writes the same as an undisturbed one."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from msd_ray.tracking.study import StudyTracker

Query = Callable[[str], list[tuple[Any, ...]]]

RUNS, EPOCHS, METRICS = 24, 5, 30

# What a driver does: it says `open` when it is ready, then writes until it is done or dead. Each start takes
# its own time stamps and timings, as a real one does.
DRIVER = f"""
import sys, time
from msd_ray.tracking.study import StudyTracker
tracker = StudyTracker.open(sys.argv[1], dataset="sample", lang="ar", study="s", parameters={{"seed": 1}}, tags={{}})
print("open", flush=True)
for n in range({RUNS}):
    parameters = {{f"p{{i}}": i * n for i in range(20)}}
    run = tracker.child(f"student/{{n}}", name=f"student {{n}}", parameters=parameters, tags={{"t": "1"}})
    for epoch in range(1, {EPOCHS} + 1):
        metrics = {{f"loss/channel_{{i}}": i / epoch for i in range({METRICS} - 1)}}
        tracker.log_epoch(run, epoch=epoch, metrics={{**metrics, "time/epoch_s": time.time()}},
                          timestamp_ms=time.time_ns() // 10**6)
    tracker.finish(run, state=("COMPLETE", "PRUNED", "FAIL")[n % 3], reason="r",
                   metrics={{"loss/channel_1": 7.0, "time/total_s": time.time()}}, tags={{"v": "2"}})
    tracker.parent_metrics({{"dev_target/f1": float(n)}})
tracker.close()
"""


def start(uri: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen([sys.executable, "-c", DRIVER, uri], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


@pytest.mark.slow
def test_killed_five_times_while_writing(tracking_uri: str, query: Query) -> None:
    moments = random.Random(5)
    killed = 0
    for _ in range(5):
        process = start(tracking_uri)
        time.sleep(moments.uniform(0.02, 0.4))
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    assert killed >= 3
    assert query("SELECT COUNT(*) FROM metrics") < [(RUNS * EPOCHS * (METRICS + 1),)], "killed too late"

    process = start(tracking_uri)
    assert process.wait() == 0

    keys = query("SELECT value FROM tags WHERE key = 'key'")
    assert sorted(keys) == sorted((f"student/{n}",) for n in range(RUNS))
    assert query("SELECT COUNT(*) FROM runs") == [(RUNS + 1,)]
    assert query("SELECT COUNT(*) FROM params") == [(RUNS * 20 + 1,)]
    twice = "SELECT run_uuid, key, step FROM metrics GROUP BY 1, 2, 3 HAVING COUNT(*) > 1"
    assert query(twice) == []
    children = RUNS * (EPOCHS * (METRICS + 1) + 2)  # each epoch's metrics and its mark; the summary's two
    assert query("SELECT COUNT(*) FROM metrics WHERE key != 'dev_target/f1'") == [(children,)]
    rows = StudyTracker.open(
        tracking_uri, dataset="sample", lang="ar", study="s", parameters={"seed": 1}, tags={}
    ).runs()
    assert [row.state for row in rows] == ["COMPLETE", "PRUNED", "FAIL"] * (RUNS // 3)
    assert {row.status for row in rows} == {"FINISHED", "KILLED", "FAILED"}
    assert all(row.metrics["loss/channel_1"] == 7.0 for row in rows)


@pytest.mark.slow
def test_killed_while_creating_the_database(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    for delay in (0.05, 1.0):
        process = subprocess.Popen([sys.executable, "-c", DRIVER, uri])
        until = time.monotonic() + 60
        while not (tmp_path / ".mlflow.db.scratch").exists() and time.monotonic() < until:
            time.sleep(0.005)
        time.sleep(delay)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert not (tmp_path / "mlflow.db").exists()
    driver = start(uri)
    driver.kill()
    driver.wait()
    assert sorted(path.name for path in tmp_path.iterdir() if "journal" not in path.name) == [
        "mlflow.db",
        "mlflow.db.lock",
    ]

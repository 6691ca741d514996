"""Ray's error of a failed attempt in one line."""

import pytest

from msd_ray.search.on_ray.reporting import failure_from, worker_failure

TRACEBACK = (
    'Traceback (most recent call last):\n  File "loop.py", line 3, in train\nOSError: [Errno 28] No space left\n\n'
)
MONITOR = """Task was killed due to the node running low on memory.
Memory on the node (IP: 10.0.0.1) was 61 GB / 64 GB, which exceeds the threshold of 0.95.
Refer to the documentation on how to address the out of memory issue: https://docs.ray.io/
"""
KILLED = """The actor died unexpectedly before finishing this task.
\tclass_name: RayTrainWorker
The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Some common causes ...
"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (TRACEBACK, "OSError: [Errno 28] No space left"),
        (MONITOR, "Task was killed due to the node running low on memory."),
        (KILLED, "The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR"),
        (" \n", "its process ended without a message"),
    ],
)
def test_reason_is_the_line_that_says_it(text: str, reason: str) -> None:
    assert failure_from(text).reason == reason


def test_first_workers_error_is_the_groups() -> None:
    failure = worker_failure({1: RuntimeError("connection reset by peer"), 0: RuntimeError(TRACEBACK)})
    assert failure.reason == "OSError: [Errno 28] No space left"
    assert failure.details == TRACEBACK

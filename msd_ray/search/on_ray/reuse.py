"""Reuse a trial's process for the next trial of the phase.

torch and transformers stay imported, and kernels stay compiled.

Tune stops a trial when it reports, and a reporting trial waits for Tune's answer, so a stopped trial's thread is
blocked between two epochs. Before the process runs the next trial, that call raises SystemExit in the thread, which
releases the trial's locks. The process of a trial that raised or was killed is not reused.
"""

import ctypes
import gc
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ray.tune.trainable.function_trainable import wrap_function

# Seconds until a thread must have ended; Tune's default of 2 is too short on a busy machine.
os.environ.setdefault("TUNE_FUNCTION_THREAD_TIMEOUT_S", "60")


def reusable(function: Callable[[dict[str, Any]], None]) -> type:
    """Tune's class for a function trainable whose process may run several trials in sequence."""

    # The class name is part of the process title.
    class ImplicitFunc(wrap_function(function)):  # type: ignore[misc]
        def reset_config(self, new_config: dict[str, Any]) -> bool:
            """End the last trial's thread and prepare for another.

            Raises:
                RuntimeError: the thread does not end. Tune would not report the return value False.
            """
            if not super().reset_config(new_config):
                raise RuntimeError("the last trial in this process did not end when it was stopped")
            free_memory()
            return True

    return ImplicitFunc


def free_memory() -> None:
    """Return the last trial's memory to the system, which the C library would retain."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library than GNU's
        ctypes.CDLL(None).malloc_trim(0)

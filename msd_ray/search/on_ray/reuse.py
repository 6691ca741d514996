"""A trial's process is kept for the next trial of the phase: torch and transformers stay imported, kernels compiled.

Tune stops a trial when it has reported, and a trial that reports waits for Tune's answer: a stopped trial's thread so
stands still between two epochs. Before the process is given to the next trial, that call ends the thread: it raises
SystemExit, which frees the locks that the trial holds. A trial that raised, or was killed, leaves no process behind.
"""

import ctypes
import gc
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ray.tune.trainable.function_trainable import wrap_function

# A thread has this long to end, in seconds; Tune's own 2 are short of what a busy machine takes.
os.environ.setdefault("TUNE_FUNCTION_THREAD_TIMEOUT_S", "60")


def reusable(function: Callable[[dict[str, Any]], None]) -> type:
    """Tune's class for a function trainable, whose process may run one trial after the other."""

    # The name stands in the titles of processes.
    class ImplicitFunc(wrap_function(function)):  # type: ignore[misc]
        def reset_config(self, new_config: dict[str, Any]) -> bool:
            """End the last trial's thread and make ready for another. Raises RuntimeError if it does not end.

            Of False, the other way to say so, Tune would tell nobody.
            """
            if not super().reset_config(new_config):
                raise RuntimeError("the last trial in this process did not end when it was told to")
            free_memory()
            return True

    return ImplicitFunc


def free_memory() -> None:
    """Give the memory of the last trial back to the system; the C library would keep it."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library than GNU's
        ctypes.CDLL(None).malloc_trim(0)

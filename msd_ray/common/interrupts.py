"""Ctrl-C and SIGTERM: the first signal ends a command cleanly, the second immediately."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class InterruptedBySignal(KeyboardInterrupt):
    """A signal was received; raised in the main thread. Uncaught, it acts as KeyboardInterrupt."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = signal.Signals(number)

    @property
    def exit_code(self) -> int:
        """The shell's exit code for a process that the signal ended: 130 or 143."""
        return 128 + self.number


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, the first Ctrl-C or SIGTERM raises `InterruptedBySignal`; a second one ends the process.

    Main thread only. Enter it after Ray has started: Ray installs its own SIGTERM handler.
    """

    received: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        for other in SIGNALS:
            signal.signal(other, signal.SIG_DFL)
        raise InterruptedBySignal(number)

    before = {number: signal.signal(number, interrupt) for number in SIGNALS}
    try:
        yield
    except KeyboardInterrupt as error:
        if received and not isinstance(error, InterruptedBySignal):
            raise InterruptedBySignal(received[0]) from error  # Ray raises its own KeyboardInterrupt while it waits
        raise
    finally:
        for number, handler in before.items():
            # Not after a signal: the process is ending, and a second signal may end it immediately.
            if signal.getsignal(number) is interrupt:
                signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: not set from Python

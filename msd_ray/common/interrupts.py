"""Ctrl-C and SIGTERM alike: the first one ends a command in good order, a second one at once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class InterruptedBySignal(KeyboardInterrupt):
    """Raised in the main thread. Where nobody catches it, it is an interrupt from the keyboard."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = signal.Signals(number)

    @property
    def exit_code(self) -> int:
        """What a shell says of a process that the signal ended: 130 or 143."""
        return 128 + self.number


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, the first Ctrl-C or SIGTERM raises `InterruptedBySignal`, and a second one ends the process.

    Ray, too, handles SIGTERM when it starts, by a stack trace: begin this after it. Main thread only.
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
            raise InterruptedBySignal(received[0]) from error  # where Ray waits it raises one of its own instead
        raise
    finally:
        for number, handler in before.items():
            # Not after a signal: what follows then is the end, which a second one may cut short.
            if signal.getsignal(number) is interrupt:
                signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: not set from Python

"""Interrupts: the first is an exception, the second the end of the process, and afterwards all is as it was."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from msd_ray.common.interrupts import SIGNALS, InterruptedBySignal, interruptible


@pytest.fixture(autouse=True)
def _handlers() -> object:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_is_an_exception(number: signal.Signals, code: int) -> None:
    with pytest.raises(InterruptedBySignal) as caught, interruptible():
        os.kill(os.getpid(), number)
    assert (caught.value.number, caught.value.exit_code) == (number, code)
    assert all(signal.getsignal(one) is signal.SIG_DFL for one in SIGNALS), "a second one ends the process"


def test_without_a_signal_the_handlers_come_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with interruptible():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before
    with pytest.raises(ValueError, match="other"), interruptible():
        raise ValueError("other")
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.parametrize("second", SIGNALS)
def test_a_second_signal_cuts_the_end_short(second: signal.Signals) -> None:
    program = """
        import os, signal, time
        from msd_ray.common.interrupts import interruptible
        try:
            with interruptible():
                os.kill(os.getpid(), signal.SIGINT)
        finally:
            print("ending", flush=True)
            time.sleep(600)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ending\n"
        process.send_signal(second)
        assert process.wait(60) == -second


def test_an_interrupt_that_a_library_makes_anew_is_still_the_signals() -> None:
    """Ray's waiting calls raise a KeyboardInterrupt of their own for whatever the handler raised."""

    def wait() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            raise KeyboardInterrupt from None

    with pytest.raises(InterruptedBySignal) as caught, interruptible():
        wait()
    assert caught.value.number == signal.SIGTERM
    with pytest.raises(KeyboardInterrupt) as other, interruptible():
        raise KeyboardInterrupt
    assert not isinstance(other.value, InterruptedBySignal)

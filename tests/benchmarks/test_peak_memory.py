"""Peak memory of a command and its descendants."""

import subprocess
import sys

from benchmarks.memory import peak_memory

MIB = 1 << 20
CHILD = f"data = bytearray(200 * {MIB}); print(len(data), flush=True); input()"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CHILD!r}])"


def test_a_childs_memory_counts_after_it_has_ended() -> None:
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        with peak_memory(process.pid) as peak:
            pass
        process.stdin.write("\n")
    assert 200 * MIB < peak.size < 600 * MIB
    with peak_memory(process.pid) as after:
        pass
    assert after.size == 0

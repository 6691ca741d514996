"""Record a search on a terminal: its screen at several moments, its estimates of the time left, its peak memory.

    python -m benchmarks.terminal --write docs/terminal.md -- --lang ar --preset quickstart

The command runs on a pseudo-terminal; what it draws is kept as text with the seconds since its start.
"""

import argparse
import fcntl
import os
import pty
import re
import select
import shlex
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass, field
from pathlib import Path

from .memory import peak_memory

ROWS, COLUMNS = 60, 120
QUIET_S = 0.05
"""A frame is complete when nothing is written for so long."""
_CONTROL = re.compile(r"\x1b\[\??([\d;]*)([A-Za-z])")
_LEFT = re.compile(r"about (?:(\d+):)?(\d+):(\d\d) left in all")
_PHASE = re.compile(r"^\S? *(teacher|student|confirm|final) phase [━╸╺ ]")


@dataclass
class Screen:
    """Lines that a program has written; knows the control sequences that rich writes."""

    lines: list[str] = field(default_factory=lambda: [""])
    row: int = 0
    column: int = 0

    def write(self, text: str) -> None:
        """Take what the program writes."""
        while text:
            if control := _CONTROL.match(text):
                self._control(control.group(1), control.group(2))
                text = text[control.end() :]
                continue
            self._put(text[0])
            text = text[1:]

    def _control(self, numbers: str, kind: str) -> None:
        if kind == "A":
            self.row = max(self.row - int(numbers or 1), 0)
        elif kind == "K":
            self.lines[self.row] = ""

    def _put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row += 1
            self.lines += [""] * (self.row + 1 - len(self.lines))
        else:
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + character + line[self.column + 1 :]
            self.column += 1

    @property
    def live(self) -> list[str]:
        """The lines from the last head of a phase on."""
        heads = [index for index, line in enumerate(self.lines) if _PHASE.match(line)]
        return "\n".join(self.lines[heads[-1] :]).rstrip().split("\n") if heads else []


@dataclass(frozen=True)
class Frame:
    """What is drawn at one moment. left: estimated seconds until the end of training."""

    at: float
    lines: list[str]
    left: float | None


def main() -> int:
    """Record the command and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.terminal", description=__doc__)
    parser.add_argument("--write", type=Path, required=True, metavar="FILE", help="Markdown file to write")
    parser.add_argument("arguments", nargs="+", help="arguments of msd_ray.tune, after --")
    options = parser.parse_args()
    recording = record([sys.executable, "-m", "msd_ray.tune", *options.arguments])
    options.write.write_text(page(options.arguments, recording), encoding="utf-8")
    return 0


@dataclass(frozen=True)
class Recording:
    """Frames of a command, the screen at its end, its duration, and the peak memory of all its processes in bytes."""

    frames: list[Frame]
    screen: Screen
    seconds: float
    memory: int


def record(command: list[str]) -> Recording:
    """Run the command on a terminal."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
    started, frames, screen, pending = time.monotonic(), list[Frame](), Screen(), b""
    with (
        subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment) as process,
        peak_memory(process.pid) as peak,
    ):
        os.close(slave)
        while True:
            ready, _, _ = select.select([master], [], [], QUIET_S)
            if ready:
                try:
                    chunk = os.read(master, 1 << 16)
                except OSError:  # the terminal's other end is closed
                    break
                pending += chunk
                continue
            if pending:
                screen.write(pending.decode())
                frames.append(frame(time.monotonic() - started, screen))
                pending = b""
            elif process.poll() is not None:
                break
        screen.write(pending.decode())
    os.close(master)
    return Recording(frames, screen, time.monotonic() - started, peak.size)


def frame(at: float, screen: Screen) -> Frame:
    """The live part of the screen."""
    lines = screen.live
    found = _LEFT.search(lines[0]) if lines else None
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    return Frame(at=at, lines=lines, left=3600 * hours + 60 * minutes + seconds if found else None)


def page(arguments: list[str], recording: Recording) -> str:
    """The page: duration, memory, estimates, the screen at two thirds of the time, and the end of the output."""
    drawn = [one for one in recording.frames if one.lines]
    begin, end = drawn[0].at, drawn[-1].at
    parts = [
        "# A search on a terminal",
        "",
        f"Recorded with `python -m benchmarks.terminal --write FILE -- {shlex.join(arguments)}`: "
        f"{recording.seconds:.0f} seconds, at most {recording.memory / 1e9:.1f} GB of memory (PSS of all processes).",
        "",
        "| of the time | left, estimated | left, measured | error |",
        "|---:|---:|---:|---:|",
    ]
    shown = []
    for share in (1 / 3, 1 / 2, 2 / 3, 5 / 6):
        moment = next(one for one in drawn if one.at >= begin + share * (end - begin))
        left = end - moment.at
        estimate = "-" if moment.left is None else f"{moment.left:.0f} s"
        error = "-" if moment.left is None else f"{100 * (moment.left / left - 1):+.0f} %"
        parts.append(f"| {100 * share:.0f} % | {estimate} | {left:.0f} s | {error} |")
        shown.append(moment)
    moment = shown[2]
    parts += ["", f"After {moment.at - begin:.0f} of {end - begin:.0f} seconds of training:", ""]
    parts += [f"    {line}".rstrip() for line in moment.lines]
    parts += ["", "At the end:", "", *(f"    {line}".rstrip() for line in recording.screen.live), ""]
    text = "\n".join(parts).rstrip() + "\n"
    return text.replace(str(Path.cwd()), "~/msd-ray").replace(str(Path.home()), "~")


if __name__ == "__main__":
    sys.exit(main())

"""A copy of the working tree in which README's demo has run, and its commands run."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
LIMIT_S = 3000.0


@dataclass(frozen=True, kw_only=True)
class Clone:
    """What `git clone` and `make install` give a user; the environment is that of the tests."""

    directory: Path

    def run(self, command: str, text: str = "") -> str:
        """Run a command as it is printed, in bash with the virtual environment active; return its output."""
        if command.startswith("make "):
            command = f"make --no-print-directory -o install BIN={BIN} {command.removeprefix('make ')}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "MLFLOW_"))}
        environment |= {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(self.directory)}
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.directory, env=environment, input=text,
            capture_output=True, text=True, check=False, timeout=LIMIT_S,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """The working tree's files without what Git ignores."""
    directory = tmp_path_factory.mktemp("clone") / "msd_ray"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, directory / name)
    yield Clone(directory=directory)
    shutil.rmtree(directory)


@dataclass(frozen=True, kw_only=True)
class Demo:
    """The demo that has run in a clone, and what it printed."""

    clone: Clone
    output: str

    @property
    def page(self) -> Path:
        """Its report."""
        return self.clone.directory / "runs" / "report" / "sample-ar.html"


@pytest.fixture(scope="session")
def demo(clone: Clone) -> Demo:
    """`make demo`, once for all tests that look at its results."""
    return Demo(clone=clone, output=clone.run("make demo"))


def table(text: str) -> dict[str, tuple[float, float]]:
    """Each row's mean test F1 and the gain of the best over it, of the table that a search prints; NaN without one."""
    rows = re.findall(r"^[ │|]*(\w.*?)[ │|]+[\d.]+[ │|]+([\d.]+) ±.*?\d[ │|]+\d+[ │|]+([-+\d.]+)", text, re.MULTILINE)
    return {name: (float(mean), float("nan") if gain == "-" else float(gain)) for name, mean, gain in rows}

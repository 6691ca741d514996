"""The method and its benchmark run from one file, with torch, transformers, numpy and safetensors only.

Their own requirements are there too; this project's others are not.
"""

import importlib.metadata
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
ALLOWED = ("torch", "transformers", "numpy", "safetensors")
# All modules of the method; only the reader of Parquet files needs pyarrow.
SCRIPT = """
import importlib.util, sys
from pathlib import Path
absent = ("ray", "optuna", "mlflow", "sqlalchemy", "pyarrow", "scipy", "accelerate")
assert not any(map(importlib.util.find_spec, absent)), absent
for package in ("common", "data", "data.encoders", "method"):
    for path in sorted(Path(sys.argv[1], "msd_ray", *package.split(".")).glob("*.py")):
        if path.stem not in ("parquet", "hub_parquet", "__main__"):
            __import__(f"msd_ray.{package}.{path.stem}")
from benchmarks.training import __file__, main
assert "training.zip" in __file__
main(sys.argv[2:])
"""


def _distributions(names: tuple[str, ...]) -> dict[str, importlib.metadata.Distribution]:
    """The installed distributions of these names, and of all that they require, by normalised name."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            assert name not in names
            continue  # of another platform
        requirements = map(Requirement, found[name].requires or ())
        waiting += [r.name for r in requirements if r.marker is None or r.marker.evaluate({"extra": ""})]
    return found


def _top_level(distribution: importlib.metadata.Distribution) -> Iterator[Path]:
    """Modules, packages and metadata of a distribution, where they are installed."""
    names = {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}
    return (Path(str(distribution.locate_file(name))) for name in names)


def _packed(path: Path) -> Path:
    """The two packages as one file, as the README makes it with git."""
    with zipfile.ZipFile(path, "w") as file:
        for package in ("msd_ray", "benchmarks"):
            for source in (ROOT / package).rglob("*"):
                if source.is_file() and source.suffix != ".pyc":
                    file.write(source, source.relative_to(ROOT))
    return path


@pytest.mark.slow
def test_method_and_benchmark_run_with_four_packages_alone(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    for distribution in _distributions(ALLOWED).values():
        for installed in _top_level(distribution):
            link = packages / installed.name
            if installed.exists() and not link.exists():
                link.symlink_to(installed)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": f"{packages}{os.pathsep}{_packed(tmp_path / 'training.zip')}",
        "MSD_RAY_CACHE": str(tmp_path / "cache"),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    options = "--dataset sample --lang de --encoder random:bert-tiny --sentences 64 --rounds 1 --steps 2 --square 64"
    # -S: without site-packages.
    ran = subprocess.run(
        [sys.executable, "-S", "-c", SCRIPT, str(ROOT), *options.split()],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "encoder   random:bert-tiny; batches of 32" in ran.stdout
    for kind in ("teacher", "student"):
        assert re.search(rf"^{kind} +[\d.]+ +[\d.]+ +[\d.]+ \(", ran.stdout, re.M), ran.stdout
    assert "transformers.Trainer: not measured, accelerate is not installed." in ran.stdout

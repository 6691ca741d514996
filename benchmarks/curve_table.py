"""The frozen table of real learning curves: its search space, its file, and interpolation at any point.

`python -m benchmarks.learning_curves` writes `learning_curves.csv`. Its first lines begin with `#` and describe the
trainings. Each row is one training: its point, then the F1 on target dev and the seconds of each epoch.
"""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from msd_ray.common.errors import UserError
from msd_ray.search.parameters import JSON, Choice, Parameter, Range
from msd_ray.search.spaces import PAPER_STUDENT

TABLE = Path(__file__).with_name("learning_curves.csv")
SPACE: Mapping[str, Parameter] = {
    "learning_rate": Range(low=5e-6, high=1e-3, log=True),
    "beta": Range(low=0.001, high=100, log=True),
    "alpha_prime": Range(low=1e-6, high=1, log=True),
    "beta_prime": Range(low=1e-6, high=1, log=True),
    "init": Choice(values=("encoder", "teacher")),
}
"""The hyperparameters that vary between the trainings of the table."""
NEIGHBOURS = 3
PAPER: Mapping[str, JSON] = {name: PAPER_STUDENT[name] for name in SPACE}
"""The paper's point in the space."""

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """F1 (0..1) on target dev after each epoch, and the seconds of each epoch; both of one length."""

    f1: tuple[float, ...]
    seconds: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class CurveTable:
    """A table of N trainings. about: description of the trainings. points, curves: in the order of the file."""

    about: tuple[str, ...]
    points: tuple[Mapping[str, JSON], ...]
    curves: tuple[Curve, ...]

    @property
    def epochs(self) -> int:
        """Number of epochs of every training."""
        return len(self.curves[0].f1)

    def curve(self, point: Mapping[str, JSON]) -> Curve:
        """Interpolate the curve of a training at `point`; a point of the table returns its own curve.

        Averages the curves of the `NEIGHBOURS` nearest trainings with the same `init`, weighted by 1 / distance squared
        (Shepard 1968). Distances are Euclidean over the other hyperparameters' logarithms, each scaled to 0..1 over the
        space. Every value lies between those of these neighbours in the same epoch.
        """
        same = [index for index, other in enumerate(self.points) if other["init"] == point["init"]]
        squares = np.square(self._coordinates[same] - _coordinates_of(point)).sum(axis=1)
        nearest = np.argsort(squares, kind="stable")[:NEIGHBOURS]
        if squares[nearest[0]] == 0.0:
            return self.curves[same[int(nearest[0])]]
        weights = 1.0 / squares[nearest]
        weights /= weights.sum()
        neighbours = [self.curves[same[index]] for index in nearest]
        return Curve(
            f1=_mean([curve.f1 for curve in neighbours], weights),
            seconds=_mean([curve.seconds for curve in neighbours], weights),
        )

    @cached_property
    def _coordinates(self) -> Float64:
        """Coordinates (N, D) of all points."""
        return np.stack([_coordinates_of(point) for point in self.points])


def read_table(path: Path = TABLE) -> CurveTable:
    """Read the table. Raises UserError as `read_rows` does, and if trainings with one value of `init` are missing."""
    points, curves = read_rows(path)
    if {point["init"] for point in points} != {"encoder", "teacher"}:
        raise UserError(f"{path}: expected trainings with both values of `init`")
    about = tuple(line.removeprefix("#").strip() for line in _lines(path) if line.startswith("#"))
    return CurveTable(about=about, points=tuple(points), curves=tuple(curves))


def read_rows(path: Path) -> tuple[list[dict[str, JSON]], list[Curve]]:
    """Read the trainings of the table. Raises UserError if that fails, naming the invalid line."""
    lines = _lines(path)
    before = sum(line.startswith("#") for line in lines)
    rows = list(_rows(path, lines[before:], before))
    if len({len(curve.f1) for _, curve in rows}) > 1:
        raise UserError(f"{path}: expected the same number of epochs in all trainings")
    return [point for point, _ in rows], [curve for _, curve in rows]


def columns(epochs: int) -> list[str]:
    """Return the names of the table's columns."""
    numbers = range(1, epochs + 1)
    return [*SPACE, *(f"f1_{number}" for number in numbers), *(f"seconds_{number}" for number in numbers)]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}. Create it with `python -m benchmarks.learning_curves`") from error


def _rows(path: Path, lines: Sequence[str], before: int) -> Iterator[tuple[dict[str, JSON], Curve]]:
    for number, row in enumerate(csv.DictReader(lines), start=before + 2):
        try:
            point: dict[str, JSON] = {name: row[name] if name == "init" else float(row[name]) for name in SPACE}
            epochs = sum(name.startswith("f1_") for name in row)
            f1 = tuple(float(row[f"f1_{epoch}"]) for epoch in range(1, epochs + 1))
            seconds = tuple(float(row[f"seconds_{epoch}"]) for epoch in range(1, epochs + 1))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}:{number}: is not a training with its curve: {error}") from error
        wrong = [name for name, parameter in SPACE.items() if not parameter.contains(point[name])]
        if (
            wrong
            or not f1
            or not all(0 <= value <= 1 for value in f1)
            or not all(0 < value < math.inf for value in seconds)
        ):
            raise UserError(f"{path}:{number}: a value is out of range: {wrong[0] if wrong else 'F1 or seconds'}")
        yield point, Curve(f1=f1, seconds=seconds)


def _coordinates_of(point: Mapping[str, JSON]) -> Float64:
    """Return the logarithms (D,) of a point's numbers, each scaled to 0..1 over its range."""
    coordinates = []
    for name, parameter in SPACE.items():
        value = point[name]
        if isinstance(parameter, Range):
            assert isinstance(value, int | float)
            coordinates.append(math.log(value / parameter.low) / math.log(parameter.high / parameter.low))
    return np.array(coordinates)


def _mean(curves: Sequence[Sequence[float]], weights: Float64) -> tuple[float, ...]:
    return tuple(float(value) for value in weights @ np.array(curves))

"""The frozen table of real learning curves: its search space, its file, and the curve that it gives for any point.

`learning_curves.csv` is written by `python -m benchmarks.learning_curves`. Its first lines, which begin with `#`, say
what was trained. Then a row a training: its point, and after each epoch the F1 on target dev and the seconds that
the epoch took.
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
"""What the trainings of the table vary."""
NEIGHBOURS = 3
PAPER: Mapping[str, JSON] = {name: PAPER_STUDENT[name] for name in SPACE}
"""The paper's point of the space."""

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """F1 on target dev after each epoch, 0..1, and the seconds that each epoch took; both of one length."""

    f1: tuple[float, ...]
    seconds: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class CurveTable:
    """about: what was trained. points, curves: of N trainings, in the order of the file."""

    about: tuple[str, ...]
    points: tuple[Mapping[str, JSON], ...]
    curves: tuple[Curve, ...]

    @property
    def epochs(self) -> int:
        """Of every training."""
        return len(self.curves[0].f1)

    def curve(self, point: Mapping[str, JSON]) -> Curve:
        """The curve that stands for a training at `point`; a training of the table gives its own.

        Of the trainings with the same `init`, the `NEIGHBOURS` nearest (each other hyperparameter's logarithm scaled
        to 0..1 over the space, Euclidean distance), their curves averaged with weights 1 / distance squared (Shepard
        1968). So no value lies outside of what was measured at these neighbours in this epoch.
        """
        same = [index for index, other in enumerate(self.points) if other["init"] == point["init"]]
        squares = np.square(self._places[same] - _place(point)).sum(axis=1)
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
    def _places(self) -> Float64:
        """(N, D)"""
        return np.stack([_place(point) for point in self.points])


def read_table(path: Path = TABLE) -> CurveTable:
    """Read the table. Raises UserError as `read_rows` does, and if nothing can be told of some points by it."""
    points, curves = read_rows(path)
    if {point["init"] for point in points} != {"encoder", "teacher"}:
        raise UserError(f"{path}: there are not trainings with both values of `init` in it")
    about = tuple(line.removeprefix("#").strip() for line in _lines(path) if line.startswith("#"))
    return CurveTable(about=about, points=tuple(points), curves=tuple(curves))


def read_rows(path: Path) -> tuple[list[dict[str, JSON]], list[Curve]]:
    """The trainings of the table. Raises UserError if it cannot be read, or with the line that is no training."""
    lines = _lines(path)
    before = sum(line.startswith("#") for line in lines)
    rows = list(_rows(path, lines[before:], before))
    if len({len(curve.f1) for _, curve in rows}) > 1:
        raise UserError(f"{path}: its trainings have different numbers of epochs")
    return [point for point, _ in rows], [curve for _, curve in rows]


def columns(epochs: int) -> list[str]:
    """The names of the table's columns."""
    numbers = range(1, epochs + 1)
    return [*SPACE, *(f"f1_{number}" for number in numbers), *(f"seconds_{number}" for number in numbers)]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; `python -m benchmarks.learning_curves` makes it") from error


def _rows(path: Path, lines: Sequence[str], before: int) -> Iterator[tuple[dict[str, JSON], Curve]]:
    for number, row in enumerate(csv.DictReader(lines), start=before + 2):
        try:
            point: dict[str, JSON] = {name: row[name] if name == "init" else float(row[name]) for name in SPACE}
            epochs = sum(name.startswith("f1_") for name in row)
            f1 = tuple(float(row[f"f1_{epoch}"]) for epoch in range(1, epochs + 1))
            seconds = tuple(float(row[f"seconds_{epoch}"]) for epoch in range(1, epochs + 1))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path}:{number}: no training with its curve: {error}") from error
        wrong = [name for name, parameter in SPACE.items() if not parameter.contains(point[name])]
        if (
            wrong
            or not f1
            or not all(0 <= value <= 1 for value in f1)
            or not all(0 < value < math.inf for value in seconds)
        ):
            raise UserError(f"{path}:{number}: a value is out of range: {wrong[0] if wrong else 'F1 or seconds'}")
        yield point, Curve(f1=f1, seconds=seconds)


def _place(point: Mapping[str, JSON]) -> Float64:
    """(D,) the logarithms of the point's numbers, each scaled to 0..1 over its range."""
    place = []
    for name, parameter in SPACE.items():
        value = point[name]
        if isinstance(parameter, Range):
            assert isinstance(value, int | float)
            place.append(math.log(value / parameter.low) / math.log(parameter.high / parameter.low))
    return np.array(place)


def _mean(curves: Sequence[Sequence[float]], weights: Float64) -> tuple[float, ...]:
    return tuple(float(value) for value in weights @ np.array(curves))

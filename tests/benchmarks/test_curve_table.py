"""The table of learning curves: interpolation at a point, and invalid tables."""

from pathlib import Path

import pytest

from benchmarks.curve_table import NEIGHBOURS, PAPER, SPACE, TABLE, CurveTable, columns, read_rows, read_table
from benchmarks.learning_curves import RUN, points
from benchmarks.simulation import random_points
from msd_ray.common.errors import UserError


@pytest.fixture(scope="module")
def table() -> CurveTable:
    return read_table()


def test_every_training_gives_its_own_curve(table: CurveTable) -> None:
    assert len(table.points) >= 32
    assert {len(curve.f1) for curve in table.curves} == {table.epochs} == {RUN.epochs}
    for point, curve in zip(table.points, table.curves, strict=True):
        assert table.curve(point) == curve


def test_trainings_are_at_the_points_that_the_script_names(table: CurveTable) -> None:
    """Detects rows that were added, changed or removed by hand."""
    assert list(table.points) == list(points(len(table.points)))
    assert table.points[0] == PAPER
    for about in ("command: python -m benchmarks.learning_curves", "commit: ", "data: sample", "encoder: "):
        assert any(line.startswith(about) for line in table.about), about


def test_between_trainings_lie_means_of_the_nearest_with_the_same_start(table: CurveTable) -> None:
    for point in random_points(100, seed=1):
        curve = table.curve(point)
        same = [other for p, other in zip(table.points, table.curves, strict=True) if p["init"] == point["init"]]
        assert len(same) > NEIGHBOURS
        for epoch, value in enumerate(curve.f1):
            measured = [other.f1[epoch] for other in same]
            assert min(measured) - 1e-12 <= value <= max(measured) + 1e-12
        assert curve == table.curve(dict(point))


def test_a_point_close_to_a_training_has_nearly_its_curve(table: CurveTable) -> None:
    for point, curve in zip(table.points, table.curves, strict=True):
        close = {**point, "beta": float(str(point["beta"])) * 1.0001}
        assert table.curve(close).f1 == pytest.approx(curve.f1, abs=1e-3)


def test_points_are_within_the_space_and_do_not_depend_on_how_many_there_are() -> None:
    found = list(points(40))
    assert found == list(points(64))[:40]
    for point in found:
        assert all(parameter.contains(point[name]) for name, parameter in SPACE.items())


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1e-3,1,1e-3,1e-3,teacher,0.5,1.5,1,1", "a value is out of range: F1 or seconds"),
        ("1e-3,1,1e-3,1e-3,teacher,0.5,0.5,1,0", "a value is out of range: F1 or seconds"),
        ("1e-3,1,1e-3,1e-3,student,0.5,0.5,1,1", "a value is out of range: init"),
        ("1,1,1e-3,1e-3,teacher,0.5,0.5,1,1", "a value is out of range: learning_rate"),
        ("1e-3,1,1e-3,1e-3,teacher,0.5,nan,1,1", "a value is out of range"),
        ("1e-3,1,1e-3,1e-3,teacher,0.5", "is not a training with its curve"),
        ("1e-3,1,1e-3,1e-3,teacher,0.5,x,1,1", "is not a training with its curve"),
    ],
)
def test_rows_that_are_not_trainings_are_rejected_with_their_line(tmp_path: Path, row: str, message: str) -> None:
    file = tmp_path / "table.csv"
    good = "1e-3,1,1e-3,1e-3,teacher,0.5,0.5,1,1"
    file.write_text(f"# about\n{','.join(columns(2))}\n{good}\n{row}\n", encoding="utf-8")
    with pytest.raises(UserError, match=f"table.csv:4: {message}"):
        read_rows(file)


def test_invalid_tables_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"missing.csv: .*\. Create it with `python -m benchmarks.learning_curves`"):
        read_table(tmp_path / "missing.csv")
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if ",encoder," not in line]
    (tmp_path / "half.csv").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(UserError, match="expected trainings with both values of `init`"):
        read_table(tmp_path / "half.csv")

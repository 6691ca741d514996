"""Figure 3: reproducible digits, few points, invalid vectors, nearest neighbours."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sample_page import present

from msd_ray.report.figures.tsne import SETS, DomainVectors, mixed, project, tsne_figure

Make = Callable[..., DomainVectors]


def test_the_same_vectors_give_the_same_digits(make_vectors: Make) -> None:
    first, second = project(make_vectors(), seed=3), project(make_vectors(), seed=3)
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


def test_other_vectors_give_another_projection(make_vectors: Make) -> None:
    assert not np.allclose(project(make_vectors())[0], project(make_vectors(seed=5))[0])


@pytest.mark.parametrize("count", [1, 2])
def test_few_sentences_can_be_projected(make_vectors: Make, count: int) -> None:
    points = project(make_vectors(count=count))
    assert [each.shape for each in points] == [(count, 2)] * 4
    assert all(np.isfinite(each).all() for each in points)


def test_sets_of_different_sizes_come_out_as_they_went_in(make_vectors: Make) -> None:
    vectors = make_vectors(count=5)
    shorter = replace(vectors, tea_tgt=vectors.tea_tgt[:3], stu_src=vectors.stu_src[:2])
    assert [len(each) for each in project(shorter)] == [5, 3, 2, 5]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (np.zeros((0, 8)), r"teacher, target \(0, 8\)"),
        (np.ones((3, 7)), r"teacher, target \(3, 7\)"),
        (np.ones(8), r"teacher, target \(8,\)"),
        (np.full((3, 8), np.nan), "finite"),
    ],
)
def test_invalid_vectors_are_rejected(make_vectors: Make, changed: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        project(replace(make_vectors(), tea_tgt=changed.astype(np.float32)))


def test_equal_vectors_are_rejected() -> None:
    same = np.ones((3, 8), dtype=np.float32)
    with pytest.raises(ValueError, match="not all equal"):
        project(DomainVectors(variant="msd", tea_src=same, tea_tgt=same, stu_src=same, stu_tgt=same))


def test_mixed_counts_neighbours_of_the_other_model() -> None:
    generator = np.random.default_rng(1)
    points = [generator.normal(size=(count, 2)).astype(np.float32) for count in (4, 3, 5, 2)]
    everybody = [(name.split(",")[0], point) for name, of_set in zip(SETS, points, strict=True) for point in of_set]
    other = 0
    for i, (model, point) in enumerate(everybody):
        others = [(float(((point - q) ** 2).sum()), m) for j, (m, q) in enumerate(everybody) if j != i]
        other += min(others)[1] != model
    assert mixed(points) == pytest.approx(other / len(everybody))


def test_a_panel_a_run_and_a_row_a_point(make_vectors: Make) -> None:
    figure = present(tsne_figure([make_vectors("no-all"), make_vectors("msd", seed=1)]))
    assert [annotation.text for annotation in figure.figure.layout.annotations] == ["MSD w/o all (TSL)", "MSD"]
    assert len(figure.figure.data) == 8
    assert len({trace.marker.symbol for trace in figure.figure.data[:4]}) == 4
    assert [trace.name for trace in figure.figure.data if trace.showlegend] == list(SETS)
    assert len(figure.rows) == 2 * 4 * 6
    drawn = figure.figure.data[4]
    assert figure.rows[24][3:] == (f"{drawn.x[0]:.4f}", f"{drawn.y[0]:.4f}")
    assert "MSD w/o all (TSL):" in figure.alt


def test_no_run_gives_no_figure() -> None:
    assert tsne_figure([], scope="conll de") is None

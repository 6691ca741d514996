"""Scores by type, confusion and layer weights."""

import numpy as np
import pytest
from sample_page import final_rows, present
from scipy import stats

from msd_ray.report.figures.confusion import confusion_figure
from msd_ray.report.figures.final_scores import final_scores_figure
from msd_ray.report.figures.layer_weights import LayerWeights, layer_weights_figure
from msd_ray.report.figures.theme import row_style
from msd_ray.report.figures.types import TypeScore, types_figure

COUNTS = np.array([[8, 1, 1], [4, 5, 1], [3, 0, 0]])


def type_score(variant: str, name: str, f1: tuple[float, ...]) -> TypeScore:
    return TypeScore(variant=variant, type=name, f1=f1, precision=(0.5,), recall=(0.25,))


def test_dots_are_means_in_the_row_of_their_type() -> None:
    figure = present(types_figure([type_score("msd", "PER", (0.4, 0.6)), type_score("msd", "LOC", (0.9,))]))
    dots = figure.figure.data[0]
    assert dict(zip(dots.y, dots.x, strict=True)) == pytest.approx({1: 50.0, 0: 90.0})
    assert list(figure.figure.layout.yaxis.ticktext) == ["LOC", "PER"]
    assert figure.rows[0] == ("F1", "LOC", "MSD", "90.00", "", "1")
    assert figure.rows[1] == ("F1", "PER", "MSD", "50.00", "14.14", "2")
    assert figure.rows[-1] == ("recall", "PER", "MSD", "25.00", "", "1")
    assert "highest for LOC (90.00 %) and lowest for PER (50.00 %)" in figure.alt


def test_types_that_look_alike_when_cut_keep_their_rows() -> None:
    names = ["ORGANISATION-OF-A", "ORGANISATION-OF-B"]
    figure = present(types_figure([type_score("msd", name, (0.5,)) for name in names]))
    assert sorted(figure.figure.data[0].y) == [0, 1]


def test_a_score_without_values_is_rejected() -> None:
    with pytest.raises(ValueError, match="without a value"):
        types_figure([type_score("msd", "PER", ())])


def test_cells_are_counts_and_their_shares_of_the_row() -> None:
    figure = present(confusion_figure(["LOC", "PER"], COUNTS))
    cells = figure.figure.data[0]
    assert [list(row) for row in cells.text] == [["8", "1", "1"], ["4", "5", "1"], ["3", "0", ""]]
    assert list(cells.z[1]) == pytest.approx([40.0, 50.0, 10.0])
    assert cells.z[2][2] is None
    assert figure.rows[:2] == (("LOC", "LOC", "8", "80.00"), ("LOC", "PER", "1", "10.00"))
    assert len(figure.rows) == 8
    assert "of 20 gold entities 13 have the correct type, 2 were missed; 3 predicted ones are spurious" in figure.alt
    assert "PER predicted as LOC (4)" in figure.alt


@pytest.mark.parametrize("counts", [COUNTS[:2], COUNTS[:, :2], -COUNTS])
def test_counts_of_the_wrong_shape_are_rejected(counts: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected counts of shape \(3, 3\)"):
        confusion_figure(["LOC", "PER"], counts)


def test_a_type_without_gold_entities_has_shares_of_zero() -> None:
    figure = present(confusion_figure(["LOC", "PER"], np.array([[8, 1, 1], [0, 0, 0], [0, 2, 0]])))
    assert list(figure.figure.data[0].z[1]) == [0.0, 0.0, 0.0]


def test_each_model_has_its_panel_and_each_layer_one_entry() -> None:
    curves = {4: ((1, 0.6), (2, 0.7)), 5: ((1, 0.4), (2, 0.3))}
    figure = present(
        layer_weights_figure([LayerWeights(model=name, curves=curves) for name in ("teacher λ", "student λ′")])
    )
    assert [trace.yaxis for trace in figure.figure.data] == ["y", "y", "y2", "y2"]
    assert [trace.name for trace in figure.figure.data if trace.showlegend] == ["layer 4", "layer 5"]
    assert figure.figure.data[0].line.dash != figure.figure.data[1].line.dash
    assert figure.rows[1] == ("teacher λ", "4", "2", "0.7000")
    assert "student λ′ ends between 0.300 (layer 5) and 0.700 (layer 4)" in figure.alt


def test_without_data_there_is_no_figure() -> None:
    """Weights that no loss trains stay equal, and say nothing."""
    assert layer_weights_figure([LayerWeights(model="teacher λ", curves={4: ()})]) is None
    equal = dict.fromkeys((4, 5), ((1, 0.5), (2, 0.5)))
    assert layer_weights_figure([LayerWeights(model="student λ′", curves=equal)]) is None
    assert types_figure([]) is None
    assert confusion_figure(["LOC"], np.zeros((2, 2), dtype=np.int64)) is None
    assert final_scores_figure([row for row in final_rows() if row.test is None]) is None


def test_a_row_has_its_mean_its_interval_and_every_seed() -> None:
    figure = present(final_scores_figure(final_rows()))
    bars, seeds = figure.figure.data
    assert list(bars.x) == pytest.approx([34.0, 54.0])
    half = stats.t.ppf(0.975, 2) * np.std([30, 32, 40], ddof=1) / np.sqrt(3)
    assert list(bars.error_x.array) == pytest.approx([half, half])
    assert list(seeds.x) == pytest.approx([30, 32, 40, 50, 52, 60])
    assert list(seeds.y) == [0, 0, 0, 1, 1, 1]
    assert bars.marker.color[0] == row_style("direct").colour
    assert figure.rows[0] == ("direct", "1", "30.00")

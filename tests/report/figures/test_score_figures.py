"""Scores by type, confusion and layer weights."""

import numpy as np
import pytest

from msd_ray.report.figures.confusion import confusion_figure
from msd_ray.report.figures.layer_weights import LayerWeights, layer_weights_figure
from msd_ray.report.figures.types import TypeScore, types_figure

COUNTS = np.array([[8, 1, 1], [4, 5, 1], [3, 0, 0]])


def type_score(variant: str, name: str, f1: tuple[float, ...]) -> TypeScore:
    return TypeScore(variant=variant, type=name, f1=f1, precision=(0.5,), recall=(0.25,))


def test_dots_are_means_in_the_row_of_their_type() -> None:
    figure = types_figure([type_score("msd", "PER", (0.4, 0.6)), type_score("msd", "LOC", (0.9,))])
    dots = figure.figure.data[0]
    assert dict(zip(dots.y, dots.x, strict=True)) == pytest.approx({1: 50.0, 0: 90.0})
    assert list(figure.figure.layout.yaxis.ticktext) == ["LOC", "PER"]
    assert figure.rows[0] == ("F1", "LOC", "MSD", "90.00", "", "1")
    assert figure.rows[1] == ("F1", "PER", "MSD", "50.00", "14.14", "2")
    assert figure.rows[-1] == ("recall", "PER", "MSD", "25.00", "", "1")
    assert "highest for LOC (90.00 %) and lowest for PER (50.00 %)" in figure.alt


def test_types_that_look_alike_when_cut_keep_their_rows() -> None:
    names = ["ORGANISATION-OF-A", "ORGANISATION-OF-B"]
    figure = types_figure([type_score("msd", name, (0.5,)) for name in names])
    assert sorted(figure.figure.data[0].y) == [0, 1]


def test_a_score_without_values_is_rejected() -> None:
    with pytest.raises(ValueError, match="without a value"):
        types_figure([type_score("msd", "PER", ())])


def test_cells_are_counts_and_their_shares_of_the_row() -> None:
    figure = confusion_figure(["LOC", "PER"], COUNTS)
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
    figure = confusion_figure(["LOC", "PER"], np.array([[8, 1, 1], [0, 0, 0], [0, 2, 0]]))
    assert list(figure.figure.data[0].z[1]) == [0.0, 0.0, 0.0]


def test_each_model_has_its_panel_and_each_layer_one_entry() -> None:
    curves = {4: ((1, 0.6), (2, 0.7)), 5: ((1, 0.4), (2, 0.3))}
    figure = layer_weights_figure([LayerWeights(model=name, curves=curves) for name in ("teacher λ", "student λ′")])
    assert [trace.yaxis for trace in figure.figure.data] == ["y", "y", "y2", "y2"]
    assert [trace.name for trace in figure.figure.data if trace.showlegend] == ["layer 4", "layer 5"]
    assert figure.figure.data[0].line.dash != figure.figure.data[1].line.dash
    assert figure.rows[1] == ("teacher λ", "4", "2", "0.7000")
    assert "student λ′ ends between 0.300 (layer 5) and 0.700 (layer 4)" in figure.alt


def test_models_without_weights_give_a_message() -> None:
    assert layer_weights_figure([LayerWeights(model="teacher λ", curves={4: ()})]).alt.startswith("Not run")

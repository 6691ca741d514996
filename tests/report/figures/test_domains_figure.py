"""Figure 4: bars are means, error bars deviations, and the text names the nearest variant."""

import statistics

import pytest
from sample_page import present

from msd_ray.report.figures.domains import DomainDistance, domains_figure


def distance(variant: str, values: tuple[float, ...], measure: str = "mmd") -> DomainDistance:
    return DomainDistance(variant=variant, pair="tea_src-stu_tgt", measure=measure, values=values)


def test_bars_are_means_with_deviations() -> None:
    figure = present(domains_figure([distance("msd", (0.1, 0.2, 0.4)), distance("no-all", (0.9,))]))
    msd, no_all = figure.figure.data[:2]
    assert msd.y == pytest.approx([statistics.fmean((0.1, 0.2, 0.4))])
    assert msd.error_y.array == pytest.approx([statistics.stdev((0.1, 0.2, 0.4))])
    assert no_all.error_y.array == pytest.approx([0.0])
    assert msd.marker.color != no_all.marker.color or msd.marker.pattern != no_all.marker.pattern
    assert figure.rows == (
        ("MMD² (Eq. 5)", "teacher, source – student, target", "MSD", "0.2333", "0.1528", "3"),
        ("MMD² (Eq. 5)", "teacher, source – student, target", "MSD w/o all (TSL)", "0.9", "", "1"),
    )
    assert "MMD² is smallest with MSD for teacher, source – student, target" in figure.alt


def test_each_measure_has_its_panel() -> None:
    figure = present(
        domains_figure([distance("msd", (0.3,), measure) for measure in ("mmd", "symmetric_kl", "cosine")])
    )
    assert [trace.yaxis for trace in figure.figure.data if len(trace.y)] == ["y", "y2", "y3"]
    assert [row[0] for row in figure.rows] == ["MMD² (Eq. 5)", "symmetric KL", "cosine"]


@pytest.mark.parametrize(
    "wrong",
    [
        distance("msd", ()),
        distance("msd", (0.1,), measure="euclid"),
        DomainDistance(variant="msd", pair="tea_src--stu_src", measure="mmd", values=(0.1,)),
    ],
)
def test_unknown_measures_and_pairs_are_rejected(wrong: DomainDistance) -> None:
    with pytest.raises(ValueError, match="unknown measure or pair"):
        domains_figure([wrong])

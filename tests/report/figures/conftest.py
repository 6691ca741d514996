"""One figure of each kind, with names that are dangerous in HTML."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from sample_page import final_rows, present

from msd_ray.report.figures import FigureWithData
from msd_ray.report.figures.confusion import confusion_figure
from msd_ray.report.figures.curves import METRICS, curves_figure
from msd_ray.report.figures.domains import MEASURES, PAIRS, DomainDistance, domains_figure
from msd_ray.report.figures.final_scores import final_scores_figure
from msd_ray.report.figures.history import SearchTrial, history_figure
from msd_ray.report.figures.importance import importance_figure
from msd_ray.report.figures.layer_weights import LayerWeights, layer_weights_figure
from msd_ray.report.figures.slices import ParameterAxis, slices_figure
from msd_ray.report.figures.tsne import DomainVectors, tsne_figure
from msd_ray.report.figures.types import TypeScore, types_figure

EVIL = '<img src=x onerror="evil()"><a href="https://x.org">%{x}'


def search_trials() -> list[SearchTrial]:
    """Four trials: the paper's, the best, a pruned and a failed one."""
    curves = dict.fromkeys(METRICS, ((1, 0.3), (2, 0.4)))
    return [
        SearchTrial(number=0, state="COMPLETE", value=0.41, parameters=_tried(2e-5, "a"), paper=True, curves=curves),
        SearchTrial(number=1, state="PRUNED", value=0.39, parameters=_tried(1e-4, EVIL), curves=curves),
        SearchTrial(number=2, state="COMPLETE", value=0.452, parameters=_tried(5e-5, "a"), curves=curves),
        SearchTrial(number=3, state="FAIL", value=None, parameters=_tried(9e-5, "a"), reason=f"broken {EVIL}"),
    ]


def _tried(learning_rate: float, teacher: str) -> dict[str, float | str]:
    return {"learning_rate": learning_rate, "teacher": teacher}


def vectors(variant: str = "msd", *, count: int = 6, seed: int = 0) -> DomainVectors:
    """Four sets of `count` vectors each."""
    tea_src, tea_tgt, stu_src, stu_tgt = (
        np.random.default_rng(seed).normal(size=(4, count, 8)) + np.arange(4)[:, None, None]
    ).astype(np.float32)
    return DomainVectors(variant=variant, tea_src=tea_src, tea_tgt=tea_tgt, stu_src=stu_src, stu_tgt=stu_tgt)


def _domains() -> FigureWithData | None:
    return domains_figure(
        [
            DomainDistance(variant=variant, pair=pair, measure=measure, values=(0.2, 0.25))
            for variant in ("msd", EVIL)
            for pair in PAIRS
            for measure in MEASURES
        ],
        scope=EVIL,
    )


def _types() -> FigureWithData | None:
    return types_figure(
        [
            TypeScore(variant=variant, type=name, f1=(0.5, 0.6), precision=(0.6, 0.6), recall=(0.4, 0.6))
            for variant in ("msd", "no-all", EVIL)
            for name in ("LOC", "PER", EVIL)
        ],
        scope=EVIL,
    )


def _layer_weights() -> FigureWithData | None:
    curves = {4: ((1, 0.6), (2, 0.7)), 5: ((1, 0.4), (2, 0.3))}
    return layer_weights_figure([LayerWeights(model=name, curves=curves) for name in ("teacher λ", EVIL)], scope=EVIL)


MAKERS: Mapping[str, Callable[[], FigureWithData | None]] = {
    "tsne": lambda: tsne_figure([vectors("no-all"), vectors(EVIL, seed=1)], scope=EVIL),
    "domains": _domains,
    "history": lambda: history_figure(search_trials(), scope=EVIL),
    "slices": lambda: slices_figure(
        search_trials(), [ParameterAxis(name="learning_rate", log=True), ParameterAxis(name="teacher")], scope=EVIL
    ),
    "importance": lambda: importance_figure({"learning_rate": 0.7, EVIL: 0.3}, trials=12, scope=EVIL),
    "curves": lambda: curves_figure(search_trials(), scope=EVIL),
    "layer_weights": _layer_weights,
    "types": _types,
    "confusion": lambda: confusion_figure(["LOC", EVIL], np.array([[8, 1, 2], [0, 5, 1], [3, 0, 0]]), scope=EVIL),
    "final_scores": lambda: final_scores_figure(final_rows(EVIL), scope=EVIL),
}


@pytest.fixture
def trials() -> list[SearchTrial]:
    """Return four trials: the paper's, a pruned one, the best, a failed one."""
    return search_trials()


@pytest.fixture
def make_vectors() -> Callable[..., DomainVectors]:
    """Return a function that makes four sets of vectors."""
    return vectors


@pytest.fixture(scope="session", params=list(MAKERS))
def maker(request: pytest.FixtureRequest) -> Callable[[], FigureWithData]:
    """Return in turn functions that each make a figure of one kind."""
    return lambda: present(MAKERS[request.param]())


@pytest.fixture(scope="session")
def figures() -> Mapping[str, FigureWithData]:
    """Return a figure of each kind by the name of its module."""
    return {name: present(make()) for name, make in MAKERS.items()}

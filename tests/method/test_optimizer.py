"""AdamW at every step: the rates of encoder, terminals and omega, weight decay, clipping; its state as tensors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_trainings import RUN, TEACHER, SmallCorpora, Trained, killed_after, train_teacher
from watched_steps import rate_twin, watched_steps

from msd_ray.method.optimizer import optimizer_state, restore_optimizer
from msd_ray.method.settings import TeacherSettings

STEPS, AN_EPOCH = 21, 7
FACTORS = replace(TEACHER, head_learning_rate=10.0, omega_learning_rate=100.0)
Rates = list[dict[str, set[float]]]


def watched(rates: Rates, corpora: SmallCorpora, path: Path, settings: TeacherSettings, stop: int = 0) -> Trained:
    """Train or resume a teacher; append the rates of encoder, head and omega at each step to `rates`."""
    model = corpora.tagger(settings)
    shapes = {parameter.shape: name for name, parameter in model.trained_parameters().items() if "." not in name}
    assert set(shapes.values()) == {"omega", "terminal_weight", "terminal_bias"}

    def watch(optimizer: torch.optim.Optimizer) -> None:
        rates.append({"encoder": set(), "terminal_weight": set(), "terminal_bias": set(), "omega": set()})
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                rates[-1][shapes.get(parameter.shape, "encoder")].add(group["lr"])

    with watched_steps(watch):
        return train_teacher(corpora, path, settings=settings, report=killed_after(stop))


def assert_rates(rates: Rates, factors: dict[str, float], warmup: float) -> None:
    assert len(rates) == STEPS
    for step, found in enumerate(rates):
        rate = rate_twin(step, STEPS, warmup, TEACHER.learning_rate)
        for name, factor in factors.items():
            assert len(found[name]) == 1, (step, name)
            assert found[name].pop() == pytest.approx(factor * rate, rel=1e-12), (step, name)


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.5])
@pytest.mark.parametrize(("head", "omega"), [(1.0, 1.0), (10.0, 100.0)])
def test_learning_rates(corpora: SmallCorpora, tmp_path: Path, warmup: float, head: float, omega: float) -> None:
    rates: Rates = []
    settings = replace(TEACHER, warmup=warmup, head_learning_rate=head, omega_learning_rate=omega)
    trained = watched(rates, corpora, tmp_path, settings)
    assert_rates(rates, {"encoder": 1.0, "terminal_weight": head, "terminal_bias": head, "omega": omega}, warmup)
    twin = [rate_twin(step, STEPS, warmup, TEACHER.learning_rate) for step in range(STEPS + 1)]
    logged = [epoch.metrics["learning_rate"] for epoch in trained.record.epochs]
    np.testing.assert_allclose(logged, twin[AN_EPOCH::AN_EPOCH], rtol=1e-12, err_msg="the encoder's is logged")


def test_learning_rates_of_a_training_that_goes_on(corpora: SmallCorpora, tmp_path: Path) -> None:
    rates: Rates = []
    for stop in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            watched(rates, corpora, tmp_path, FACTORS, stop)
        assert len(rates) == stop * AN_EPOCH
    resumed = watched(rates, corpora, tmp_path, FACTORS)
    assert_rates(rates, {"encoder": 1.0, "terminal_weight": 10.0, "terminal_bias": 10.0, "omega": 100.0}, 0.1)
    assert [epoch.metrics["learning_rate"] for epoch in resumed.record.epochs] == pytest.approx(
        [rate_twin(epoch * AN_EPOCH, STEPS, 0.1, TEACHER.learning_rate) for epoch in (1, 2, 3)], rel=1e-12
    )


def test_a_large_factor_moves_omega(corpora: SmallCorpora, tmp_path: Path) -> None:
    """At the rate of an encoder that is fine-tuned, layer weights stay where they were drawn."""
    moved = {}
    for factor in (1.0, 100.0):
        settings = replace(TEACHER, learning_rate=5e-5, omega_learning_rate=factor)
        before = corpora.tagger(settings).omega.detach().clone()
        after = train_teacher(corpora, tmp_path / str(factor), settings=settings).model.omega.detach()
        moved[factor] = float((after - before).abs().max())
    assert 0.0 < moved[1.0] < 1e-3
    assert moved[100.0] > 2e-2


@pytest.mark.parametrize("settings", [TEACHER, FACTORS], ids=["one rate", "factors"])
def test_weight_decay(corpora: SmallCorpora, tmp_path: Path, settings: TeacherSettings) -> None:
    decays: dict[int, float] = {}

    def watch(optimizer: torch.optim.Optimizer) -> None:
        for group in optimizer.param_groups:
            decays.update({id(parameter): group["weight_decay"] for parameter in group["params"]})

    with watched_steps(watch):
        trained = train_teacher(
            corpora, tmp_path, settings=replace(settings, weight_decay=0.05), run=replace(RUN, epochs=1)
        )
    parameters = trained.model.trained_parameters()
    assert {id(parameter) for parameter in parameters.values()} == decays.keys()
    for name, parameter in parameters.items():
        none = name in ("omega", "terminal_bias") or name.endswith(".bias") or "LayerNorm" in name
        assert decays[id(parameter)] == (0.0 if none else 0.05), name


def test_clipping(corpora: SmallCorpora, tmp_path: Path) -> None:
    norms: list[float] = []

    def watch(optimizer: torch.optim.Optimizer) -> None:
        gradients = [parameter.grad for group in optimizer.param_groups for parameter in group["params"]]
        norms.append(float(sum(gradient.square().sum() for gradient in gradients)) ** 0.5)

    with watched_steps(watch):
        trained = train_teacher(corpora, tmp_path, run=replace(RUN, clip=0.3, epochs=1))
    assert max(norms) == pytest.approx(0.3, rel=1e-3)
    assert trained.record.epochs[0].metrics["gradient_norm"] > 0.3, "it is logged as it was before it was clipped"


def test_the_state_comes_back(teacher: Trained) -> None:
    parameters = dict(list(teacher.model.trained_parameters().items())[:4])
    first, second = (torch.optim.AdamW(parameters.values(), lr=0.0, fused=True) for _ in range(2))
    for parameter in parameters.values():
        parameter.grad = torch.rand_like(parameter)
    first.step()
    state = optimizer_state(first, parameters)
    assert state.keys() == {f"{name}/{key}" for name in parameters for key in ("step", "exp_avg", "exp_avg_sq")}
    restore_optimizer(second, parameters, state)
    for parameter in parameters.values():
        parameter.grad = None
        assert first.state[parameter].keys() == second.state[parameter].keys()
        assert all(torch.equal(value, second.state[parameter][key]) for key, value in first.state[parameter].items())
    with pytest.raises(KeyError):
        restore_optimizer(second, {"other": torch.nn.Parameter(torch.ones(1))}, state)

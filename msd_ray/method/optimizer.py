"""The optimizer of teacher and student, and its state as tensors."""

from collections.abc import Mapping

import torch
from torch import Tensor

from .settings import OptimizerSettings


def adamw(
    trained: Mapping[str, torch.nn.Parameter], settings: OptimizerSettings, device: torch.device
) -> torch.optim.AdamW:
    """AdamW with parameter groups for learning rates and weight decay, see `OptimizerSettings`."""
    factors = {
        "terminal_weight": settings.head_learning_rate,
        "terminal_bias": settings.head_learning_rate,
        "omega": settings.omega_learning_rate,
    }
    # The encoder's matrices come first: the first group's learning rate is logged.
    groups: dict[tuple[float, bool], list[torch.nn.Parameter]] = {(1.0, True): [], (1.0, False): []}
    for name, parameter in trained.items():
        decays = parameter.ndim > 1 and not name.endswith("bias")
        groups.setdefault((factors.get(name, 1.0), decays), []).append(parameter)
    rate = settings.learning_rate
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "weight_decay": settings.weight_decay if decays else 0.0,
                # The schedule reads the peak learning rate from here.
                "initial_lr": factor * rate,
            }
            for (factor, decays), parameters in groups.items()
        ],
        lr=rate,
        fused=device.type in ("cuda", "cpu"),
    )


def optimizer_state(optimizer: torch.optim.AdamW, parameters: Mapping[str, torch.nn.Parameter]) -> dict[str, Tensor]:
    """AdamW's tensors by parameter name: `name/exp_avg`, `name/exp_avg_sq`, `name/step`."""
    return {
        f"{name}/{key}": value
        for name, parameter in parameters.items()
        for key, value in optimizer.state[parameter].items()
    }


def restore_optimizer(
    optimizer: torch.optim.AdamW, parameters: Mapping[str, torch.nn.Parameter], state: Mapping[str, Tensor]
) -> None:
    """Inverse of `optimizer_state`.

    Raises:
        KeyError: tensors of a parameter are missing.
    """
    for name, parameter in parameters.items():
        optimizer.state[parameter] = {
            # A fused step needs its counter on the parameter's device.
            key: state[f"{name}/{key}"].to(parameter.device)
            for key in ("step", "exp_avg", "exp_avg_sq")
        }

"""Ranges of numeric options: checked when the command line is read, and shown by `--help`."""

BOUNDS: dict[str, tuple[float, float]] = {
    "trials": (1, 100_000),
    "teacher_trials": (1, 10_000),
    "epochs": (1, 1_000),
    "batch_size": (1, 4_096),
    "max_length": (8, 512),
    "frozen_layers": (0, 100),
    "limit": (1, 100_000_000),
    "seed": (0, 2**31 - 2_000),
    "seeds": (1, 1_000),
    "confirm": (1, 100),
    "dev_limit": (1, 100_000_000),
    "hours": (0.001, 100_000),
    "patience": (1, 100_000),
    "average_epochs": (1, 1_000),
    "grace_epochs": (1, 1_000),
    "warm_start_trials": (1, 1_000),
    "workers": (0, 1_024),
    "cpus_per_trial": (1, 1_024),
    "gpus_per_trial": (0, 64),
    "max_concurrent": (1, 10_000),
    "stall_minutes": (0.1, 10_000),
    "mlflow_minutes": (0, 10_000),
}
"""Smallest and largest value of each option that `tune`, `ablate` and `doctor` share, both included."""


def shown_range(name: str) -> str:
    """The range of an option, such as `1 to 100000`."""
    low, high = BOUNDS[name]
    return f"{low:.12g} to {high:.12g}"

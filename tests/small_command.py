"""What `tune` is called with for a search of a minute on Ray."""

from pathlib import Path

from small_space import SPACE

from msd_ray.data.encoders.files import EncoderFiles


def small_command(encoder: EncoderFiles, directory: Path) -> list[str]:
    """Arguments but for the storage; a later one replaces an earlier one. directory: for its search space."""
    space = directory / "space.yaml"
    space.write_text(SPACE, encoding="utf-8")
    options = {
        "lang": "ar",
        "dataset": "sample",
        "encoder": encoder.directory,
        "space": space,
        "trials": 2,
        "teacher-trials": 1,
        "epochs": 2,
        "grace-epochs": 1,
        "limit": 60,
        "seeds": 1,
        "max-concurrent": 1,
        "precision": "fp32",
        "confirm": 1,
    }
    return [
        *(text for name, value in options.items() for text in (f"--{name}", str(value))),
        *("--rows", "paper", "best"),
    ]

"""Where a run comes from: the command and the commit of its code as MLflow's source tags, and its data as inputs."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from msd_ray.data.catalogue import DEFAULT_SOURCE

from .parameters import Json

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

LONGEST_DIGEST = 36  # mlflow.utils.validation.MAX_DATASET_DIGEST_SIZE
_PARTS: Mapping[str, tuple[str, str, str]] = {
    "source_train": ("source", "train", "training"),
    "target_train": ("target", "train-text", "training"),
    "source_dev": ("source", "dev", "validation"),
    "target_dev": ("target", "dev", "validation"),
}
"""Part of the corpora -> language, split, context. Of the target's training sentences only the text is read."""


def source_tags(command: str) -> dict[str, str]:
    """Return MLflow's tags of a run's source: the command, and the commit if the code is in a Git repository."""
    commit = _commit()
    return {
        "mlflow.source.name": f"python -m msd_ray.{command}",
        "mlflow.source.type": "LOCAL",
        **({"mlflow.source.git.commit": commit} if commit else {}),
    }


@cache
def _commit() -> str | None:
    from mlflow.utils.git_utils import get_git_commit

    return get_git_commit(str(Path(__file__).parent))


def dataset_inputs(parameters: Mapping[str, Json], lang: str) -> "list[DatasetInput]":
    """Return the corpora of a study as MLflow's inputs, from the hashes among its parameters."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    digests = parameters.get("data")
    found = []
    for part, digest in digests.items() if isinstance(digests, Mapping) else ():
        side, split, context = _PARTS[part]
        language = parameters.get("source_lang", DEFAULT_SOURCE) if side == "source" else lang
        name = f"{parameters['dataset']}-{language}-{split}"
        source = json.dumps({"dataset": parameters["dataset"], "limit": parameters.get("limit")})
        dataset = Dataset(name=name, digest=str(digest)[:LONGEST_DIGEST], source_type="msd_ray", source=source)
        found.append(DatasetInput(dataset=dataset, tags=[InputTag("mlflow.data.context", context)]))
    return found

"""Checks of an encoder directory, whose files are untrusted, before anything in it is loaded.

transformers would follow an index or a link out of the directory and read the target (a pickle, too), apply an adapter
that lies beside the weights, and allocate as much memory as config.json requests.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msd_ray.common.errors import UserError
from msd_ray.common.limits import MIB, check_size

from .files import CONFIG, INDEX, TOKENIZER, content_files

if TYPE_CHECKING:
    from torch import nn

ADAPTER = "adapter_config.json"
LARGEST_VOCABULARY = 256 * MIB
LARGEST_JSON = 16 * MIB
LARGE_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "sentencepiece.bpe.model", "spiece.model")
# Maximum values of settings for which transformers creates one Python object each, before it reads weights.
MOST = {"num_labels": 10_000, "num_hidden_layers": 1_000, "n_layers": 1_000, "num_layers": 1_000}
ELSEWHERE = {
    CONFIG: ("transformers_weights", "quantization_config", "_attn_implementation_internal"),
    "tokenizer_config.json": ("fast_tokenizer_files", "init_inputs"),
}
"""Settings that refer to other files or other code."""


def check_directory(directory: Path) -> None:
    """Check the directory of an encoder.

    Raises:
        UserError: a link leads out of the directory, a file is too large, or a JSON file has unsupported contents.
    """
    try:
        _check_links(directory)
        if (directory / ADAPTER).exists():
            raise UserError(f"{directory / ADAPTER}: adapters are not supported; merge it into the weights first")
        for name in (CONFIG, *TOKENIZER):
            path = directory / name
            if path.is_file():
                check_size(path, LARGEST_VOCABULARY if name in LARGE_FILES else LARGEST_JSON)
                if name.endswith(".json") and name not in LARGE_FILES:
                    _check_settings(path, read_json(path))
        if (directory / INDEX).is_file():
            check_size(directory / INDEX, LARGEST_JSON)
            _check_index(directory / INDEX)
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError
        raise UserError(f"cannot read {directory}: {str(error).splitlines()[0]}") from error


def read_json(path: Path) -> Any:
    """The contents of a JSON file.

    Raises:
        UserError: the file is not JSON, or nested too deeply.
        OSError: the file cannot be read.
    """
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise UserError(f"cannot read {path}: {reason}") from error


def check_parameters(skeleton: "nn.Module", directory: Path, name: str) -> None:
    """Reject a model with more parameters than its weights have bytes.

    Its memory would be allocated before loading fails.
    """
    parameters = sum(parameter.numel() for parameter in skeleton.parameters())
    size = sum(path.stat().st_size for path in content_files(directory) if path.suffix == ".safetensors")
    if parameters > size:
        raise UserError(
            f"encoder {name}: cannot load {directory}: its {CONFIG} makes a model of {parameters} parameters, "
            f"its weights are {size} bytes"
        )


def _check_links(directory: Path) -> None:
    """Every file must be in the directory, or (as links) in the same repository of the Hub's cache."""
    inside = directory.resolve()
    if inside.parent.name == "snapshots":
        inside = inside.parent.parent
    for entry in sorted(directory.iterdir()):
        if not entry.resolve().is_relative_to(inside):
            raise UserError(f"{entry} is a symbolic link that leads out of {directory}, which is not supported")


def _check_settings(path: Path, content: Any) -> None:
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a JSON object")
    for key in ELSEWHERE.get(path.name, ()):
        if content.get(key):
            raise UserError(f"{path}: {key}: is not supported; remove it")
    if path.name == CONFIG:
        for key, most in MOST.items():
            value = content.get(key)
            if isinstance(value, int | float) and value > most:
                raise UserError(f"{path}: {key}: {value!r:.40} is more than {most}")
        names = content.get("id2label")
        if isinstance(names, dict | list) and len(names) > MOST["num_labels"]:
            raise UserError(f"{path}: id2label: {len(names)} labels are more than {MOST['num_labels']}")


def _check_index(path: Path) -> None:
    """The index must list safetensors files of its own directory."""
    content = read_json(path)
    places = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(places, dict):
        raise UserError(f"{path}: weight_map: is missing")
    own = {entry.name for entry in content_files(path.parent) if entry.suffix == ".safetensors"}
    for file in dict.fromkeys(map(str, places.values())):
        if file not in own:
            raise UserError(f"{path}: weight_map: {file[:200]!r} is not a weights file of this directory")

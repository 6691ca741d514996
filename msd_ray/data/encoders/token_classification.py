"""Check that an encoder can be trained and exported; its family's class for token classification."""

import copy
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING, PreTrainedModel

from msd_ray.common.errors import UserError

from .files import CONFIG, TOKENIZER, EncoderFiles
from .layers import FAMILIES, encoder_parts, max_tokens
from .loading import load_encoder, load_tokenizer
from .modernbert import identity_head, is_modernbert

HEAD = ("classifier.bias", "classifier.weight")


def check_encoder(
    files: EncoderFiles, *, frozen_layers: int, max_length: int, frozen_prefix: Literal["train", "once"] = "train"
) -> None:
    """Load tokenizer and model once, with weights, to report problems before a search starts.

    Raises:
        UserError: loading fails, no layer is left to train, a student could not be exported, the encoder has fewer
            positions than `max_length` tokens, or the output of its frozen layers cannot be computed once.
    """
    load_tokenizer(files)
    model = load_encoder(files, dropout=0.0)
    token_classifier(model, name=files.name)
    parts = encoder_parts(model)
    layers = len(parts.layers)
    if frozen_prefix == "once" and not parts.layer_by_layer:
        raise UserError(
            f"--frozen-prefix once: encoder {files.name} does not run layer by layer. Use --frozen-prefix train."
        )
    if frozen_layers >= layers:
        raise UserError(
            f"--frozen-layers {frozen_layers} leaves nothing to train of encoder {files.name}, "
            f"which has {layers} layers: {layers - 1} at most"
        )
    positions = max_tokens(model)
    if positions is not None and max_length > positions:
        raise UserError(f"--max-length {max_length}: encoder {files.name} takes {positions} tokens at most")


@dataclass(frozen=True, kw_only=True)
class TokenClassifier:
    """The class for token classification of an encoder's family.

    Args:
        model: its parameters are those of the encoder under `base_model_prefix`, `head`, and a linear `classifier`.
        settings: what the class needs in config.json besides the labels.
        head: parameters between encoder and classifier, which change nothing.
    """

    model: type[PreTrainedModel]
    settings: Mapping[str, Any]
    head: Mapping[str, Tensor]


def token_classifier(encoder: PreTrainedModel, *, name: str) -> TokenClassifier:
    """The class of an encoder's family.

    Args:
        encoder: without pooler and heads.
        name: name of the encoder in messages.

    Raises:
        UserError: transformers has no such class for this family, or one with more layers before the classifier, so an
            exported student could not be loaded.
    """
    where = f"encoder {name}: model_type {encoder.config.model_type!r}"
    hint = f"students cannot be exported; {FAMILIES}"
    found: object = MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING.get(type(encoder.config), None)
    if not (isinstance(found, type) and issubclass(found, PreTrainedModel)):
        raise UserError(f"{where} has no token classification class in transformers, so {hint}")
    settings, head = identity_head(encoder) if is_modernbert(encoder) else ({}, {})
    config = copy.deepcopy(encoder.config)
    config.update(settings)
    with torch.device("meta"):
        parameters = found(config).state_dict().keys()
    others = sorted(parameters ^ {f"{found.base_model_prefix}.{tensor}" for tensor in encoder.state_dict()})
    if others != sorted([*HEAD, *head]):
        raise UserError(f"{where}: {found.__name__} has more than a linear classifier ({', '.join(others)}), so {hint}")
    return TokenClassifier(model=found, settings=settings, head=head)


def write_settings(
    directory: Path, encoder: EncoderFiles, classifier: TokenClassifier, label_names: Sequence[str]
) -> None:
    """Write configuration and tokenizer for the encoder's `token_classifier` with these labels.

    Raises:
        OSError: a file cannot be read or written.
    """
    config = json.loads((encoder.directory / CONFIG).read_bytes())
    # References to code and directories, an obsolete name, and settings of another head.
    for name in ("auto_map", "torch_dtype", "_name_or_path", "num_labels", "_num_labels", "problem_type"):
        config.pop(name, None)
    config |= classifier.settings
    config |= {
        "architectures": [classifier.model.__name__],
        "dtype": "float32",
        "id2label": dict(enumerate(label_names)),
        "label2id": {name: index for index, name in enumerate(label_names)},
    }
    _write_json(directory / CONFIG, config)
    for name in TOKENIZER:
        if (encoder.directory / name).is_file():
            shutil.copyfile(encoder.directory / name, directory / name)
    if getattr(load_tokenizer(encoder), "add_prefix_space", False):  # else byte-level BPE would glue words together
        settings = directory / "tokenizer_config.json"
        known = json.loads(settings.read_bytes()) if settings.is_file() else {}
        _write_json(settings, known | {"add_prefix_space": True})


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

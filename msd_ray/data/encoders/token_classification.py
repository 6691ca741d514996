"""An encoder family's own class for token classification: what transformers takes an exported student for."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING, PreTrainedModel

from msd_ray.common.errors import UserError

from .files import CONFIG, TOKENIZER, EncoderFiles
from .loading import load_tokenizer

HEAD = ("classifier.bias", "classifier.weight")


def token_classifier(encoder: PreTrainedModel, *, name: str) -> type[PreTrainedModel]:
    """The class whose parameters are those of `encoder`, under `base_model_prefix`, and those of a linear `classifier`.

    encoder: without pooler and heads. name: what messages call it.
    Raises UserError where transformers has no such class for the family: the main channel's terminal has no place in
    another head, and an exported student would not load.
    """
    config = encoder.config
    where = f"encoder {name}: model_type {config.model_type!r}"
    hint = "students cannot be exported; use a BERT, RoBERTa, XLM-RoBERTa, ELECTRA or DistilBERT kind of encoder"
    found: object = MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING.get(type(config), None)
    if not (isinstance(found, type) and issubclass(found, PreTrainedModel)):
        raise UserError(f"{where} has no token classification class in transformers, so {hint}")
    with torch.device("meta"):
        parameters = found(config).state_dict().keys()
    head = sorted(parameters ^ {f"{found.base_model_prefix}.{tensor}" for tensor in encoder.state_dict()})
    if head != list(HEAD):
        raise UserError(f"{where}: {found.__name__} has more than a linear classifier ({', '.join(head)}), so {hint}")
    return found


def write_settings(
    directory: Path, encoder: EncoderFiles, model: type[PreTrainedModel], label_names: Sequence[str]
) -> None:
    """Write configuration and tokenizer of the encoder's `token_classifier` with these labels; raises OSError."""
    config = json.loads((encoder.directory / CONFIG).read_bytes())
    # A repository's own code, an older name, a place; what another head left.
    for name in ("auto_map", "torch_dtype", "_name_or_path", "num_labels", "_num_labels", "problem_type"):
        config.pop(name, None)
    config |= {
        "architectures": [model.__name__],
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

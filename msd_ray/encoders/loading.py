"""An encoder's files -> its fast tokenizer and its model, ready for training. Never runs a repository's own code."""

import inspect
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from msd_ray.encoders.files import EncoderFiles
from msd_ray.encoders.layers import encoder_parts
from msd_ray.errors import UserError

# What the families call dropout on hidden states and on attention weights.
_HIDDEN_DROPOUT = ("hidden_dropout_prob", "dropout")
_ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout")


def load_tokenizer(files: EncoderFiles) -> PreTrainedTokenizerFast:
    """The encoder's fast tokenizer; `UserError` if it has none, or none with [CLS], [SEP] and padding."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            files.directory, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # the library raises whatever its parts raise; all of it means bad files
        raise UserError(
            f"encoder {files.name}: no tokenizer in {files.directory}: {_first_line(error)}"
        ) from error
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise UserError(f"encoder {files.name}: {files.directory} has no fast tokenizer (tokenizer.json)")
    missing = [
        token for token in ("cls_token", "sep_token", "pad_token") if getattr(tokenizer, token) is None
    ]
    if missing:
        raise UserError(
            f"encoder {files.name}: its tokenizer has no {', '.join(missing)}: not a BERT-like encoder"
        )
    return tokenizer


def load_encoder(files: EncoderFiles, *, dropout: float) -> PreTrainedModel:
    """The encoder without pooler and heads, in float32 with SDPA attention, in training mode as torch makes it.

    `dropout` (0 <= dropout < 1) is set for hidden states and attention weights alike. Raises `UserError` when the
    files are no such encoder: another kind of model, weights missing, or a structure `encoder_parts` does not know.
    """
    if not 0.0 <= dropout < 1.0:
        raise UserError(f"dropout must be in [0, 1), not {dropout}")
    config = _load_config(files)
    _set_dropout(files, config, dropout)
    options: dict[str, Any] = {}
    model_class = AutoModel._model_mapping[type(config)]
    if isinstance(model_class, type) and "add_pooling_layer" in inspect.signature(model_class).parameters:
        options["add_pooling_layer"] = False
    try:
        model, loading = AutoModel.from_pretrained(
            files.directory,
            config=config,
            dtype=torch.float32,
            attn_implementation="sdpa",
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            **options,
        )
    except Exception as error:  # whatever the library's parts raise means bad files
        raise UserError(
            f"encoder {files.name}: cannot load {files.directory}: {_first_line(error)}"
        ) from error
    lacking = sorted(loading["missing_keys"]) + sorted(str(key) for key in loading["mismatched_keys"])
    if lacking:
        raise UserError(
            f"encoder {files.name}: {len(lacking)} weights are not in {files.directory} or have another shape "
            f"than config.json says (first: {lacking[0]})"
        )
    try:
        encoder_parts(model)
    except UserError as error:
        raise UserError(f"encoder {files.name}: {error}") from error
    return model


def _load_config(files: EncoderFiles) -> PreTrainedConfig:
    """The configuration, if it is that of a text encoder."""
    where = f"encoder {files.name}: {files.directory / 'config.json'}"
    try:
        config = AutoConfig.from_pretrained(files.directory, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise UserError(f"{where} names no model that transformers knows: {_first_line(error)}") from error
    if type(config) not in AutoModel._model_mapping:
        raise UserError(f"{where}: model type {config.model_type!r} is no text encoder")
    if config.is_encoder_decoder or getattr(config, "is_decoder", False):
        raise UserError(f"{where}: model type {config.model_type!r} generates text; an encoder is needed")
    return config


def _set_dropout(files: EncoderFiles, config: PreTrainedConfig, dropout: float) -> None:
    for names in (_HIDDEN_DROPOUT, _ATTENTION_DROPOUT):
        known = [name for name in names if hasattr(config, name)]
        if not known:
            raise UserError(
                f"encoder {files.name}: model type {config.model_type!r} has no {names[0]}; it is no BERT-like encoder"
            )
        for name in known:
            setattr(config, name, dropout)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

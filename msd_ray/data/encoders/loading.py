"""Load an encoder's fast tokenizer and model from its files. A repository's own code is never run."""

import functools
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers import (
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_MAPPING,
    AutoConfig,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging as transformers_logging

from msd_ray.common.errors import UserError

from .files import CONFIG, EncoderFiles
from .layers import encoder_parts
from .refusals import check_directory, check_parameters, read_json

# Names of dropout on hidden states and on attention weights in model configurations.
_DROPOUTS = (
    ("hidden_dropout_prob", "dropout", "mlp_dropout", "embedding_dropout"),
    ("attention_probs_dropout_prob", "attention_dropout"),
)


@functools.lru_cache(maxsize=1)
def load_tokenizer(files: EncoderFiles) -> PreTrainedTokenizerFast:
    """The encoder's fast tokenizer, for text that is split into words; cached per encoder.

    Raises:
        UserError: there is no fast tokenizer; it lacks [CLS], [SEP] or padding (or the encoder's equivalents); it has
            pieces for which the model has no embedding; or its directory is rejected.
    """
    check_directory(files.directory)
    tokenizer = _read_tokenizer(files)
    if getattr(tokenizer, "add_prefix_space", True) is False:  # byte-level BPE would glue the words together
        tokenizer = _read_tokenizer(files, add_prefix_space=True)
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise UserError(f"encoder {files.name}: {files.directory} has no fast tokenizer (tokenizer.json)")
    missing = [name for name in ("cls_token", "sep_token", "pad_token") if getattr(tokenizer, name) is None]
    if missing:
        raise UserError(f"encoder {files.name}: its tokenizer has no {', '.join(missing)}; it is not BERT-like")
    rows = _read_config(files).get("vocab_size")
    pieces = max(len(tokenizer), 1 + max(tokenizer.get_vocab().values(), default=0))  # numbers may leave gaps
    if isinstance(rows, int) and pieces > rows:
        raise UserError(
            f"encoder {files.name}: its tokenizer has {pieces} pieces, its model embeddings for {rows} only"
        )
    return tokenizer


def load_encoder(files: EncoderFiles, *, dropout: float) -> PreTrainedModel:
    """Load the encoder without pooler and heads, in float32, with SDPA attention if it has it.

    Args:
        files: the encoder.
        dropout: 0 <= dropout < 1, on hidden states and attention weights.

    Raises:
        UserError: the files are not a supported encoder: another kind of model, weights missing or of another shape,
            or a structure that `encoder_parts` does not support.
    """
    if not 0.0 <= dropout < 1.0:
        raise UserError(f"dropout must be at least 0 and less than 1, not {dropout}")
    check_directory(files.directory)
    config = _encoder_config(files)
    _set_dropout(files, config, dropout)
    model_class, options = _model_class(config)
    _structure(files, model_class, config, options)
    try:
        with no_progress_bar():
            loaded: Any = model_class.from_pretrained(  # (model, what was loaded) with output_loading_info
                files.directory,
                config=config,
                dtype=torch.float32,
                attn_implementation="sdpa" if model_class._supports_sdpa else "eager",
                use_safetensors=True,
                local_files_only=True,
                ignore_mismatched_sizes=True,  # reported below, in one line
                output_loading_info=True,
                **options,
            )
    except Exception as error:  # the library raises many types, all of which mean invalid files
        raise UserError(f"encoder {files.name}: cannot load {files.directory}: {_first_line(error)}") from error
    model, loading = loaded
    lacking = sorted({*loading["missing_keys"], *(key for key, *_ in loading["mismatched_keys"])})
    if lacking:
        raise UserError(
            f"encoder {files.name}: {len(lacking)} weights (first: {lacking[0]}) are not in {files.directory} "
            "in the shape that its config.json defines"
        )
    assert isinstance(model, PreTrainedModel)
    return model


def encoder_skeleton(files: EncoderFiles) -> PreTrainedModel:
    """The encoder without weights, which needs no memory: for its layers and their sizes.

    Raises:
        UserError: as `load_encoder`, except for weights.
    """
    config = _encoder_config(files)
    model_class, options = _model_class(config)
    return _structure(files, model_class, config, options)


def _read_tokenizer(files: EncoderFiles, **options: bool) -> object:
    try:
        return AutoTokenizer.from_pretrained(files.directory, local_files_only=True, trust_remote_code=False, **options)
    except Exception as error:
        raise UserError(f"encoder {files.name}: no tokenizer in {files.directory}: {_first_line(error)}") from error


def _read_config(files: EncoderFiles) -> dict[str, Any]:
    path = files.directory / CONFIG
    try:
        config = read_json(path)
    except OSError as error:
        raise UserError(f"encoder {files.name}: cannot read {path}: {_first_line(error)}") from error
    # Without a type, transformers would guess one from the directory's name.
    if not isinstance(config, dict) or not config.get("model_type"):
        raise UserError(f"encoder {files.name}: {path} has no model_type; it is not a transformers encoder")
    return config


def _encoder_config(files: EncoderFiles) -> PreTrainedConfig:
    """The configuration, if it is that of a text encoder."""
    model_type = _read_config(files)["model_type"]
    where = f"encoder {files.name}: {files.directory / CONFIG}: model_type {model_type!r}"
    try:
        config = AutoConfig.from_pretrained(files.directory, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise UserError(f"{where} with these settings is unsupported: {_first_line(error)}") from error
    # Text encoders are pre-trained with masked words: a model without such a head generates, or is not for text.
    if type(config) not in MODEL_FOR_MASKED_LM_MAPPING:
        raise UserError(f"{where} is not a text encoder; use a BERT-like one")
    if config.is_encoder_decoder or getattr(config, "is_decoder", False):
        raise UserError(f"{where} is configured to generate text; use a BERT-like encoder")
    assert isinstance(config, PreTrainedConfig)
    return config


def _model_class(config: PreTrainedConfig) -> tuple[type[PreTrainedModel], dict[str, Any]]:
    """The class of an encoder, and the options that leave its pooler out."""
    found: object = MODEL_MAPPING[type(config)]
    if not (isinstance(found, type) and issubclass(found, PreTrainedModel)):  # Funnel has two classes
        raise UserError(f"model_type {config.model_type!r} has no single encoder; use a BERT-like one")
    pooler = "add_pooling_layer" in inspect.signature(found).parameters
    return found, {"add_pooling_layer": False} if pooler else {}


def _structure(
    files: EncoderFiles, model_class: type[PreTrainedModel], config: PreTrainedConfig, options: dict[str, Any]
) -> PreTrainedModel:
    """Build the model without weights, to report an unsupported structure before gigabytes are read."""
    try:
        with torch.device("meta"):
            skeleton = model_class(config, **options)
    except Exception as error:
        path = files.directory / CONFIG
        raise UserError(f"encoder {files.name}: {path} makes no model: {_first_line(error)}") from error
    encoder_parts(skeleton)
    check_parameters(skeleton, files.directory, files.name)
    return skeleton


def _set_dropout(files: EncoderFiles, config: PreTrainedConfig, dropout: float) -> None:
    for names in _DROPOUTS:
        known = [name for name in names if hasattr(config, name)]
        if not known:
            raise UserError(f"encoder {files.name}: model_type {config.model_type!r} has no setting {names[0]}")
        for name in known:
            setattr(config, name, dropout)


@contextmanager
def no_progress_bar() -> Iterator[None]:
    """Disable transformers' progress bars: one per trial's process would clutter the search's display."""
    was_on = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if was_on:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


@contextmanager
def no_loading_report() -> Iterator[None]:
    """Disable transformers' report of missing and unexpected weights, such as pre-training heads."""
    level = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

"""A student ready to tag: the main channel's logits, the tokenizer, and the settings of its export.

Students of BERT's and RoBERTa's families are loaded without importing transformers (`bert`), if their tokenizer is
stored as the tokenizers library reads it; all others through `export.load_student`. The labels are the same.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from msd_ray.common.errors import UserError
from msd_ray.method.device import autocast, resolve_precision

from .bert import read_bert
from .description import DESCRIPTION, Description

if TYPE_CHECKING:
    from .export import LoadedStudent

# transformers takes these classes' tokenizer.json as it is, and builds other classes' tokenizers anew.
AS_STORED = ("PreTrainedTokenizerFast", "TokenizersBackend")
SPECIALS = ("cls_token", "sep_token", "pad_token", "unk_token", "mask_token", "bos_token", "eos_token")


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """A student ready to tag.

    Args:
        logits: (B, T) token ids and (B, T) attention mask, or None without padding, to (B, T, C) float32.
        tokenizer: adds the special tokens.
        pad_id: token id of padding.
        device: where the model is.
        description: of the export: labels, length limit, word rule, decoding.
    """

    logits: Callable[[Tensor, Tensor | None], Tensor]
    tokenizer: Tokenizer
    pad_id: int
    device: torch.device
    description: Description


def stored_classifier(
    directory: Path, description: Description, device: torch.device, *, precision: str
) -> Classifier | None:
    """Load an exported student without transformers; None if that is not implemented for it.

    Args:
        directory: of the exported student.
        description: of the same; the caller verifies the files before it uses the classifier.
        device: where to run it.
        precision: auto (bf16 where it is faster), fp32 or bf16.

    Raises:
        UserError: the length limit exceeds the encoder's positions.
    """
    tokenizer = _stored_tokenizer(directory)
    if tokenizer is None or description.format == 1:
        return None
    dtype = torch.bfloat16 if resolve_precision(precision, device) == "bf16" else torch.float32
    bert = read_bert(directory, len(description.label_names), dtype=dtype, device=device)
    if bert is None or tokenizer.get_vocab_size() > len(bert.words):
        return None
    check_length(directory, description, bert.most_tokens)
    return Classifier(
        logits=bert.logits,
        tokenizer=tokenizer,
        pad_id=bert.pad_id,
        device=device,
        description=description,
    )


def classifier_of(student: "LoadedStudent", *, precision: str = "auto") -> Classifier:
    """The classifier of a student that `load_student` loaded. Raises UserError for an unknown precision."""
    device = next(student.tagger.parameters()).device
    resolved = resolve_precision(precision, device)

    def logits(input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        with autocast(device, resolved):
            return student.tagger(input_ids, attention_mask).logits[-1]  # type: ignore[no-any-return]

    pad_id = student.tokenizer.pad_token_id
    assert isinstance(pad_id, int)
    return Classifier(
        logits=logits,
        tokenizer=student.tokenizer.backend_tokenizer,
        pad_id=pad_id,
        device=device,
        description=student.description,
    )


def device_named(name: str) -> torch.device:
    """The device with this name; auto: a GPU if there is one. Raises UserError if this machine does not have it."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"--device {name}: unknown device. Choose auto, cpu, cuda or cuda:N.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(f"--device {name}: this machine has {torch.cuda.device_count()} usable GPUs")
    return device


def check_length(directory: Path, description: Description, positions: int | None) -> None:
    """Raise UserError if the student's length limit exceeds the encoder's positions; None: no limit."""
    if positions is not None and description.max_length > positions:
        limit = f"max_length {description.max_length} exceeds the encoder's {positions} positions"
        raise UserError(f"{directory / DESCRIPTION}: {limit}. Export the student again.")


def _stored_tokenizer(directory: Path) -> Tokenizer | None:
    """The tokenizer of tokenizer.json; None if transformers would change it."""
    try:
        settings: dict[str, Any] = json.loads((directory / "tokenizer_config.json").read_bytes())
        if settings.get("tokenizer_class") not in AS_STORED or "added_tokens_decoder" in settings:
            return None
        tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    except Exception:  # the library raises Exception itself; `load_student` reports the reason
        return None
    specials = [settings.get(name) for name in SPECIALS]
    known = all(special is None or tokenizer.token_to_id(str(special)) is not None for special in specials)
    # transformers sets the prefix space of byte-level tokenizers, and adds special tokens that are missing.
    if not known or specials[2] is None or b"add_prefix_space" in tokenizer.pre_tokenizer.__getstate__():
        return None
    return tokenizer

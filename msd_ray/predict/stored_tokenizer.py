"""Reads an exported student's tokenizer without transformers, and without torch: it loads while torch is imported."""

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

# transformers takes these classes' tokenizer.json as it is, and builds other classes' tokenizers anew.
AS_STORED = ("PreTrainedTokenizerFast", "TokenizersBackend")
SPECIALS = ("cls_token", "sep_token", "pad_token", "unk_token", "mask_token", "bos_token", "eos_token")


def stored_tokenizer(directory: Path) -> Tokenizer | None:
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

"""The tokenizer of multilingual-e5-small (XLM-RoBERTa's), built from the E5S1 file's vocabulary.

The original normalises with SentencePiece's compiled `nmt_nfkc` rules. `Nmt` and `NFKC` of the tokenizers library are
equivalent for every code point except two: the compiled rules leave U+FF5E (full-width tilde) unchanged, and predate
U+1F23B. Like the original, they also compose a letter and its accent, which the package's own table cannot: it maps
single code points.
"""

import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from .e5s1 import Vocabulary

# Characters to leave unchanged, each replaced by a private-use character (plane 15) while NFKC runs.
_PROTECTED = {"～": "\U000f0000", "\U0001f23b": "\U000f0001"}


def build_tokenizer(vocabulary: Vocabulary) -> Tokenizer:
    """A Unigram tokenizer that adds `<s>` before and `</s>` after a text."""
    tokenizer = Tokenizer(models.Unigram(vocabulary.pieces, unk_id=vocabulary.unk, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            *(normalizers.Replace(character, stand_in) for character, stand_in in _PROTECTED.items()),
            normalizers.Nmt(),
            normalizers.NFKC(),
            *(normalizers.Replace(stand_in, character) for character, stand_in in _PROTECTED.items()),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    bos, eos = vocabulary.pieces[vocabulary.bos][0], vocabulary.pieces[vocabulary.eos][0]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, vocabulary.bos), (eos, vocabulary.eos)],
    )
    specials = [vocabulary.pieces[i][0] for i in (vocabulary.bos, vocabulary.pad, vocabulary.eos, vocabulary.unk)]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in specials])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    return tokenizer


def write_tokenizer(vocabulary: Vocabulary, target: Path, *, max_length: int) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json` for transformers' fast tokenizer into `target`."""
    build_tokenizer(vocabulary).save(str(target / "tokenizer.json"), pretty=False)
    bos, eos, pad, unk = (
        vocabulary.pieces[i][0] for i in (vocabulary.bos, vocabulary.eos, vocabulary.pad, vocabulary.unk)
    )
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": max_length,
        "padding_side": "right",
        "clean_up_tokenization_spaces": False,
        "bos_token": bos,
        "cls_token": bos,
        "eos_token": eos,
        "sep_token": eos,
        "pad_token": pad,
        "unk_token": unk,
        "mask_token": "<mask>",
        "model_input_names": ["input_ids", "attention_mask"],
    }
    (target / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")

"""A tiny BERT for fast tests: random weights, a WordPiece tokenizer over common characters."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
# Latin with diacritics, Cyrillic, Arabic, Devanagari: every character that isprintable() in these blocks.
_BLOCKS = [(0x21, 0x180), (0x400, 0x460), (0x600, 0x700), (0x900, 0x980), (0x2010, 0x2028), (0x3001, 0x3003)]
_WORDS = [
    "the",
    "in",
    "of",
    "der",
    "die",
    "en",
    "van",
    "el",
    "la",
    "de",
    "в",
    "на",
    "من",
    "في",
    "में",
    "ve",
    "bir",
]


def tiny_bert_directory(directory: Path, *, layers: int = 6, hidden: int = 32, seed: int = 0) -> Path:
    """Write a BERT (`layers` x `hidden`, 4 heads, 512 positions) and its tokenizer; `seed` makes the weights.

    What is outside the alphabet becomes [UNK]: one for each Han character, one for each Hangul word.
    """
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer()
    tokenizer.save_pretrained(directory)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=2 * hidden,
        max_position_embeddings=512,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.1,  # 0.02 makes layers of this width all but the identity
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        BertModel(config, add_pooling_layer=False).save_pretrained(directory)
    return directory


def _tokenizer() -> PreTrainedTokenizerFast:
    characters = [chr(code) for start, end in _BLOCKS for code in range(start, end) if chr(code).isprintable()]
    pieces = [*SPECIALS, *characters, *("##" + character for character in characters), *_WORDS]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    backend.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=512,
    )

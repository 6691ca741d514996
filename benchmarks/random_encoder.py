"""Encoders with random weights, which need no download: `random:bert-base` has the size of multilingual BERT.

The time of a training step depends on the encoder's shape and the sentence lengths, not on the weights. Scores of a
random encoder are meaningless, so only benchmarks accept these names.
"""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from msd_ray.common.errors import UserError
from msd_ray.common.files import sha256
from msd_ray.data.encoders.files import EncoderFiles, combine_digests, content_files
from msd_ray.data.encoders.sources import resolve
from msd_ray.data.sentences import Sentence, Text

PREFIX = "random:"
SEED = 0
POSITIONS = 512
LONGEST_PIECE = 5
"""Characters per piece. With 5, MultiCoNER's English and Turkish have 24.2 and 23.9 tokens per sentence, with the
tokenizer of e5-small (XLM-RoBERTa's) 25.1 and 25.7: 1,024 training sentences of each, special tokens included."""
PADDING, UNKNOWN, CLS, SEP = SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


@dataclass(frozen=True, kw_only=True)
class BertShape:
    """The size of a BERT. inner: width of the feed-forward layers. pieces: size of the vocabulary."""

    layers: int
    width: int
    heads: int
    inner: int
    pieces: int


SHAPES = {
    # google-bert/bert-base-multilingual-cased
    "bert-base": BertShape(layers=12, width=768, heads=12, inner=3072, pieces=119_547),
    # For tests. Has more layers than other models of this name, because the three lowest are frozen.
    "bert-tiny": BertShape(layers=6, width=32, heads=4, inner=64, pieces=2_000),
}


@contextmanager
def encoder_named(name: str, sentences: Iterable[Sentence | Text]) -> Iterator[EncoderFiles]:
    """Create an encoder with random weights in a temporary directory, or resolve any other name.

    Args:
        name: `random:SIZE`, or a name that `resolve` accepts.
        sentences: text for the vocabulary of a random encoder.

    Raises:
        UserError: the size is unknown, or as `resolve`.
    """
    if not name.startswith(PREFIX):
        yield resolve(name)
        return
    shape = SHAPES.get(name.removeprefix(PREFIX))
    if shape is None:
        raise UserError(f"--encoder {name}: unknown size. Use {' or '.join(PREFIX + known for known in SHAPES)}")
    with tempfile.TemporaryDirectory(prefix="msd-ray-random-encoder-") as directory:
        write_encoder(shape, sentences, Path(directory))
        digest = combine_digests({path.name: sha256(path) for path in content_files(Path(directory))})
        yield EncoderFiles(name=name, directory=Path(directory), digest=digest)


def write_encoder(shape: BertShape, sentences: Iterable[Sentence | Text], directory: Path) -> None:
    """Write configuration, weights (float32, the same for the same shape) and tokenizer into an existing directory."""
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=build_tokenizer(sentences, shape.pieces),
        pad_token=PADDING,
        unk_token=UNKNOWN,
        cls_token=CLS,
        sep_token=SEP,
        model_max_length=POSITIONS,
    ).save_pretrained(directory)
    config = bert_config(shape)
    config.save_pretrained(directory)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = BertModel(config, add_pooling_layer=False)
    save_file(model.state_dict(), directory / "model.safetensors", metadata={"format": "pt"})


def bert_config(shape: BertShape) -> BertConfig:
    """Return the configuration of a BERT of this shape, with BERT's defaults otherwise."""
    return BertConfig(
        vocab_size=shape.pieces,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
        max_position_embeddings=POSITIONS,
        pad_token_id=SPECIALS.index(PADDING),
    )


def build_tokenizer(sentences: Iterable[Sentence | Text], pieces: int) -> Tokenizer:
    """Build a tokenizer that splits words, after splitting at punctuation like BERT's, into fixed-length pieces.

    Pieces have `LONGEST_PIECE` characters, so that a sentence's length depends only on its characters and is close to
    that of a trained vocabulary. The vocabulary holds the text's most frequent pieces, `pieces` including the special
    ones; other pieces become [UNK], which does not change lengths.
    """
    normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    words = pre_tokenizers.Sequence(
        [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Split(Regex(f".{{1,{LONGEST_PIECE}}}"), "isolated")]
    )
    found = Counter(
        piece
        for sentence in sentences
        for token in sentence.tokens
        for piece, _ in words.pre_tokenize_str(normalizer.normalize_str(token))
    )
    frequent = [piece for piece, _ in found.most_common() if piece not in SPECIALS]
    vocabulary = {piece: number for number, piece in enumerate((*SPECIALS, *frequent)) if number < pieces}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = words
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{CLS} $A {SEP}",
        pair=f"{CLS} $A {SEP} $B:1 {SEP}:1",
        special_tokens=[(CLS, vocabulary[CLS]), (SEP, vocabulary[SEP])],
    )
    return tokenizer

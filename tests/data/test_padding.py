"""How much of the batches is padding on text as it is, with the tokenizer of the embedded default."""

from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerFast

from msd_ray.data.batches import padding_share, paired_batches, training_batches
from msd_ray.data.encode import encode_text
from msd_ray.data.encoders.loading import load_tokenizer
from msd_ray.data.encoders.sources import resolve
from msd_ray.data.load import load_source

REAL = Path(__file__).parents[2] / ".." / "shared" / "data" / "multiconer"


@pytest.fixture(scope="module")
def e5_tokenizer() -> PreTrainedTokenizerFast:
    return load_tokenizer(resolve("e5-small"))


@pytest.mark.parametrize("lang", ["en", "ar", "ko", "zh"])
def test_sample(e5_tokenizer: PreTrainedTokenizerFast, lang: str) -> None:
    corpus = load_source("sample", None, lang=lang)
    lengths = encode_text(corpus.train, e5_tokenizer, max_length=128).lengths
    assert padding_share(lengths, training_batches(lengths, 32, seed=0, epoch=1)) < 0.05


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="real corpora are not there")
@pytest.mark.parametrize("lang", ["ko", "tr"])
def test_real_corpora(e5_tokenizer: PreTrainedTokenizerFast, lang: str) -> None:
    """Every sentence of the target, and as many of the source: both sides of a student's batches."""
    target, source = (
        encode_text(load_source("mlowner", REAL, lang=name).train, e5_tokenizer, max_length=128).lengths
        for name in (lang, "en")
    )
    assert len(target) == len(source) == 15_300
    pairs = paired_batches(target, source, 32, seed=0, epoch=1)
    assert padding_share(target, [pair[0] for pair in pairs]) < 0.05
    assert padding_share(source, [pair[1] for pair in pairs]) < 0.05

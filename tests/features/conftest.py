"""What the tests of features share: a tokenizer that cuts words into characters."""

import pytest
from transformers import PreTrainedTokenizerFast

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.loading import load_tokenizer


@pytest.fixture(scope="session")
def tiny_tokenizer(tiny_encoder: EncoderFiles) -> PreTrainedTokenizerFast:
    return load_tokenizer(tiny_encoder)

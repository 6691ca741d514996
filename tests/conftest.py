"""Fixtures that several packages' tests share."""

import pytest
from tiny_bert import tiny_bert_directory

from msd_ray.encoders import EncoderFiles, resolve


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> EncoderFiles:
    """A 6-layer, 32-wide BERT with random weights and a WordPiece tokenizer, for training in no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MSD_RAY_CACHE", str(tmp_path_factory.mktemp("cache")))
        return resolve(str(tiny_bert_directory(tmp_path_factory.mktemp("tiny-bert"))))

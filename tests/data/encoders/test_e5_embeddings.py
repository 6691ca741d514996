"""What the embedded encoder computes: the package's own embeddings, and translations nearer than other sentences."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerFast
from translations import SENTENCES

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.loading import load_encoder

Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def model(e5_files: EncoderFiles) -> PreTrainedModel:
    model = load_encoder(e5_files, dropout=0.1)
    model.train(False)
    return model


def embed(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> Floats:
    """Mean over tokens, of length 1: (sentences, 384), as the model's card says."""
    batch = tokenizer(["query: " + text for text in texts], padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**batch).last_hidden_state
    mask = batch["attention_mask"][..., None]
    mean = (hidden * mask).sum(1) / mask.sum(1)
    return torch.nn.functional.normalize(mean, dim=-1).numpy()


@pytest.fixture(scope="module")
def vectors(model: PreTrainedModel, e5_tokenizer: PreTrainedTokenizerFast) -> dict[str, Floats]:
    return {language: embed(model, e5_tokenizer, texts) for language, texts in SENTENCES.items()}


@pytest.mark.parametrize("language", sorted(SENTENCES))
def test_agrees_with_the_package(language: str, vectors: dict[str, Floats], e5_engine: Any) -> None:
    """It multiplies in int8 where this is float32: each component within 1e-2, the cosine over 0.999."""
    own = e5_engine.query(SENTENCES[language])
    np.testing.assert_allclose(vectors[language], own, atol=1e-2)
    assert (vectors[language] * own).sum(-1).min() > 0.999


@pytest.mark.parametrize("language", sorted(set(SENTENCES) - {"en"}))
def test_translations_are_nearer_than_other_sentences(language: str, vectors: dict[str, Floats]) -> None:
    cosines = vectors["en"] @ vectors[language].T
    translations = np.diag(cosines)
    others = cosines[~np.eye(len(cosines), dtype=bool)]
    assert translations.min() > others.max() + 0.03
    assert translations.mean() > others.mean() + 0.08


def test_positions_and_types_count(model: PreTrainedModel, e5_tokenizer: PreTrainedTokenizerFast) -> None:
    """Position i of a sentence has row i of the table (no offset as in RoBERTa), each token type 0."""
    batch = e5_tokenizer("Vienna lies on the Danube", return_tensors="pt")
    length = batch["input_ids"].shape[1]
    with torch.no_grad():
        default = model(**batch).last_hidden_state
        named = model(**batch, position_ids=torch.arange(length)[None], token_type_ids=torch.zeros(1, length).long())
        shifted = model(**batch, position_ids=torch.arange(length)[None] + 2)
    torch.testing.assert_close(named.last_hidden_state, default)
    assert (shifted.last_hidden_state - default).abs().max() > 1e-2


def test_the_word_embeddings_cover_every_piece(model: PreTrainedModel) -> None:
    table = model.get_parameter("embeddings.word_embeddings.weight").detach()
    assert table.shape == (250_037, 384)
    assert bool((table[:250_002].norm(dim=1) > 0).all())

"""Random encoders: documented sizes, deterministic weights, sentence lengths that depend only on the text."""

from pathlib import Path

import pytest
import torch
from transformers import BertModel

from benchmarks.random_encoder import SHAPES, bert_config, build_tokenizer, encoder_named
from msd_ray.common.errors import UserError
from msd_ray.data.encode import encode_text
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.loading import load_encoder, load_tokenizer
from msd_ray.data.encoders.sources import resolve
from msd_ray.data.sentences import Text

SENTENCES = (Text(("Straßenbahn", "fährt", "!")), Text(("a", "bb", "don't", "Кремль")))


def test_bert_base_has_the_size_of_multilingual_bert() -> None:
    with torch.device("meta"):
        model = BertModel(bert_config(SHAPES["bert-base"]))
    assert sum(parameter.numel() for parameter in model.parameters()) == 177_853_440


def test_encoder_loads_like_any_other_and_is_removed() -> None:
    with encoder_named("random:bert-tiny", SENTENCES) as encoder:
        model, again = (load_encoder(encoder, dropout=0.0).state_dict() for _ in range(2))
        tokenizer = load_tokenizer(encoder)
        encoded = encode_text(SENTENCES, tokenizer, max_length=128)
        assert encoder.name == "random:bert-tiny"
    assert not encoder.directory.exists()
    # [CLS] and [SEP], and Straß-enbah-n fährt !; a bb don ' t Кремл-ь
    assert encoded.lengths.tolist() == [2 + 3 + 1 + 1, 2 + 1 + 1 + 3 + 2]
    assert encoded.cut_words == 0
    assert tokenizer.unk_token_id not in encoded.input_ids
    torch.manual_seed(1)
    with encoder_named("random:bert-tiny", SENTENCES) as second:
        assert second.digest == encoder.digest
    assert all(torch.equal(model[name], again[name]) for name in model)


def test_pieces_that_the_vocabulary_lacks_change_no_length() -> None:
    tokens = list(SENTENCES[0].tokens)
    small, large = (build_tokenizer(SENTENCES, pieces).encode(tokens, is_pretokenized=True) for pieces in (5, 100))
    assert len(small.ids) == len(large.ids)
    assert max(small.ids) < 5
    assert "[UNK]" in small.tokens
    assert "[UNK]" not in large.tokens


def test_other_names_are_those_of_the_search(tiny_encoder: EncoderFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    name = str(tiny_encoder.directory)
    with encoder_named(name, SENTENCES) as encoder:
        assert encoder.directory == Path(name)


def test_unknown_size() -> None:
    message = "--encoder random:bert-huge: unknown size. Use random:bert-base or random:bert-tiny"
    with pytest.raises(UserError, match=message), encoder_named("random:bert-huge", SENTENCES):
        pass


def test_the_search_offers_no_random_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="neither a directory nor the name of a hub repository"):
        resolve("random:bert-tiny")

"""Families of encoders load, run layer by layer as they run whole, and everything else is refused in one message."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tiny_bert import tiny_bert_directory
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.masking_utils import create_bidirectional_mask

from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.layers import encoder_parts
from msd_ray.data.encoders.loading import load_encoder, load_tokenizer

SIZES = {"vocab_size": 60, "num_hidden_layers": 3, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 48}
DISTIL = {"vocab_size": 60, "n_layers": 3, "dim": 32, "n_heads": 4, "hidden_dim": 48}


def save(directory: Path, family: str, settings: Mapping[str, object], head: str = "Model") -> EncoderFiles:
    """A random model of a family, by its class names' beginning; its tokenizer is not there."""
    config: PreTrainedConfig = getattr(transformers, family + "Config")(**settings)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        getattr(transformers, family + head)(config).save_pretrained(directory)
    return EncoderFiles(name=family, directory=directory, digest="0" * 64)


def set_config(files: EncoderFiles, **settings: object) -> None:
    path = files.directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def copied(files: EncoderFiles, directory: Path) -> EncoderFiles:
    shutil.copytree(files.directory, directory)
    return EncoderFiles(name="copy", directory=directory, digest=files.digest)


@pytest.mark.parametrize("head", ["Model", "ForMaskedLM"])
@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("Bert", SIZES),
        ("Roberta", SIZES),
        ("XLMRoberta", SIZES),
        ("Camembert", SIZES),
        ("Electra", SIZES | {"embedding_size": 32}),
        ("DistilBert", DISTIL),
    ],
)
def test_families_run_layer_by_layer(tmp_path: Path, family: str, settings: Mapping[str, object], head: str) -> None:
    model = load_encoder(save(tmp_path / "encoder", family, settings, head), dropout=0.25)
    assert {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)} == {0.25}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert model.config._attn_implementation == "sdpa"
    assert getattr(model, "pooler", None) is None
    model.train(False)
    parts = encoder_parts(model)
    assert len(parts.layers) == 3

    ids = torch.randint(5, 60, (2, 7), generator=torch.Generator().manual_seed(1))
    mask = torch.tensor([[1] * 7, [1] * 4 + [0] * 3])
    with torch.no_grad():
        whole = model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
        hidden = parts.embeddings(input_ids=ids)
        torch.testing.assert_close(hidden, whole[0])
        full = create_bidirectional_mask(config=model.config, inputs_embeds=hidden, attention_mask=mask)
        for layer, expected in zip(parts.layers, whole[1:], strict=True):
            hidden = layer(hidden, full)
            torch.testing.assert_close(hidden, expected)


def test_weights_are_the_files(tiny_encoder: EncoderFiles) -> None:
    written = load_file(tiny_encoder.directory / "model.safetensors")
    loaded = load_encoder(tiny_encoder, dropout=0.0).state_dict()
    assert set(written) == set(loaded)
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in written.items())


def test_half_precision_weights_become_float32(tmp_path: Path) -> None:
    files = save(tmp_path, "Bert", SIZES)
    weights = load_file(tmp_path / "model.safetensors")
    save_file(
        {name: tensor.half() for name, tensor in weights.items()}, tmp_path / "model.safetensors", {"format": "pt"}
    )
    set_config(files, dtype="float16")
    model = load_encoder(files, dropout=0.1)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("family", "settings", "message"),
    [
        ("GPT2", {"vocab_size": 60, "n_layer": 1, "n_embd": 32, "n_head": 4}, "'gpt2' is not a text encoder"),
        ("T5", {"vocab_size": 60, "num_layers": 1, "d_model": 32, "d_kv": 8, "d_ff": 32}, "not a text encoder"),
        ("ViT", {k: v for k, v in SIZES.items() if k != "vocab_size"}, "'vit' is not a text encoder"),
        ("Bert", SIZES | {"is_decoder": True}, "generate text"),
        ("Albert", SIZES | {"embedding_size": 16}, "no list of layers"),
    ],
)
def test_what_is_no_such_encoder(tmp_path: Path, family: str, settings: dict[str, object], message: str) -> None:
    files = save(tmp_path / "model", family, settings)
    with pytest.raises(UserError, match=message):
        load_encoder(files, dropout=0.1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model_type": None}, "has no model_type"),
        ({"model_type": "of-my-own"}, "of-my-own"),
        ({"model_type": "of-my-own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}, "of-my-own"),
        ({"num_hidden_layers": 8}, r"weights \(first: encoder\.layer\.6\."),
        ({"intermediate_size": 31}, r"weights \(first: encoder\.layer\.0\.intermediate"),
        ({"hidden_size": 30}, "makes no model: The hidden size"),
    ],
)
def test_a_configuration_that_is_wrong(
    tiny_encoder: EncoderFiles, tmp_path: Path, settings: dict[str, object], message: str
) -> None:
    files = copied(tiny_encoder, tmp_path / "bert-copy")
    (files.directory / "own.py").write_text("raise SystemExit('run')")
    set_config(files, **settings)
    with pytest.raises(UserError, match=message) as caught:
        load_encoder(files, dropout=0.1)
    assert "\n" not in str(caught.value)


def test_files_that_are_damaged(tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    files = copied(tiny_encoder, tmp_path / "weights")
    (files.directory / "model.safetensors").write_bytes(b"not these")
    with pytest.raises(UserError, match="cannot load"):
        load_encoder(files, dropout=0.1)
    files = copied(tiny_encoder, tmp_path / "config")
    (files.directory / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"cannot read .*config\.json"):
        load_encoder(files, dropout=0.1)
    files = copied(tiny_encoder, tmp_path / "tokenizer")
    (files.directory / "tokenizer.json").write_text("{")
    with pytest.raises(UserError, match="no tokenizer in"):
        load_tokenizer(files)


@pytest.mark.parametrize("dropout", [-0.1, 1.0, float("nan")])
def test_dropout_out_of_range(tiny_encoder: EncoderFiles, dropout: float) -> None:
    with pytest.raises(UserError, match="dropout must be"):
        load_encoder(tiny_encoder, dropout=dropout)


def test_parts_of_a_model_with_a_pooler_or_a_head(tiny_encoder: EncoderFiles) -> None:
    config = transformers.BertConfig.from_pretrained(tiny_encoder.directory)
    for model in (transformers.BertModel(config), transformers.BertForMaskedLM(config)):
        assert isinstance(model, PreTrainedModel)
        with pytest.raises(UserError):
            encoder_parts(model)


def test_tokenizer_of_words(tiny_encoder: EncoderFiles) -> None:
    tokenizer = load_tokenizer(tiny_encoder)
    encoded = tokenizer([["Anna", "в", "東京"], ["die"]], is_split_into_words=True, padding=True)
    assert encoded.tokens(0) == ["[CLS]", "A", "##n", "##n", "##a", "в", "[UNK]", "[UNK]", "[SEP]"]
    assert encoded.word_ids(0) == [None, 0, 0, 0, 0, 1, 2, 2, None]
    assert encoded["attention_mask"][1] == [1, 1, 1, 0, 0, 0, 0, 0, 0]


def test_byte_level_tokenizer_separates_words(tmp_path: Path) -> None:
    """RoBERTa's kind: its words begin with a space, which it adds itself only if told to."""
    files = save(tmp_path, "Roberta", SIZES | {"vocab_size": 300})
    from tokenizers import ByteLevelBPETokenizer

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        ["one two two"], vocab_size=300, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    )
    trained.save_model(str(tmp_path))
    transformers.RobertaTokenizer.from_pretrained(tmp_path).save_pretrained(tmp_path)
    encoded = load_tokenizer(files)(["two", "two"], is_split_into_words=True)
    assert encoded.word_ids() in ([None, 0, 1, None], [None, 0, 0, 1, 1, None])
    assert encoded.tokens()[1].startswith("Ġ")


def test_a_tokenizer_without_specials_or_too_big(tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    files = copied(tiny_encoder, tmp_path / "specials")
    path = files.directory / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    del settings["pad_token"], settings["cls_token"]
    path.write_text(json.dumps(settings))
    with pytest.raises(UserError, match="no cls_token, pad_token"):
        load_tokenizer(files)
    files = copied(tiny_encoder, tmp_path / "size")
    set_config(files, vocab_size=100)
    with pytest.raises(UserError, match="embeddings for 100 only"):
        load_tokenizer(files)


def test_a_bert_with_a_vocabulary_file_only(tmp_path: Path) -> None:
    """As old repositories have it: vocab.txt makes the fast tokenizer."""
    directory = tiny_bert_directory(tmp_path, layers=1)
    files = EncoderFiles(name="old", directory=directory, digest="")
    vocabulary = load_tokenizer(files).get_vocab()
    (directory / "tokenizer.json").unlink()
    (directory / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    (directory / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)) + "\n")
    tokenizer = load_tokenizer(files)
    assert tokenizer.get_vocab() == vocabulary
    assert tokenizer(["Anna"], is_split_into_words=True).tokens() == ["[CLS]", "A", "##n", "##n", "##a", "[SEP]"]

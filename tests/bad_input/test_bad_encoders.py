"""Encoders that a user can get wrong: one message, nothing written."""

import json
import shutil
from pathlib import Path

from transformers import BertConfig, BertModel, GPT2Config, GPT2Model
from tune_command import UNREACHABLE, message

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.tune import main


def test_unreachable_hub_for_an_encoder(small: list[str], runs: Path, no_hub: Path) -> None:
    text = message([*small, "--encoder", "google-bert/bert-base-multilingual-cased"])
    assert f"encoder google-bert/bert-base-multilingual-cased: cannot get it from {UNREACHABLE}" in text
    assert "--encoder e5-small" in text
    assert not runs.exists()


def test_no_such_encoder(small: list[str], runs: Path, tmp_path: Path) -> None:
    assert "no such directory" in message([*small, "--encoder", str(tmp_path / "nowhere")])
    assert "neither a directory nor the name of a hub repository" in message([*small, "--encoder", "a b"])
    (tmp_path / "empty").mkdir()
    text = message([*small, "--encoder", str(tmp_path / "empty")])
    assert "lacks config.json and model.safetensors and tokenizer.json" in text
    assert not runs.exists()


def test_pickled_weights(small: list[str], runs: Path, tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    pickled = tmp_path / "pickled"
    shutil.copytree(tiny_encoder.directory, pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    text = message([*small, "--encoder", str(pickled)])
    assert "lacks model.safetensors; it has pytorch_model.bin, which is not read" in text
    assert not runs.exists()


def test_a_model_that_generates_text(small: list[str], runs: Path, tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    """With a tokenizer that would do: what it is, only its configuration and weights tell."""
    gpt = tmp_path / "gpt"
    shutil.copytree(tiny_encoder.directory, gpt)
    vocabulary = json.loads((gpt / "config.json").read_text())["vocab_size"]
    GPT2Model(GPT2Config(vocab_size=vocabulary, n_embd=8, n_layer=4, n_head=2, n_positions=128)).save_pretrained(gpt)
    assert "model_type 'gpt2' is not a text encoder" in message([*small, "--encoder", str(gpt)])
    assert not runs.exists()


def test_damaged_weights(small: list[str], runs: Path, tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(tiny_encoder.directory, damaged)
    weights = damaged / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert f"cannot load {damaged}" in message([*small, "--encoder", str(damaged)])
    assert not runs.exists()


def test_an_encoder_with_too_few_layers_or_positions(
    small: list[str], runs: Path, tiny_encoder: EncoderFiles, tmp_path: Path
) -> None:
    text = message([*small, "--frozen-layers", "6"])
    assert "--frozen-layers 6 leaves nothing to train" in text
    assert "which has 6 layers: 5 at most" in text
    short = tmp_path / "short"
    shutil.copytree(tiny_encoder.directory, short)
    config = BertConfig.from_pretrained(short, max_position_embeddings=64)
    BertModel(config, add_pooling_layer=False).save_pretrained(short)
    assert "--max-length 65: encoder" in message([*small, "--encoder", str(short), "--max-length", "65"])
    assert main([*small, "--encoder", str(short), "--max-length", "64", "--dry-run"]) == 0
    assert not runs.exists()

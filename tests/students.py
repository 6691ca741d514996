"""A trained-looking student for tests: a tagger on the tiny encoder with drawn weights, its weights file, its card."""

from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from msd_ray.data.encode import LabelAt
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.words import WordRule
from msd_ray.method.build import build_tagger
from msd_ray.method.decoding import Decode
from msd_ray.method.settings import RunSettings
from msd_ray.method.tagger import MultiChannelTagger
from msd_ray.predict.export import export_student
from msd_ray.predict.model_card import ModelCard, ScoreRow

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
FROZEN = 2
MAX_LENGTH = 24

CARD = ModelCard(
    dataset="sample",
    lang="tr",
    source_lang="en",
    encoder="e5-small",
    base_model="intfloat/multilingual-e5-small",
    encoder_licence="mit",
    data_licence="Apache-2.0",
    teachers=({"learning_rate": 5e-05, "alpha": 0.05},),
    students=({"learning_rate": 2.3456789e-05, "beta": 0.05},),
    run={"epochs": 10},
    seed=3,
    epoch=7,
    seeds=(1, 2, 3),
    scores=(
        ScoreRow(system="teacher", mean=0.41234, deviation=0.01, n=3),
        ScoreRow(system="student", mean=0.52345, deviation=0.02, n=3, model=True),
    ),
    data_digests={"tr train text": "ab" * 32},
    study="first",
    versions={"msd_ray": "0.1.0"},
    configuration="0a1b2c3d",
    dev_f1=0.53211,
    entity_types=("LOC", "PER"),
    max_length=MAX_LENGTH,
)


def trained_tagger(encoder: EncoderFiles, frozen_layers: int = FROZEN) -> MultiChannelTagger:
    """A tagger as training leaves it: every trained parameter moved, large terminals so that labels vary."""
    tagger = build_tagger(
        encoder,
        len(LABELS),
        run=RunSettings(seed=5, frozen_layers=frozen_layers),
        dropout=0.1,
        device=torch.device("cpu"),
    )
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in tagger.trained_parameters().items():
            scale = 1.0 if name.startswith("terminal") else 0.02
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator))
    return tagger.eval()


def weights_file(tagger: MultiChannelTagger, path: Path) -> Path:
    """The trained parameters as a training's checkpoint holds them."""
    save_file({name: value.detach().clone() for name, value in tagger.trained_parameters().items()}, path)
    return path


def exported(
    encoder: EncoderFiles,
    directory: Path,
    *,
    lang: str = "tr",
    noise: float = 0.0,
    decode: Decode = "argmax",
    frozen_layers: int = FROZEN,
    max_length: int = MAX_LENGTH,
    word_rule: WordRule | None = None,
    label_at: LabelAt = "first",
) -> MultiChannelTagger:
    """Write the student to `directory`; the tagger that it came from. Another `noise`, another student."""
    tagger = trained_tagger(encoder, frozen_layers)
    with torch.no_grad():
        tagger.terminal_bias.add_(
            noise * torch.randn(tagger.terminal_bias.shape, generator=torch.Generator().manual_seed(9))
        )
    weights = weights_file(tagger, directory.with_suffix(".safetensors"))
    export_student(
        directory,
        encoder=encoder,
        weights_file=weights,
        label_names=LABELS,
        frozen_layers=frozen_layers,
        max_length=max_length,
        card=replace(CARD, lang=lang, label_at=label_at),
        decode=decode,
        word_rule=word_rule,
        label_at=label_at,
    )
    return tagger

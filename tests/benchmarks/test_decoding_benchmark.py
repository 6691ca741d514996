"""benchmarks.decoding on a student and the embedded corpus."""

import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from students import CARD, exported, weights_file
from transformers import PreTrainedTokenizerFast

from benchmarks.decoding import _dev_set, main
from msd_ray.common.errors import UserError
from msd_ray.data.catalogue import label_names
from msd_ray.data.encode import LabelAt, encode_sentences
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.load import load_target
from msd_ray.method.build import build_tagger
from msd_ray.method.decoding import Decode
from msd_ray.method.entity_scores import entity_scores
from msd_ray.method.settings import RunSettings
from msd_ray.predict.export import export_student, load_student
from msd_ray.predict.tagging import tag

CPU = torch.device("cpu")
LABELS = label_names("sample")
DECODES: tuple[Decode, ...] = get_args(Decode)
LABEL_AT: tuple[LabelAt, ...] = get_args(LabelAt)


@pytest.fixture(scope="module")
def directory(tiny_encoder: EncoderFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student with random terminals for the labels of the embedded corpus."""
    path = tmp_path_factory.mktemp("exported") / "student"
    run = RunSettings(seed=5, frozen_layers=2, max_length=512)
    tagger = build_tagger(tiny_encoder, len(LABELS), run=run, dropout=0.0, device=CPU)
    with torch.no_grad():
        tagger.terminal_weight.copy_(
            torch.randn(tagger.terminal_weight.shape, generator=torch.Generator().manual_seed(1))
        )
    export_student(
        path,
        encoder=tiny_encoder,
        weights_file=weights_file(tagger, path.with_suffix(".safetensors")),
        label_names=LABELS,
        frozen_layers=run.frozen_layers,
        max_length=run.max_length,
        card=CARD,
    )
    return path


def test_both_decoders_on_the_dev_set(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--model", str(directory), "--precision", "fp32"]) == 0
    printed = capsys.readouterr().out
    dev = load_target("sample", "tr", None).dev
    assert f"sample, tr dev: {len(dev)} sentences" in printed
    student, gold = load_student(directory, CPU), [sentence.labels for sentence in dev]
    labels = {
        decode: tag(student, [sentence.tokens for sentence in dev], precision="fp32", decode=decode)
        for decode in DECODES
    }
    for decode, found in labels.items():
        (row,) = re.findall(rf"^\| {decode} \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| (\d+) \|$", printed, re.MULTILINE)
        expected = entity_scores(gold, found)
        assert row[:3] == tuple(f"{100 * x:.2f}" for x in (expected.precision, expected.recall, expected.f1))
        assert int(row[3]) > 1000
    other = sum(a != b for a, b in zip(*labels.values(), strict=True))
    assert f"viterbi   other labels than argmax in {other} sentences" in printed
    stray = re.search(r"^argmax +(\d+) of (\d+) sentences", printed, re.MULTILINE)
    assert stray is not None
    assert 0 < other <= int(stray[1]) <= int(stray[2]) == len(dev), "what is valid already is the best valid sequence"


def test_words_are_scored_where_the_student_has_their_labels(
    directory: Path, e5_tokenizer: PreTrainedTokenizerFast
) -> None:
    student = load_student(directory, CPU)
    description = student.description.model_copy(update={"label_at": "text"})
    found = _dev_set(replace(student, tokenizer=e5_tokenizer, description=description), "sample", "zh", None)
    dev = load_target("sample", "zh", None).dev
    at_text, at_first = (
        encode_sentences(dev, e5_tokenizer, LABELS, max_length=512, label_at=label_at) for label_at in LABEL_AT
    )
    assert found.words.tolist() == at_text.words.tolist() != at_first.words.tolist()


def test_a_student_of_other_labels(tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    exported(tiny_encoder, tmp_path / "student")
    with pytest.raises(UserError, match="labels that the model does not know: B-ORG, I-ORG"):
        main(["--model", str(tmp_path / "student")])

"""`--export-onnx`: the labels of the student, by onnxruntime and tokenizers alone."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from families import random_encoder
from students import exported
from tokenizers import Tokenizer

from msd_ray import Tagger
from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.sample import sample_sentences
from msd_ray.predict.__main__ import main
from msd_ray.predict.onnx import export_onnx


def labels_of_words(model: Path, tokenizer: Path, sentences: list[list[str]]) -> list[list[str]]:
    """The best label of each word's first token, in one batch."""
    session = onnxruntime.InferenceSession(str(model))
    names = json.loads(session.get_modelmeta().custom_metadata_map["labels"])
    reader = Tokenizer.from_file(str(tokenizer))
    reader.enable_padding(pad_id=reader.token_to_id("[PAD]"), pad_token="[PAD]")
    encodings = reader.encode_batch(sentences, is_pretokenized=True)
    inputs = {
        "input_ids": np.array([encoding.ids for encoding in encodings]),
        "attention_mask": np.array([encoding.attention_mask for encoding in encodings]),
    }
    (logits,) = session.run(["logits"], inputs)
    best = logits.argmax(axis=-1)
    return [
        [names[row[encoding.word_ids.index(word)]] for word in range(len(words))]
        for row, encoding, words in zip(best, encodings, sentences, strict=True)
    ]


def test_onnx_gives_the_same_labels(
    tiny_encoder: EncoderFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exported(tiny_encoder, tmp_path / "student", max_length=512, label_at="text")
    assert main(["--model", str(tmp_path / "student"), "--export-onnx", str(tmp_path / "tr.onnx")]) == 0
    assert capsys.readouterr().out.endswith(f"{tmp_path / 'tr.onnx'}\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["student", "student.safetensors", "tr.onnx"]
    tagger = Tagger.from_pretrained(tmp_path / "student", device="cpu", precision="fp32")
    for lang in ("ar", "tr"):
        sentences = [list(sentence.tokens) for sentence in sample_sentences(lang, "train")[:100]]
        expected = tagger.tag(sentences)
        found = labels_of_words(tmp_path / "tr.onnx", tmp_path / "student" / "tokenizer.json", sentences)
        assert [[label[2:] for label in labels] for labels in found] == [
            [label[2:] for label in tagged.labels] for tagged in expected
        ]
        assert len({label for labels in found for label in labels}) > 3
    metadata = onnxruntime.InferenceSession(str(tmp_path / "tr.onnx")).get_modelmeta().custom_metadata_map
    assert metadata["label_at"] == "text"
    assert (metadata["max_length"], metadata["lang"], metadata["dataset"]) == ("512", "tr", "sample")


@pytest.mark.slow
@pytest.mark.parametrize("family", ["XLMRoberta", "DebertaV2", "ModernBert"])
def test_other_families(tmp_path: Path, family: str) -> None:
    exported(random_encoder(tmp_path / "encoder", family), tmp_path / "student", frozen_layers=1, max_length=100)
    export_onnx(tmp_path / "student", tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    tagger = Tagger.from_pretrained(tmp_path / "student", device="cpu", precision="fp32")
    for words in (["one", "two", "onetwo", "two"], ["two"] * 9):
        encoding = tagger.classifier.tokenizer.encode(words, is_pretokenized=True)
        ids = np.array([encoding.ids])
        (logits,) = session.run(["logits"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        names = tagger.classifier.description.label_names
        found = [names[logits[0, encoding.word_ids.index(word)].argmax()][2:] for word in range(len(words))]
        assert found == [label[2:] for label in tagger.tag([words])[0].labels]


def test_errors(tiny_encoder: EncoderFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exported(tiny_encoder, tmp_path / "student")
    with pytest.raises(UserError, match=r"--export-onnx .*: is a directory. Give the name of a file"):
        export_onnx(tmp_path / "student", tmp_path)
    with pytest.raises(
        UserError, match=r"nowhere is not a directory. Give the name of a file in an existing directory"
    ):
        export_onnx(tmp_path / "student", tmp_path / "nowhere" / "tr.onnx")
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxscript" else find_spec(name))
    with pytest.raises(UserError, match=r"onnxscript not installed. .* pip install 'msd-ray\[onnx\]'"):
        main(["--model", str(tmp_path / "student"), "--export-onnx", str(tmp_path / "tr.onnx")])
    assert not (tmp_path / "tr.onnx").exists()

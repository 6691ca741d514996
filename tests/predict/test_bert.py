"""The forward pass without transformers: the logits and labels of transformers' models, or none at all."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from families import FAMILIES, random_encoder
from safetensors.torch import load_file, save_file
from students import LABELS, exported
from transformers import AutoModelForTokenClassification

from msd_ray import Tagger
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.sample import sample_sentences
from msd_ray.predict.bert import BertClassifier, read_bert
from msd_ray.predict.export import load_student
from msd_ray.predict.tagging import tag

CPU = torch.device("cpu")
LIKE_BERT = ("Bert", "Roberta", "XLMRoberta", "Camembert", "Electra")
IDS = torch.tensor([[0, 9, 40, 77, 12, 2], [0, 15, 2, 1, 1, 1], [0, 31, 8, 66, 2, 1]])
PADDING = 1


def read(directory: Path, dtype: torch.dtype = torch.float32) -> BertClassifier | None:
    return read_bert(directory, len(LABELS), dtype=dtype, device=CPU)


@pytest.mark.parametrize("family", LIKE_BERT)
def test_logits_are_those_of_transformers(tmp_path: Path, family: str) -> None:
    exported(random_encoder(tmp_path / "encoder", family), tmp_path / "student", frozen_layers=1, max_length=100)
    bert = read(tmp_path / "student")
    assert bert is not None
    assert bert.most_tokens == (512 if family in ("Bert", "Electra") else 510)
    model = AutoModelForTokenClassification.from_pretrained(tmp_path / "student")
    mask = (IDS != PADDING).long()
    with torch.inference_mode():
        expected = model(input_ids=IDS, attention_mask=mask).logits
        torch.testing.assert_close(bert.logits(IDS, mask)[mask.bool()], expected[mask.bool()], atol=1e-5, rtol=1e-5)
        whole = IDS[:1]
        torch.testing.assert_close(bert.logits(whole, None), model(input_ids=whole).logits, atol=1e-5, rtol=1e-5)
        # Padding inside a text: RoBERTa does not count it.
        inside = torch.tensor([[0, 9, 1, 77, 2]])
        torch.testing.assert_close(
            bert.logits(inside, None),
            model(input_ids=inside, attention_mask=torch.ones_like(inside)).logits,
            atol=1e-5,
            rtol=1e-5,
        )
    assert expected.std(dim=-1).min() > 0.1, "the logits vary, so that they can tell"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_labels_are_those_of_the_loaded_student(tiny_encoder: EncoderFiles, tmp_path: Path, precision: str) -> None:
    exported(tiny_encoder, tmp_path / "student")
    words = [list(sentence.tokens) for lang in ("ar", "de") for sentence in sample_sentences(lang, "train")[:150]]
    words[::10] = [sentence * 4 for sentence in words[::10]]  # longer than the limit
    tagger = Tagger.from_pretrained(tmp_path / "student", device="cpu", precision=precision)
    found = [list(tagged.labels) for tagged in tagger.tag(words)]
    expected = tag(load_student(tmp_path / "student", CPU), words, precision=precision)
    same = sum(a == b for one, other in zip(found, expected, strict=True) for a, b in zip(one, other, strict=True))
    total = sum(map(len, words))
    # In bf16 the order of additions can turn a near tie.
    assert same == total if precision == "fp32" else same >= 0.99 * total
    assert len({label for labels in found for label in labels}) > 3


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in LIKE_BERT])
def test_other_families_are_left_to_transformers(tmp_path: Path, family: str) -> None:
    exported(random_encoder(tmp_path / "encoder", family), tmp_path / "student", frozen_layers=1, max_length=100)
    assert read(tmp_path / "student") is None


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_act": "relu"},
        {"position_embedding_type": "relative_key"},
        {"is_decoder": True},
        {"num_attention_heads": 5},
        {"num_attention_heads": 0},
        {"num_attention_heads": None},
        {"num_hidden_layers": 5},
        {"layer_norm_eps": "1e-12"},
        {"pad_token_id": None},
        {"model_type": "distilbert"},
        {"model_type": ["bert"]},
    ],
)
def test_other_settings_are_left_to_transformers(
    tiny_encoder: EncoderFiles, tmp_path: Path, settings: dict[str, object]
) -> None:
    exported(tiny_encoder, tmp_path / "student")
    path = tmp_path / "student" / "config.json"
    config = json.loads(path.read_text())
    assert read(tmp_path / "student") is not None
    path.write_text(json.dumps(config | settings))
    assert read(tmp_path / "student") is None


def test_other_weights_are_left_to_transformers(tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    exported(tiny_encoder, tmp_path / "student")
    path = tmp_path / "student" / "model.safetensors"
    tensors = load_file(path)
    for changed in (
        {name: value for name, value in tensors.items() if name != "classifier.bias"},
        {**tensors, "surprise": torch.zeros(1)},
        {**tensors, "classifier.bias": torch.zeros(1)},
        {**tensors, "classifier.bias": torch.zeros(len(LABELS), dtype=torch.float16)},
    ):
        save_file(changed, path)
        assert read(tmp_path / "student") is None
    path.write_bytes(b"{}")
    assert read(tmp_path / "student") is None


def test_transformers_is_not_imported(tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    """Its import is most of the time before the first sentence."""
    exported(tiny_encoder, tmp_path / "student")
    program = (
        "import sys; from msd_ray.predict.__main__ import main\n"
        f"assert main(['--model', {str(tmp_path / 'student')!r}, '--device', 'cpu']) == 0\n"
        "print([name for name in ('transformers', 'mlflow', 'ray', 'optuna', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=b"Angela Merkel\n", capture_output=True, check=False, timeout=120
    )
    assert done.stdout.decode().endswith("}\n[]\n"), done

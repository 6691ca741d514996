"""An exported student is an ordinary checkpoint: transformers gives the tags of `predict`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
import words_of_pipelines
from families import FAMILIES, random_encoder
from students import LABELS, exported
from transformers import AutoModelForTokenClassification, pipeline
from words_of_pipelines import MARK, labels_of_words

from msd_ray.common.errors import UserError
from msd_ray.data.encode import LabelAt
from msd_ray.data.encoders import token_classification
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.token_classification import check_encoder
from msd_ray.data.sample import SAMPLE_LANGUAGES, sample_sentences
from msd_ray.method.entity_scores import entities
from msd_ray.predict.export import load_student
from msd_ray.predict.tagging import tag

CPU = torch.device("cpu")
LIMIT = 512  # tokens: no sentence below has more, so that none is read in windows


def corpus(lang: str) -> list[list[str]]:
    """The words of 200 sentences."""
    return [list(sentence.tokens) for sentence in sample_sentences(lang, "train")[:200]]


@pytest.fixture(scope="module")
def student(tiny_encoder: EncoderFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("exported") / "student"
    exported(tiny_encoder, directory, max_length=LIMIT)
    return directory


@pytest.mark.parametrize("lang", SAMPLE_LANGUAGES)
def test_a_pipeline_gives_the_tags_of_predict(student: Path, lang: str) -> None:
    expected = tag(load_student(student, CPU), corpus(lang), precision="fp32")
    assert labels_of_words(pipeline("token-classification", str(student)), corpus(lang)) == expected
    assert len({label for words in expected for label in words}) > 3, "the labels vary, so that they can tell"


@pytest.mark.slow("transformers tags 600 sentences with e5-small one by one")
@pytest.mark.parametrize(("label_at", "skip"), [("first", None), ("text", MARK)])
def test_a_pipeline_with_the_embedded_encoder(
    e5_files: EncoderFiles, tmp_path: Path, label_at: LabelAt, skip: str | None
) -> None:
    """Its tokenizer splits words into a bare mark and the rest, most Chinese ones."""
    exported(e5_files, tmp_path / "student", max_length=LIMIT, label_at=label_at)
    loaded = load_student(tmp_path / "student", CPU)
    tagger: Any = pipeline("token-classification", str(tmp_path / "student"))
    with torch.inference_mode():
        text = tagger.tokenizer([" ".join(words) for words in corpus("ar")], padding=True, return_tensors="pt")
        mean = tagger.model(**text).logits.mean(dim=(0, 1))
    with torch.no_grad():  # untrained, all of its states are much alike, and so would be the labels
        loaded.tagger.terminal_bias[-1] -= mean
        tagger.model.classifier.bias -= mean
    for lang in ("ar", "de", "zh"):
        expected = tag(loaded, corpus(lang), precision="fp32")
        assert labels_of_words(tagger, corpus(lang), skip=skip) == expected
        assert len({label for words in expected for label in words}) > 3


def test_a_pipeline_without_this_package(student: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, words_of_pipelines.__file__, str(student)],
        input=json.dumps(corpus("ar")),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == tag(load_student(student, CPU), corpus("ar"), precision="fp32")


def test_the_cards_pipeline_works(student: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = [code for code in (student / "README.md").read_text().split("```python\n")[1:] if "pipeline(" in code]
    exec(found[0].split("```")[0].replace('"DIR"', repr(str(student))), {})
    words = ["One", "sentence", "per", "line"]
    (labels,) = tag(load_student(student, CPU), [words], precision="fp32")
    assert capsys.readouterr().out.count("entity_group") == len(entities(labels)) > 0


@pytest.mark.parametrize("frozen_layers", [0, 2])
@pytest.mark.parametrize("family", FAMILIES)
def test_families_have_their_own_class(tmp_path: Path, family: str, frozen_layers: int) -> None:
    head = "ForMaskedLM" if family in ("Roberta", "DistilBert", "ModernBert") else "Model"
    encoder = random_encoder(tmp_path / "encoder", family, head)
    tagger = exported(encoder, tmp_path / "student", frozen_layers=frozen_layers, max_length=100)
    loaded = load_student(tmp_path / "student", CPU)
    model, loading = AutoModelForTokenClassification.from_pretrained(tmp_path / "student", output_loading_info=True)
    assert type(model).__name__ == f"{family}ForTokenClassification"
    assert model.config.id2label == dict(enumerate(LABELS))
    assert model.config.label2id == {name: index for index, name in enumerate(LABELS)}
    assert not any(loading.values())
    ids = torch.randint(5, 260, (2, 7), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = tagger(ids, None).logits
        assert torch.equal(loaded.tagger(ids, None).logits, expected)
        # ModernBERT's head changes nothing but the rounding.
        absolute, relative = (2e-4, 1e-4) if family == "ModernBert" else (1e-5, 1.3e-6)
        torch.testing.assert_close(model(ids).logits, expected[-1], atol=absolute, rtol=relative)
    words = [["one", "two", "onetwo", "two"], ["two"] * 9]
    found = labels_of_words(pipeline("token-classification", str(tmp_path / "student")), words)
    assert found == tag(loaded, words, precision="fp32")


class Deep(transformers.BertForTokenClassification):  # type: ignore[no-untyped-call]
    """A head that the main channel's terminal cannot be; no family that a search can use has one today."""

    def __init__(self, config: transformers.BertConfig) -> None:
        super().__init__(config)
        self.dense = torch.nn.Linear(2, 2)


def test_a_family_without_a_token_classification_class_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = random_encoder(tmp_path / "encoder", "Bert")
    for classes, message in (
        (
            {transformers.BertConfig: Deep},
            r"Deep has more than a linear classifier \(.*classifier.weight, dense.bias, ",
        ),
        (
            {},
            r"encoder Bert: model_type 'bert' has no token classification class in transformers, so students cannot be",
        ),
    ):
        monkeypatch.setattr(token_classification, "MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING", classes)
        with pytest.raises(UserError, match=message):
            check_encoder(encoder, frozen_layers=0, max_length=8)
        with pytest.raises(UserError, match=message):
            exported(encoder, tmp_path / "student", frozen_layers=0)
        assert not (tmp_path / "student").exists()

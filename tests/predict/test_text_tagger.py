"""`msd_ray.Tagger`: what a text, several texts and words give; offsets, scores and errors."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from students import LABELS, exported
from transformers import pipeline

import msd_ray
from msd_ray import Entity, TaggedText, Tagger
from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.sample import sample_sentences
from msd_ray.predict.tagging import label_words

TEXT = "Angela  Merkel\tin Paris, в на من ."


@pytest.fixture(scope="module")
def directory(tiny_encoder: EncoderFiles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "student"
    exported(tiny_encoder, path, max_length=100)
    return path


@pytest.fixture(scope="module")
def tagger(directory: Path) -> Tagger:
    return Tagger.from_pretrained(directory, device="cpu", precision="fp32")


def test_a_text_several_texts_and_words(tagger: Tagger) -> None:
    one = tagger(TEXT)
    assert one
    assert all(isinstance(entity, Entity) and TEXT[entity.start : entity.end] == entity.text for entity in one)
    assert {entity.label for entity in one} <= {"PER", "LOC"}
    assert [entity.start for entity in one] == sorted(entity.start for entity in one)
    assert tagger([TEXT, "", TEXT]) == [one, [], one]
    by_words = tagger([TEXT.split()])[0]
    joined = " ".join(TEXT.split())
    assert [(e.label, e.score) for e in by_words] == [(e.label, e.score) for e in one]
    assert all(joined[entity.start : entity.end] == entity.text for entity in by_words)
    assert tagger([]) == []


def test_labels_and_scores_of_words(tagger: Tagger) -> None:
    (tagged,) = tagger.tag([TEXT])
    assert isinstance(tagged, TaggedText)
    assert tagged.tokens == TEXT.split()
    assert len(tagged.labels) == len(tagged.scores) == len(tagged.tokens)
    assert all(0.0 < score <= 1.0 for score in tagged.scores)
    for entity, (label, first, last) in zip(tagged.entities, tagged.word_entities, strict=True):
        assert entity.label == label
        assert entity.score == pytest.approx(np.mean(tagged.scores[first:last]))


def test_scores_are_the_probabilities_of_types(tagger: Tagger, directory: Path) -> None:
    """Against transformers' pipeline, which gives every label's."""
    reference: Any = pipeline("token-classification", str(directory), device="cpu")
    sentences = [list(sentence.tokens) for sentence in sample_sentences("tr", "train")[:20]]
    for words, tagged in zip(sentences, tagger.tag(sentences), strict=True):
        encoded = reference.tokenizer(words, is_split_into_words=True, return_tensors="pt")
        with torch.inference_mode():
            probabilities = reference.model(**encoded).logits[0].softmax(dim=-1)
        word_ids = encoded.word_ids()
        for word, (label, score) in enumerate(zip(tagged.labels, tagged.scores, strict=True)):
            of_type = [index for index, name in enumerate(LABELS) if name[2:] == label[2:]]
            expected = float(probabilities[word_ids.index(word), of_type].sum())
            assert score == pytest.approx(expected, abs=1e-5)


def test_a_score_is_a_number_even_if_the_model_diverged(tagger: Tagger) -> None:
    classifier = tagger.classifier
    broken = type(classifier)(
        **{**vars(classifier), "logits": lambda ids, mask: torch.full((*ids.shape, 5), torch.nan)}
    )
    (found,) = label_words(broken, [["Angela", "Merkel"]])
    assert found.scores == [0.0, 0.0]


def test_viterbi_and_characters(tiny_encoder: EncoderFiles, directory: Path, tmp_path: Path) -> None:
    sentences = [list(sentence.tokens) for sentence in sample_sentences("tr", "train")[:100]]
    by_decoder = [
        [tagged.labels for tagged in Tagger.from_pretrained(directory, device="cpu", decode=decode).tag(sentences)]
        for decode in (None, "argmax", "viterbi")
    ]
    assert by_decoder[0] == by_decoder[1] != by_decoder[2]
    assert Tagger.from_pretrained(directory, lang="zh", device="cpu").tag(["我在"])[0].tokens == ["我", "在"]
    exported(tiny_encoder, tmp_path / "zh", lang="zh")
    assert Tagger.from_pretrained(tmp_path / "zh", device="cpu").tag(["我在"])[0].tokens == ["我", "在"]
    assert Tagger.from_pretrained(str(tmp_path / "zh"), words="blanks").tag(["我在"])[0].tokens == ["我在"]


def test_raw_text_is_split_by_unicode_rules(directory: Path) -> None:
    tagger = Tagger.from_pretrained(directory, words="unicode", device="cpu")
    (tagged,) = tagger.tag(["Angela Merkel's Paris, (Roma)."])
    assert tagged.tokens == ["Angela", "Merkel's", "Paris", ",", "(", "Roma", ")", "."]
    assert all(tagged.text[entity.start : entity.end] == entity.text for entity in tagged.entities)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lang": "xx"}, "language 'xx' is unknown. Choose one of ar, de, .*, or omit it for the model's, tr"),
        ({"lang": ""}, "language '' is unknown"),
        ({"device": "gpu"}, "--device gpu: unknown device"),
        ({"precision": "fp8"}, "precision 'fp8' is unknown"),
        ({"mlflow_uri": "http://127.0.0.1:1"}, "--mlflow-uri applies to registered models only"),
    ],
)
def test_bad_arguments(directory: Path, arguments: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Tagger.from_pretrained(directory, **arguments)  # type: ignore[arg-type]


def test_a_language_of_the_student_alone_is_known(tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    exported(tiny_encoder, tmp_path / "sw", lang="sw")
    assert Tagger.from_pretrained(tmp_path / "sw", lang="sw", device="cpu")("") == []


def test_damage_is_found(directory: Path, tmp_path: Path, tiny_encoder: EncoderFiles) -> None:
    exported(tiny_encoder, tmp_path / "student")
    weights = tmp_path / "student" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(UserError, match=r"model\.safetensors is damaged or was changed"):
        Tagger.from_pretrained(tmp_path / "student")


def test_the_package_imports_nothing_until_it_is_used() -> None:
    program = (
        "import sys, msd_ray\n"
        "assert {'Tagger', 'Entity'} <= set(dir(msd_ray))\n"
        "print(sorted({'torch', 'numpy', 'msd_ray.predict'} & set(sys.modules)))\n"
        "msd_ray.Tagger\n"
        "print(sorted({'torch', 'transformers', 'mlflow'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "[]\n[]\n", done
    with pytest.raises(AttributeError, match="'msd_ray' has no attribute 'tagger'"):
        msd_ray.tagger  # noqa: B018

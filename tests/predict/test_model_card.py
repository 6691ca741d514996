"""The model card: valid front matter, escaped values, working code."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard as HubCard
from huggingface_hub import ModelCardData
from students import CARD, exported

from msd_ray import Tagger
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.predict.model_card import SELECTIONS, ScoreRow, escape, hub_name, render


def metadata(text: str) -> ModelCardData:
    """The front matter, read by the hub's own client, which checks the model index."""
    data = HubCard(text).data
    assert isinstance(data, ModelCardData)
    return data


def test_front_matter() -> None:
    data = metadata(render(CARD))
    assert data.language == ["tr", "en"]
    assert data.license == "other"
    assert data.base_model == "intfloat/multilingual-e5-small"
    assert data.datasets == ["sample"]
    assert data.metrics == ["f1"]
    assert {"token-classification", "zero-shot"} <= set(data.tags or ())
    assert data.eval_results is not None
    results = [(r.dataset_name, r.dataset_split, r.metric_type, r.metric_value) for r in data.eval_results]
    assert results == [("sample (tr)", "test", "f1", 0.52345)]
    assert data.eval_results[0].metric_name == "test F1, mean of 3 seeds"


def test_front_matter_of_a_corpus_on_the_hub_and_a_local_encoder() -> None:
    card = replace(
        CARD, dataset="wikiann", base_model=None, encoder="/home/somebody/secret/my-bert", encoder_licence=None
    )
    text = render(card)
    data = metadata(text)
    assert data.datasets == ["unimelb-nlp/wikiann"]
    assert data.base_model is None
    assert "somebody" not in text
    assert "Encoder: my-bert (a local directory)" in text
    assert "Encoder: not stated by its files" in text


def test_a_card_without_scores_has_no_model_index() -> None:
    text = render(replace(CARD, scores=()))
    assert metadata(text).eval_results is None
    assert "Not recorded." in text


def test_contents_of_the_card() -> None:
    text = render(CARD)
    for words in (
        "# MSD student for Turkish named entities (sample)",
        "| teacher | test | 41.23 | 1.00 | 3 |",
        "| student (this configuration) | test | 52.34 | 2.00 | 3 |",
        "over seeds (1, 2, 3)",
        "seed 3, epoch 7. Selection: F1 on the Turkish dev set. Its F1 on Turkish dev: 53.21.",
        "| learning\\_rate | 5e-05 |",
        "| learning\\_rate | 2.3456789e-05 |",
        f"| tr train text | {'ab' * 32} |",
        "| msd\\_ray | 0.1.0 |",
        "- Encoder: mit",
        "- Data set: Apache-2.0",
        "Study: first. Configuration: 0a1b2c3d.",
        "Entity types: LOC, PER.",
        "windows of 24 tokens at a time",
        "--model models:/msd-sample-tr@champion --mlflow-uri URI",
        'mlflow.transformers.load_model("models:/msd-sample-tr@champion", aggregation_strategy="first")',
        'pipeline("token-classification", "DIR", aggregation_strategy="first")',
        "no label of Turkish training sentences was used. Labels of the Turkish *dev* set selected epochs",
        "python -m msd_ray.predict --model DIR",
    ):
        assert words in text
    assert "There was no test set" not in text


def test_bare_marks_concern_students_that_read_labels_after_them() -> None:
    assert "first token with text; a pipeline takes a bare `▁` for one. `msd_ray`" in render(
        replace(CARD, label_at="text")
    )
    assert "The label of a word is that of its first token. `msd_ray`" in render(CARD)
    assert "▁" not in render(CARD)


def test_the_selection_criterion_is_stated_once() -> None:
    for select_on, said in (
        ("source", "Selection: F1 on the English dev set. Its F1 on English dev: 53.21."),
        ("none", "no epoch was selected (last epochs averaged); the configuration by F1 on English dev. Its F1"),
    ):
        text = render(replace(CARD, selection=SELECTIONS[select_on]))
        assert text.count(said) == 1
        assert "Turkish dev labels were not used either: only the English dev set was used for selection." in text
        assert "would be lower" not in text
    assert SELECTIONS["target"] == CARD.selection


def test_dev_scores_are_called_too_high_if_dev_was_used_for_selection() -> None:
    on_dev = replace(CARD, scores=(ScoreRow(system="student", mean=0.5, n=1, split="dev", model=True),))
    assert "There was no test set: rows with split dev are scored on the same Turkish sentences" in render(on_dev)
    chosen_on_source = render(replace(on_dev, selection="source dev"))
    assert "rows with split dev are scored on the Turkish dev set, which was not used for selection" in chosen_on_source


def test_the_card_of_averaged_weights() -> None:
    averaged = render(replace(CARD, epoch=11, run={"epochs": 10, "average_epochs": 3}))
    assert "seed 3, the mean of the weights of the last 3 epochs. Selection" in averaged
    students: tuple[dict[str, float | str], ...] = ({"beta": 0.5, "kd_loss": "mse"}, {"beta": 1.0})
    several = render(replace(CARD, epoch=None, students=students, teachers=CARD.teachers * 3))
    assert "seed 3, the mean of the weights of 2 students. Selection" in several
    assert "| student | 1 | 2 |" in several
    assert "| beta | 0.5 | 1.0 |" in several
    assert "| kd\\_loss | mse |  |" in several
    assert "| alpha | 0.05 | 0.05 | 0.05 |" in several


def test_missing_values_are_not_recorded() -> None:
    text = render(replace(CARD, configuration=None, dev_f1=None, entity_types=(), max_length=None))
    for words in (
        "Configuration: not recorded.",
        "Turkish dev: not recorded.",
        "Entity types: not recorded.",
        "windows at",
    ):
        assert words in text


EVIL = "<script>alert(1)</script> [x](http://evil) **b** `c` | d\n\n# heading\n---\n![i](j) {title} \x1b[2J a: b"


def test_markup_is_escaped() -> None:
    clean = render(CARD)
    card = replace(
        CARD,
        encoder=EVIL,
        base_model="a/b",
        encoder_licence=EVIL,
        data_licence=EVIL,
        study=EVIL,
        dataset=EVIL,
        lang=EVIL,
        source_lang=EVIL,
        configuration=EVIL,
        entity_types=(EVIL,),
        teachers=({EVIL: EVIL},),
        data_digests={EVIL: EVIL},
        versions={EVIL: EVIL},
        scores=(ScoreRow(system=EVIL, mean=0.5, n=1, model=True),),
    )
    text = render(card)
    body = HubCard(text).text
    assert vars(metadata(text)).keys() == vars(metadata(clean)).keys()
    assert metadata(text).license == "other"
    assert "<script" not in body
    assert "\x1b" not in body
    assert re.findall(r"(?<!\\)\[[^\]]*\]\(", body) == []
    assert "**" not in body.replace("\\*\\*", "")
    headings = [line for line in body.splitlines() if line.startswith("#")]
    assert [h for h in headings if h.startswith("## ")] == [h for h in clean.splitlines() if h.startswith("## ")]
    assert len(headings) == len([line for line in clean.splitlines() if line.startswith("#")])
    cells = {len(re.findall(r"(?<!\\)\|", line)) for line in body.splitlines() if line.startswith("| ")}
    assert cells == {3, 6}, "no value adds a column"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\nb\tc", "a b c"),
        ("<b> & \\", "&lt;b&gt; &amp; \\\\"),
        ("x|y_z", "x\\|y\\_z"),
        (None, ""),
        (0.001, "0.001"),
        ("नमस्ते", "नमस्ते"),
    ],
)
def test_escape(value: str | float | None, shown: str) -> None:
    assert escape(value) == shown


def test_hub_name(tmp_path: Path) -> None:
    def files(name: str, directory: Path) -> EncoderFiles:
        return EncoderFiles(name=name, directory=directory, digest="")

    assert hub_name(files("e5-small", tmp_path)) == "intfloat/multilingual-e5-small"
    mbert = "google-bert/bert-base-multilingual-cased"
    assert hub_name(files(mbert, tmp_path / "models--google-bert--x" / "snapshots" / "1")) == mbert
    assert hub_name(files("models/mine", tmp_path / "models" / "mine")) is None
    assert hub_name(files(str(tmp_path), tmp_path)) is None
    assert hub_name(files("./models/mine", tmp_path / "models" / "mine")) is None


def test_the_code_of_the_card_works(
    tiny_encoder: EncoderFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exported(tiny_encoder, tmp_path / "student")
    card = (tmp_path / "student" / "README.md").read_text()
    found = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    assert len(found) == 3
    exec(found[0].replace('"DIR"', repr(str(tmp_path / "student"))), {})
    shown = capsys.readouterr().out.splitlines()
    tagger = Tagger.from_pretrained(tmp_path / "student")
    assert [line.split()[0] for line in shown] == [
        entity.text.split()[0] for entity in tagger("One sentence, or a list of sentences")
    ]
    assert shown

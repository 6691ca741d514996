"""A search on a user's own files: from English labels and raw Arabic text to a tagger, without target labels."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
import torch
import words_of_pipelines
from rich.console import Console
from small_search import SmallSearch
from stored_runs import children

from msd_ray.cli import search_study
from msd_ray.cli.options import parse
from msd_ray.cli.setup import describe, describe_phases
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.sample import sample_sentences
from msd_ray.data.sentences import Sentence
from msd_ray.predict.export import load_student
from msd_ray.predict.tagging import tag
from msd_ray.report.__main__ import main as report

TYPES: Mapping[str, str] = {"PER": "DRUG", "ORG": "GENE", "LOC": "DISEASE"}
CPU = torch.device("cpu")


def short(lang: str, count: int) -> list[Sentence]:
    return [sentence for sentence in sample_sentences(lang, "train") if 5 <= len(sentence.tokens) <= 11][:count]


def write_columns(path: Path, sentences: Sequence[Sentence]) -> Path:
    """Write sentences in IOBES, with types of their own."""
    rows = []
    for sentence in sentences:
        for place, (token, label) in enumerate(zip(sentence.tokens, sentence.labels, strict=True)):
            is_last = (*sentence.labels, "O")[place + 1][0] != "I"
            prefix = {"B": "S", "I": "E"}[label[0]] if label != "O" and is_last else label[0]
            rows.append(f"{token} {label if label == 'O' else f'{prefix}-{TYPES[label[2:]]}'}\n")
        rows.append("\n")
    path.write_text("".join(rows), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Ended:
    """A search that ended: its storage, and what it printed."""

    search: SmallSearch
    printed: str

    @property
    def model(self) -> Path:
        return self.search.root / "models" / "own-ar"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("own")
    text = directory / "ar.txt"
    text.write_text("".join(" ".join(one.tokens) + "\n" for one in short("ar", 32)), encoding="utf-8")
    return {"source": write_columns(directory / "en.conll", short("en", 60)), "target_text": text}


def own_search(root: Path, encoder: EncoderFiles, files: Mapping[str, Path]) -> SmallSearch:
    options = {"dataset": None, "data_dir": None, "trials": 1, "teacher_trials": 1, "seeds": 1, **files}
    return SmallSearch(root=root, encoder=encoder.directory, data_dir=root, options=options)


@pytest.fixture(scope="module")
def ended(files: Mapping[str, Path], tiny_encoder: EncoderFiles, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    search = own_search(tmp_path_factory.mktemp("search") / "storage", tiny_encoder, files)
    rows = search.run()
    setup, output = search.setup(), StringIO()
    won, _ = search_study.conclude(
        setup, parse(search.arguments()), search_study.open_tracker(setup), rows, Console(file=output, width=160)
    )
    assert won
    return Ended(search, output.getvalue())


def test_what_is_told_before_the_search(ended: Ended) -> None:
    setup, options = ended.search.setup(), parse(ended.search.arguments())
    pairs = describe(setup, options, describe_phases(setup))
    told = dict(pairs)
    assert told["study"] == "own-ar: own, en to ar"
    assert told["sentences"] == "source train 54, target train 32, source dev 6"
    assert told["entity types"] == "DISEASE, DRUG, GENE"
    assert [text for name, text in pairs if name == "files"] == [
        "en.conll: labels in IOBES, converted to BIO2",
        "source dev: 6 of 60 sentences of en.conll, a fixed random tenth, held out",
        "ar.txt: raw text, split into words by the rules of Unicode",
    ]
    assert told["selection"].startswith("epochs and configurations by F1 on the source's dev set")
    assert told["final phase"].endswith("scored on the source's dev set, because there are no target labels")


def test_every_final_run_says_what_it_was_scored_on(ended: Ended) -> None:
    final = [run for key, run in children(ended.search.root).items() if key.startswith("final/")]
    assert final
    for run in final:
        assert (run.tags["scored_split"], run.tags["scored_on"]) == ("dev", "source")
        assert run.metrics["dev/f1"] == pytest.approx(run.metrics["dev_source/f1"])
        assert {name.split("/")[1] for name in run.metrics if name.count("/") == 2 and name.startswith("dev/")} <= set(
            TYPES.values()
        )
    assert not any(name.startswith(("test/", "dev_target/")) for run in final for name in run.metrics)


def test_the_table_says_that_there_are_no_target_labels(ended: Ended) -> None:
    assert "F1 on source" in ended.printed
    assert "No target labels: all scores are on the source's dev set" in ended.printed
    assert "test F1" not in ended.printed


def test_the_exported_student_and_its_card(ended: Ended) -> None:
    student = load_student(ended.model, CPU)
    assert student.description.label_names == (
        "O",
        *(f"{prefix}-{kind}" for kind in sorted(TYPES.values()) for prefix in "BI"),
    )
    assert (student.description.dataset, student.description.lang, student.description.word_rule) == (
        "own",
        "ar",
        "unicode",
    )
    card = (ended.model / "README.md").read_text(encoding="utf-8")
    assert "No target labels: scores are on the English dev set." in card
    assert "Entity types: DISEASE, DRUG, GENE." in card
    assert "datasets:" not in card
    assert "name: own (en)" in card, "scores of the model index are not those of Arabic"
    assert "that of the user's own files" in card


def test_a_pipeline_without_this_package_loads_it(ended: Ended, tmp_path: Path) -> None:
    sentences = [list(sentence.tokens) for sentence in short("ar", 20)]
    done = subprocess.run(
        [sys.executable, words_of_pipelines.__file__, str(ended.model)],
        input=json.dumps(sentences),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=tmp_path,
        env={**{name: value for name, value in os.environ.items() if name != "PYTHONPATH"}, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    found = [label for labels in json.loads(done.stdout) for label in labels]
    tagged = tag(load_student(ended.model, CPU), sentences, precision="fp32")
    expected = [label for labels in tagged for label in labels]
    same = sum(one == other for one, other in zip(found, expected, strict=True))
    assert same >= 0.95 * len(found), "ties of a hardly trained student may fall either way"


def test_the_reports_tables_say_it_too(ended: Ended, tmp_path: Path) -> None:
    assert report(["--lang", "ar", "--storage", str(ended.search.root), "--out", str(tmp_path / "report")]) == 0
    paths = (tmp_path / "report" / "tables" / "own-ar").glob("*-own*.md")
    tables = {path.stem: path.read_text(encoding="utf-8") for path in paths}
    assert {"final-runs-own-ar", "types-own-ar", "spans-own-ar"} <= tables.keys()
    assert [name for name, text in tables.items() if "SOURCE DEV SET (no target labels)" not in text] == []
    table = tables["final-runs-own-ar"]
    assert "own ar, SOURCE DEV SET (no target labels)" in table
    assert "F1 on source dev" in table
    assert "They do not measure how well the target language is tagged" in table
    page = (tmp_path / "report" / "own-ar.html").read_text(encoding="utf-8")
    assert "there are no target labels" in page


def test_garbage_as_labels_of_target_columns_changes_nothing(
    files: Mapping[str, Path], tiny_encoder: EncoderFiles, tmp_path: Path
) -> None:
    keys = []
    for name, label in (("gold", "B-DRUG"), ("garbage", "I-nonsense")):
        text = tmp_path / f"{name}.conll"
        text.write_text("".join(f"{token} {label}\n" for token in short("ar", 1)[0].tokens), encoding="utf-8")
        search = own_search(tmp_path / name, tiny_encoder, {**files, "target_text": text})
        keys.append(search.setup().prepared.experiment.corpora.target_train)
    assert keys[0] == keys[1]

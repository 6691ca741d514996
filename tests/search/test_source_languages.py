"""Several source languages: teachers of their union, the same keys as ever for one, and no target among them."""

import shutil
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from small_search import RUN, SmallSearch, spoil_training_labels, write_corpora
from stored_runs import children, runs

from msd_ray.cli import search_study
from msd_ray.cli.options import check_languages, parse
from msd_ray.cli.setup import set_up
from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.load import load_source, load_sources, load_test
from msd_ray.data.store import load_sentences, load_words
from msd_ray.report.study_result import load_study
from msd_ray.report.write import report_of
from msd_ray.search.prepare import Data, prepare, prepare_test, read
from msd_ray.storage.layout import Storage
from msd_ray.tracking.uri import default_tracking_uri


def both(directory: Path) -> Data:
    return Data(
        dataset="wikiann",
        lang="ar",
        sources=("en", "de"),
        directory=directory,
        limit=16,
        max_length=RUN.max_length,
        select_on="source",
    )


def test_sources_are_one_corpus(small_corpora: Path) -> None:
    english, german = (load_source("wikiann", small_corpora, lang=lang, limit=16) for lang in ("en", "de"))
    union = load_sources("wikiann", small_corpora, langs=("en", "de"), limit=16)
    assert union.train == (*english.train, *german.train), "the limit is that of each language"
    assert union.dev == (*english.dev, *german.dev)
    assert (union.lang, union.labels, union.files) == ("en+de", english.labels, (*english.files, *german.files))
    assert load_sources("wikiann", small_corpora, langs=("en",), limit=16) == english


def test_source_dev_and_test_are_their_union_too(
    small_corpora: Path, tiny_encoder: EncoderFiles, tmp_path: Path
) -> None:
    corpora = read(both(small_corpora))
    assert corpora.dev == corpora.source.dev
    assert corpora.counts == {"source_train": 32, "target_train": 16, "source_dev": 48}
    done = prepare(both(small_corpora), corpora, tiny_encoder, Storage.at(tmp_path / "storage"))
    assert len(load_sentences(done.experiment.storage.features(done.experiment.corpora.final_dev)).word_counts) == 48
    scored = prepare_test(both(small_corpora), done, source=True)
    assert scored.source is not None
    words = load_words(done.experiment.storage.words(scored.source.features))
    tests = [load_test("wikiann", lang, small_corpora) for lang in ("en", "de")]
    assert [tuple(tokens) for tokens in words] == [sentence.tokens for test in tests for sentence in test]
    assert scored.source.split == "test"


def test_a_source_without_test_set_is_scored_on_dev(
    small_corpora: Path, tiny_encoder: EncoderFiles, tmp_path: Path
) -> None:
    corpora = Path(shutil.copytree(small_corpora, tmp_path / "corpora"))
    (corpora / "de" / "test").unlink()
    done = prepare(both(corpora), read(both(corpora)), tiny_encoder, Storage.at(tmp_path / "storage"))
    scored = prepare_test(both(corpora), done, source=True)
    assert scored.source is not None
    assert (scored.split, scored.source.split) == ("test", "dev")


def test_one_source_has_the_name_and_the_conditions_that_it_always_had(
    small_corpora: Path, tiny_encoder: EncoderFiles, tmp_path: Path
) -> None:
    arguments = SmallSearch(
        root=tmp_path / "storage", encoder=tiny_encoder.directory, data_dir=small_corpora
    ).arguments()
    (plain,), (named,) = set_up(parse(arguments)), set_up(parse([*arguments, "--source-lang", "en"]))
    assert (named.conditions, named.settings) == (plain.conditions, plain.settings)
    assert "source_lang" not in plain.conditions
    assert plain.settings.name == "wikiann-ar"
    (other,) = set_up(parse([*arguments, "--source-lang", "de"]))
    assert (other.settings.name, other.conditions["source_lang"]) == ("wikiann-de-ar", "de")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--lang de --source-lang en de", "--lang de: German is a source language of teachers. Name another language."),
        ("--lang ar en", "--lang en: English is a source language of teachers. Name another language."),
        ("--lang ar --source-lang en en", "--source-lang names en more than once. Name each once."),
        ("--lang ar --source-lang ../en", "--source-lang '../en'"),
    ],
)
def test_no_target_is_among_the_sources(words: str, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(words.split())
    assert str(caught.value).startswith(expected)


def test_a_source_that_the_data_set_lacks() -> None:
    with pytest.raises(UserError, match=r"data set 'wikiann' has no language 'dee' \(did you mean 'de'\?\)"):
        check_languages(parse(["--lang", "ar", "--source-lang", "en", "dee"]))
    own = ["--lang", "ar", "--source", "x.conll", "--target-text", "ar.txt"]
    check_languages(parse([*own, "--source-lang", "en", "de"]))
    with pytest.raises(UserError, match="--source-lang deutsch: is not a language code"):
        check_languages(parse([*own, "--source-lang", "deutsch"]))


def test_a_search_from_two_languages(tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    corpora = write_corpora(tmp_path / "corpora", train=16, dev=8)
    spoil_training_labels(corpora)
    options = {"source_lang": "en de", "trials": 1, "teacher_trials": 1, "seeds": 1, "epochs": 1}
    search = SmallSearch(root=tmp_path / "storage", encoder=tiny_encoder.directory, data_dir=corpora, options=options)
    rows = search.run()
    setup, output = search.setup(), StringIO()
    won, _ = search_study.conclude(
        setup, parse(search.arguments()), search_study.open_tracker(setup), rows, Console(file=output, width=160)
    )
    assert won
    assert "wikiann-en-de-ar: wikiann, en+de to ar" in output.getvalue()
    assert all(run.tags["state"] == "COMPLETE" for run in children(search.root).values())
    (parent,) = (run for run in runs(search.root) if run.tags["kind"] == "study")
    assert parent.parameters["source_lang"] == "en+de"
    assert "from English (`en`) and German (`de`) to `ar`" in parent.tags["mlflow.note.content"]
    card = (search.root / "models" / "wikiann-en-de-ar" / "README.md").read_text(encoding="utf-8")
    assert "English and German" in card
    assert "language:\n- ar\n- en\n- de\n" in card
    uri = default_tracking_uri(search.root)
    assert load_study("wikiann-en-de-ar", storage=str(search.root), mlflow_uri=uri).rows
    page = report_of(uri, dataset="wikiann", lang="ar", name="wikiann-en-de-ar", out=tmp_path / "report")
    assert "English and German → Arabic" in Path(page).read_text(encoding="utf-8")

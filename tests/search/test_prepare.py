"""Corpora and encoder become features under keys of their content; test labels and target training labels stay out."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_search import MakePrepared, data, spoil_training_labels, target_tokens

from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.store import load_sentences, load_text
from msd_ray.method.settings import SelectOn
from msd_ray.search.prepare import prepare, prepare_test, read
from msd_ray.storage.layout import Storage


def test_target_training_text_has_no_labels(prepared: MakePrepared, small_corpora: Path) -> None:
    done = prepared()
    storage, corpora = done.experiment.storage, done.experiment.corpora
    assert not (storage.features(corpora.target_train) / "labels.npy").exists()
    text = load_text(storage.features(corpora.target_train))
    assert text.word_counts.tolist() == [len(tokens) for tokens in target_tokens(small_corpora)]
    for key in (corpora.source_train, corpora.dev, corpora.final_dev):
        labelled = load_sentences(storage.features(key))
        assert len(labelled.labels) == labelled.word_counts.sum()


def test_garbage_as_target_training_labels_changes_no_key_and_no_array(
    prepared: MakePrepared, small_corpora: Path, tmp_path: Path
) -> None:
    spoiled = Path(shutil.copytree(small_corpora, tmp_path / "spoiled"))
    spoil_training_labels(spoiled)
    assert (spoiled / "ar" / "train").read_bytes() != (small_corpora / "ar" / "train").read_bytes()
    clean, dirty = prepared(), prepared(data_dir=spoiled, storage=tmp_path / "other")
    assert dirty.digests == clean.digests
    assert dirty.experiment.corpora == clean.experiment.corpora
    arrays = [done.experiment.storage.features(clean.experiment.corpora.target_train) for done in (clean, dirty)]
    for file in sorted(arrays[0].glob("*.npy")):
        np.testing.assert_array_equal(np.load(file), np.load(arrays[1] / file.name))


def test_garbage_as_source_training_label_is_an_error(
    prepared: MakePrepared, small_corpora: Path, tmp_path: Path
) -> None:
    spoiled = Path(shutil.copytree(small_corpora, tmp_path / "spoiled"))
    spoil_training_labels(spoiled, "en")
    with pytest.raises(UserError, match=r"en/train:1: .*garbage-0"):
        prepared(data_dir=spoiled)
    assert not (tmp_path / "storage").exists()


def test_other_labels_of_the_dev_set_make_another_key(
    prepared: MakePrepared, small_corpora: Path, tmp_path: Path
) -> None:
    changed = Path(shutil.copytree(small_corpora, tmp_path / "changed"))
    dev = changed / "ar" / "dev"
    dev.write_text(dev.read_text(encoding="utf-8").replace("-PER", "-LOC"), encoding="utf-8")
    before, after = prepared().experiment.corpora, prepared(data_dir=changed).experiment.corpora
    assert before.dev != after.dev
    assert before.final_dev != after.final_dev
    assert (before.target_train, before.source_train) == (after.target_train, after.source_train)


def directories(place: Path) -> set[Path]:
    """What lies there, without locks."""
    return {path for path in place.iterdir() if path.is_dir()}


def test_languages_share_the_features_of_the_source(prepared: MakePrepared) -> None:
    arabic, german = prepared("ar").experiment, prepared("de").experiment
    assert arabic.corpora.source_train == german.corpora.source_train
    assert arabic.corpora.target_train != german.corpora.target_train
    assert len(directories(arabic.storage.root / "features")) == 5  # English dev is not read


def test_prepared_again_writes_nothing(prepared: MakePrepared) -> None:
    first = prepared()

    def times() -> dict[Path, int]:
        return {file: file.stat().st_mtime_ns for file in first.experiment.storage.root.rglob("*")}

    before = times()
    assert prepared() == first
    assert times() == before


def test_test_set_is_read_by_prepare_test_alone(prepared: MakePrepared, small_corpora: Path, tmp_path: Path) -> None:
    unreadable = Path(shutil.copytree(small_corpora, tmp_path / "unreadable"))
    (unreadable / "ar" / "test").write_text("ar:x\tO\n\nar:y\tB-NONSENSE\n", encoding="utf-8")
    done = prepared(data_dir=unreadable)
    features = done.experiment.storage.root / "features"
    before = directories(features)
    with pytest.raises(UserError, match=r"ar/test:3: .*B-NONSENSE"):
        prepare_test(data(unreadable), done)
    assert directories(features) == before
    scored = prepare_test(data(small_corpora), done)
    assert scored.split == "test"
    assert directories(features) - before == {features / scored.features}


def test_corpus_without_a_test_file_is_scored_on_dev(
    prepared: MakePrepared, small_corpora: Path, tmp_path: Path
) -> None:
    untested = Path(shutil.copytree(small_corpora, tmp_path / "untested"))
    (untested / "ar" / "test").unlink()
    done = prepared(data_dir=untested)
    scored = prepare_test(data(untested), done)
    assert (scored.split, scored.features) == ("dev", done.experiment.corpora.final_dev)


def test_trials_are_scored_on_a_fixed_sample_and_final_runs_on_all(
    prepared: MakePrepared, tiny_encoder: EncoderFiles, small_corpora: Path, tmp_path: Path
) -> None:
    whole = prepared().experiment.corpora
    assert whole.dev == whole.final_dev
    limited = replace(data(small_corpora), dev_limit=10)
    storages = [Storage.at(tmp_path / name) for name in ("first", "second")]
    done = [prepare(limited, read(limited), tiny_encoder, storage) for storage in storages]
    first, second = (one.experiment.corpora for one in done)
    assert first == second
    assert first.final_dev == whole.final_dev
    sample, all_of_them = (load_sentences(storages[0].features(key)) for key in (first.dev, first.final_dev))
    assert (len(sample.lengths), len(all_of_them.lengths)) == (10, 24)
    assert done[0].sentences["target_dev"] == 24
    more = replace(limited, dev_limit=1000)
    assert prepare(more, read(more), tiny_encoder, storages[0]).experiment.corpora.dev == whole.dev


def test_raw_text_has_a_limit_of_its_own(small_corpora: Path) -> None:
    few = read(replace(data(small_corpora), limit=10))
    more = read(replace(data(small_corpora), limit=10, target_limit=20))
    assert (len(few.source.train), len(few.target.train)) == (10, 10)
    assert (len(more.source.train), len(more.target.train)) == (10, 20)
    assert more.source.train == few.source.train
    assert set(few.target.train) < set(more.target.train)


@pytest.mark.parametrize("select_on", ["source", "none"])
def test_without_target_selection_the_targets_dev_set_is_not_read(
    select_on: SelectOn, tiny_encoder: EncoderFiles, small_corpora: Path, tmp_path: Path
) -> None:
    unreadable = Path(shutil.copytree(small_corpora, tmp_path / "unreadable"))
    (unreadable / "ar" / "dev").write_text("ar:x\tB-NONSENSE\n", encoding="utf-8")
    chosen = replace(data(unreadable), select_on=select_on)
    corpora = read(chosen)
    done = prepare(chosen, corpora, tiny_encoder, Storage.at(tmp_path / "storage"))
    assert corpora.target.dev == ()
    assert [Path(name).name for name in corpora.target.files] == ["train"]
    assert done.digests.keys() == done.sentences.keys() == {"source_train", "source_dev", "target_train"}
    with pytest.raises(UserError, match=r"ar/dev:1: .*B-NONSENSE"):
        read(replace(chosen, select_on="target"))


def test_with_target_selection_the_sources_dev_set_does_not_matter(
    prepared: MakePrepared, small_corpora: Path, tmp_path: Path
) -> None:
    changed = Path(shutil.copytree(small_corpora, tmp_path / "changed"))
    dev = changed / "en" / "dev"
    dev.write_text(dev.read_text(encoding="utf-8").replace("-PER", "-LOC"), encoding="utf-8")
    assert prepared(data_dir=changed, storage=tmp_path / "other").experiment.corpora == prepared().experiment.corpora

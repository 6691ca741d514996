"""Selection: labels of the dev set that does not select change no bit of a search."""

import random
import shutil
from pathlib import Path

import pytest
from small_search import RUN, MakeSearch, SmallSearch, run_here
from stored_runs import assert_same_outcome, assert_settled, children

from msd_ray.search.phase import Phase

OPTIONS = {"trials": 2, "teacher_trials": 1, "rows": "best average", "confirm": 2, "seeds": 1, "grace_epochs": 2}


def shuffle_labels(directory: Path, lang: str, split: str = "dev") -> None:
    """Give each token the label of another one: valid names, and wrong."""
    path = directory / lang / split
    lines = path.read_text(encoding="utf-8").split("\n")
    labels = [line.rpartition("\t")[2] for line in lines if line]
    random.Random(1).shuffle(labels)
    shuffled = iter(labels)
    path.write_text("\n".join(line and f"{line.rpartition(chr(9))[0]}\t{next(shuffled)}" for line in lines))


@pytest.fixture(scope="module")
def shuffled(small_corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The corpora with a garbage dev set of one language, by that language."""
    found = {}
    for lang in ("ar", "en"):
        found[lang] = Path(shutil.copytree(small_corpora, tmp_path_factory.mktemp("shuffled") / lang))
        shuffle_labels(found[lang], lang)
        assert (found[lang] / lang / "dev").read_bytes() != (small_corpora / lang / "dev").read_bytes()
    return found


def searched(new_search: MakeSearch, select_on: str, data_dir: Path, average_epochs: int = 2) -> SmallSearch:
    search = new_search(
        data_dir=data_dir, options={**OPTIONS, "select_on": select_on, "average_epochs": average_epochs}
    )
    search.run()
    return search


def teachers_only(phase: Phase) -> None:
    if phase.name != "teacher":
        raise KeyboardInterrupt
    run_here(phase)


@pytest.mark.slow("two searches")
@pytest.mark.parametrize("select_on", ["source", "none"])
def test_the_targets_dev_labels_choose_nothing(
    select_on: str, new_search: MakeSearch, small_corpora: Path, shuffled: dict[str, Path]
) -> None:
    clean, garbage = (searched(new_search, select_on, where) for where in (small_corpora, shuffled["ar"]))
    assert_settled(garbage.root, metric="dev_source/f1")
    assert_same_outcome(garbage.root, clean.root)
    assert garbage.setup().prepared.digests == clean.setup().prepared.digests
    runs = children(clean.root)
    assert not any(name.startswith("dev_target") for run in runs.values() for name in run.metrics)
    candidates = {run.metrics["best_epoch"] for key, run in runs.items() if key.startswith(("teacher", "student"))}
    assert select_on != "none" or candidates == {RUN.epochs + 1}


@pytest.mark.slow("two searches, and the teachers of a third")
def test_the_sources_dev_labels_choose_nothing_where_the_targets_do(
    new_search: MakeSearch, small_corpora: Path, shuffled: dict[str, Path]
) -> None:
    clean, garbage = (searched(new_search, "target", where) for where in (small_corpora, shuffled["en"]))
    assert_same_outcome(garbage.root, clean.root)
    # What the tests here would miss: that dev labels count at all where they choose.
    other = new_search(data_dir=shuffled["ar"], options=clean.options)
    with pytest.raises(KeyboardInterrupt):
        other.run(teachers_only)
    scores = [
        [run.metrics["dev_target/f1"] for key, run in children(search.root).items() if key.startswith("teacher")]
        for search in (clean, other)
    ]
    assert scores[0] != scores[1]

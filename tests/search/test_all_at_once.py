"""Zero-shot and resume with everything on that a student may be told, and what dev labels may decide."""

import multiprocessing
import shutil
import signal
from pathlib import Path

import pytest
from recorded import assert_same_outcome, assert_settled, children, trials
from small_search import (
    ALL_AT_ONCE,
    ALL_OPTIONS,
    MakeSearch,
    SmallSearch,
    run_until_killed,
    spoil_training_labels,
)

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["msd_ray.search.work"])


def spoil_dev_labels(directory: Path, lang: str = "ar") -> None:
    """Give each word of the dev file the label of the word before it that has one: valid labels, and wrong ones."""
    path = directory / lang / "dev"
    lines = path.read_text(encoding="utf-8").split("\n")
    labels = [line.rpartition("\t")[2] for line in lines if line]
    moved = iter([labels[-1], *labels[:-1]])
    path.write_text("\n".join(line and f"{line.rpartition(chr(9))[0]}\t{next(moved)}" for line in lines), "utf-8")


def test_every_phase_and_row_is_there(all_at_once: SmallSearch) -> None:
    assert_settled(all_at_once.root)
    runs = children(all_at_once.root)
    finals = {key.split("/")[1] for key in runs if key.startswith("final/")}
    assert finals == {"direct", "tsl", "paper", "best", "average"}
    confirmed = {key: run for key, run in runs.items() if key.startswith("confirm/")}
    assert {run.tags["seed"] for run in confirmed.values()} == {"1003", "1004"}
    assert len({run.tags["configuration"] for run in confirmed.values()}) == 2
    assert not any(name.startswith("test/") for run in confirmed.values() for name in run.metrics)


@pytest.mark.slow
def test_garbage_as_target_training_labels_changes_no_bit(
    new_search: MakeSearch, all_at_once: SmallSearch, small_corpora: Path, tmp_path: Path
) -> None:
    spoiled = Path(shutil.copytree(small_corpora, tmp_path / "spoiled"))
    spoil_training_labels(spoiled)
    search = new_search(space=ALL_AT_ONCE, options=ALL_OPTIONS, data_dir=spoiled)
    search.run()
    assert_same_outcome(search.root, all_at_once.root)


@pytest.mark.slow
@pytest.mark.parametrize(("phase", "count"), [("student", 5), ("confirm", 3), ("final", 9)])
def test_killed_and_started_again_it_ends_as_if_undisturbed(
    phase: str, count: int, new_search: MakeSearch, all_at_once: SmallSearch
) -> None:
    search = new_search(space=ALL_AT_ONCE, options=ALL_OPTIONS)
    process = PROCESSES.Process(
        target=run_until_killed, args=(search, phase, count), kwargs={"recorded": count % 2 == 0}
    )
    process.start()
    process.join(600)
    assert process.exitcode == -signal.SIGKILL
    search.run()
    assert_settled(search.root)
    assert_same_outcome(search.root, all_at_once.root)


@pytest.mark.slow
@pytest.mark.parametrize("select_on", ["source", "none"])
def test_target_dev_labels_decide_nothing_where_they_do_not_select(
    select_on: str, new_search: MakeSearch, small_corpora: Path, tmp_path: Path
) -> None:
    spoiled = Path(shutil.copytree(small_corpora, tmp_path / "spoiled"))
    spoil_dev_labels(spoiled)
    assert (spoiled / "ar" / "dev").read_bytes() != (small_corpora / "ar" / "dev").read_bytes()
    options = {"select_on": select_on, "confirm": 2, "seeds": 1, "average_epochs": 2, "trials": 2}
    clean, garbage = new_search(options=options), new_search(options=options, data_dir=spoiled)
    rows = [search.run() for search in (clean, garbage)]
    assert rows[0] == rows[1]
    assert trials(clean.root) == trials(garbage.root)
    weights = [
        {key: run.tags.get("weights_sha256") for key, run in children(search.root).items()}
        for search in (clean, garbage)
    ]
    assert weights[0] == weights[1]
    assert not any(name.startswith("dev_target/") for run in children(clean.root).values() for name in run.metrics)

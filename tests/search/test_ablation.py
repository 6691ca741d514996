"""Ablations: what variants share, which labels reach them, and their results."""

import multiprocessing
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import stored_runs
import torch
from safetensors.numpy import load_file
from small_ablation import ablate
from small_search import MakePrepared, run_here, spoil_training_labels
from stored_runs import assert_same_outcome, assert_settled

from msd_ray.common.errors import UserError
from msd_ray.method.entity_scores import entity_scores
from msd_ray.method.variants import GOLD_AUXILIARY_WEIGHT, TEACHER_MMD_WEIGHT, VARIANTS, ZERO_SHOT
from msd_ray.search.phase import Phase
from msd_ray.search.plans import TrialReport
from msd_ray.search.prepare import Prepared

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["msd_ray.search.work"])


@pytest.fixture(scope="module")
def module_storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ablation") / "storage"


@pytest.fixture
def runs(prepared: MakePrepared, small_corpora: Path, module_storage: Path) -> Mapping[str, stored_runs.Run]:
    """All variants with one seed; trained for the first test, reused by the others."""
    return ablate(prepared(storage=module_storage), small_corpora)


def test_every_variant_ends_with_scores_and_says_whether_it_is_zero_shot(runs: Mapping[str, stored_runs.Run]) -> None:
    assert [key.split("/")[0] for key in runs] == list(VARIANTS)
    for key, run in runs.items():
        assert run.tags["state"] == "COMPLETE"
        assert 0.0 <= run.metrics["test/f1"] <= 1.0
        assert run.tags["zero_shot"] == str(key != "gold-aux/1").lower()


def test_teachers_are_shared_where_they_are_equal(runs: Mapping[str, stored_runs.Run], module_storage: Path) -> None:
    kinds = {"teachers": 3, "students": 8}  # msd's, a plain one, one with MMD; every variant with a student
    for kind, count in kinds.items():
        assert len([path for path in (module_storage / kind).iterdir() if path.is_dir()]) == count
    assert runs["direct/1"].tags["weights"].startswith("teachers/")


def test_what_a_variant_lacks_is_not_in_its_losses(runs: Mapping[str, stored_runs.Run]) -> None:
    both = {"loss/mmd_model", "loss/mmd_language"}
    lacks = {
        "msd": set(),
        "no-distillers": set(),
        "no-mmd-lang": {"loss/mmd_language"},
        "no-mmd-model": {"loss/mmd_model"},
    }
    for row, missing in {**lacks, "no-mmd": both, "no-all": both, "tsl-mmd": both}.items():
        assert both & runs[f"{row}/1"].metrics.keys() == both - missing
    for row in ("no-distillers", "no-all", "tsl-mmd"):
        assert float(runs[f"{row}/1"].parameters["student.beta"]) == 0
        assert float(runs[f"{row}/1"].parameters["teacher.alpha"]) == 0
    assert "loss/mmd_teacher" not in runs["mixture/1"].metrics
    assert float(runs["tsl-mmd/1"].parameters["teacher.mmd"]) == TEACHER_MMD_WEIGHT
    assert float(runs["gold-aux/1"].parameters["student.beta"]) == GOLD_AUXILIARY_WEIGHT


def test_rows_without_a_student_are_the_teacher_on_both_languages(runs: Mapping[str, stored_runs.Run]) -> None:
    for row in ("direct", "mixture"):
        metrics = runs[f"{row}/1"].metrics
        assert runs[f"{row}/1"].tags["weights"].startswith("teachers/")
        assert "source_test/f1" in metrics
        assert not any(name.startswith("domain/tea_src-stu") for name in metrics)
    assert "source_test/f1" not in runs["msd/1"].metrics


def test_a_run_keeps_its_predictions_and_vectors(runs: Mapping[str, stored_runs.Run], module_storage: Path) -> None:
    for row in ("msd", "direct"):
        folders = [
            path
            for path in module_storage.rglob("mlartifacts/*/*/artifacts/results")
            if entity_f1(path) == pytest.approx(runs[f"{row}/1"].metrics["test/f1"], abs=0)
        ]
        assert folders, f"no kept predictions of {row} have its score"
    sizes = {tuple(sorted(load_file(path))) for path in module_storage.rglob("artifacts/results/domains.safetensors")}
    teacher = ("teacher_source", "teacher_target")
    assert sizes == {teacher, ("student_source", "student_target", *teacher)}


def entity_f1(results: Path) -> float:
    table = pq.read_table(results / "predictions.parquet").to_pydict()
    assert set(table) == {"tokens", "gold", "predicted", "repeated"}
    assert all(len(a) == len(b) for a, b in zip(table["tokens"], table["gold"], strict=True))
    return entity_scores(table["gold"], table["predicted"]).f1


@pytest.mark.slow("every variant with two other sets of labels")
def test_target_labels_reach_gold_aux_alone(
    prepared: MakePrepared, runs: Mapping[str, stored_runs.Run], small_corpora: Path, tmp_path: Path
) -> None:
    """Labels that are no labels change no bit of any zero-shot variant; other labels change the control."""
    spoiled = Path(shutil.copytree(small_corpora, tmp_path / "spoiled"))
    spoil_training_labels(spoiled)
    moved = Path(shutil.copytree(small_corpora, tmp_path / "moved"))
    train = moved / "ar" / "train"
    train.write_text(train.read_text(encoding="utf-8").replace("PER", "LOC"), encoding="utf-8")
    garbage = ablate(prepared(data_dir=spoiled, storage=tmp_path / "b"), spoiled, variants=ZERO_SHOT)
    other = ablate(prepared(data_dir=moved, storage=tmp_path / "c"), moved)
    for name in ZERO_SHOT:
        digests = {of[f"{name}/1"].tags["weights_sha256"] for of in (runs, garbage, other)}
        assert len(digests) == 1, name
    assert runs["gold-aux/1"].tags["weights_sha256"] != other["gold-aux/1"].tags["weights_sha256"]
    with pytest.raises(UserError, match=r"ar/train:1: .*garbage"):
        ablate(prepared(data_dir=spoiled, storage=tmp_path / "d"), spoiled, variants=("gold-aux",))


def test_more_seeds_and_variants_find_what_is_there(prepared: MakePrepared, small_corpora: Path) -> None:
    done = prepared()
    first = ablate(done, small_corpora, variants=("no-all",))
    trained = set((done.experiment.storage.root / "students").iterdir())
    again = ablate(done, small_corpora, variants=("no-all", "direct"), seeds=2)
    assert sorted(again) == ["direct/1", "direct/2", "no-all/1", "no-all/2"]
    assert again["no-all/1"] == first["no-all/1"]
    assert trained <= set((done.experiment.storage.root / "students").iterdir())


def ablate_until_killed(prepared: Prepared, directory: Path) -> None:
    """In a process of its own, which dies when the first of two variants has ended and the other one runs."""

    def die(phase: Phase, report: TrialReport) -> None:
        if phase.study.trials()[0].state == "COMPLETE":
            os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    ablate(prepared, directory, variants=("msd", "direct"), run_phase=lambda phase: run_here(phase, before=die))


def test_killed_and_started_again_it_ends_as_if_undisturbed(
    prepared: MakePrepared, small_corpora: Path, tmp_path: Path
) -> None:
    killed, undisturbed = prepared(storage=tmp_path / "killed"), prepared(storage=tmp_path / "undisturbed")
    process = PROCESSES.Process(target=ablate_until_killed, args=(killed, small_corpora))
    process.start()
    process.join(600)
    assert process.exitcode == -signal.SIGKILL
    for one in (killed, undisturbed):
        ablate(one, small_corpora, variants=("msd", "direct"))
    assert_settled(tmp_path / "killed")
    assert_same_outcome(tmp_path / "killed", tmp_path / "undisturbed")

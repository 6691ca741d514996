"""The mean of several teachers' soft labels against NumPy, and the first teacher's [CLS] vectors."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from small_trainings import CPU, SmallCorpora, Trained, save_teacher_outputs, train_student

from msd_ray.common.manifest import new_content
from msd_ray.method.outputs import load_outputs, save_mean_outputs

W, K, C, S, H = 11, 4, 7, 5, 6


def some_outputs(directory: Path, seed: int, *, words: int = W) -> Path:
    """A teacher's outputs, as `save_outputs` writes them."""
    rng = np.random.default_rng(seed)
    with new_content(directory) as scratch:
        np.save(scratch / "soft_labels.npy", rng.dirichlet(np.ones(C), size=(words, K)).astype(np.float32))
        np.save(scratch / "source_cls.npy", rng.normal(size=(S, H)).astype(np.float32))
    return directory


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_the_mean_of_soft_labels_and_the_firsts_cls(tmp_path: Path, count: int) -> None:
    paths = [some_outputs(tmp_path / str(seed), seed) for seed in range(count)]
    save_mean_outputs(tmp_path / "mean", paths)
    found = load_outputs(tmp_path / "mean", CPU)
    labels = [np.load(path / "soft_labels.npy").astype(np.float64) for path in paths]
    np.testing.assert_array_equal(found.soft_labels, np.mean(labels, axis=0).astype(np.float32))
    assert found.soft_labels.dtype == found.source_cls.dtype == torch.float32
    np.testing.assert_allclose(found.soft_labels.sum(dim=-1), 1.0, rtol=1e-6)
    np.testing.assert_array_equal(found.source_cls, np.load(paths[0] / "source_cls.npy"))
    assert sorted(path.name for path in (tmp_path / "mean").iterdir()) == [
        "manifest.json",
        "soft_labels.npy",
        "source_cls.npy",
    ]


def test_the_order_of_the_others_does_not_matter(tmp_path: Path) -> None:
    first, second, third = (some_outputs(tmp_path / str(seed), seed) for seed in range(3))
    save_mean_outputs(tmp_path / "a", [first, second, third])
    save_mean_outputs(tmp_path / "b", [first, third, second])
    a, b = (load_outputs(tmp_path / name, CPU) for name in "ab")
    torch.testing.assert_close(a.soft_labels, b.soft_labels, rtol=1e-6, atol=0.0)
    assert torch.equal(a.source_cls, b.source_cls)


def test_teachers_outputs_are_mapped_and_stay_as_they_are(tmp_path: Path) -> None:
    """Eight teachers take the memory of the mean only: its sum in float64, the quotient and the result."""
    words = 40_000
    paths = [some_outputs(tmp_path / str(seed), seed, words=words) for seed in range(8)]
    before = [(path / "soft_labels.npy").read_bytes() for path in paths]
    tracemalloc.start()
    try:
        save_mean_outputs(tmp_path / "mean", paths)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    one = words * K * C * 4  # bytes
    assert peak < 6 * one
    assert [(path / "soft_labels.npy").read_bytes() for path in paths] == before


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    paths = [some_outputs(tmp_path / str(seed), seed) for seed in range(2)]
    (paths[0] / "source_cls.npy").unlink()
    with pytest.raises(FileNotFoundError):
        save_mean_outputs(tmp_path / "mean", paths)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1"]


def test_a_student_learns_from_the_mean_of_two(corpora: SmallCorpora, teacher: Trained, tmp_path: Path) -> None:
    """Of one teacher, twice, it is what it would have been."""
    save_teacher_outputs(corpora, teacher.model, tmp_path / "one")
    save_mean_outputs(tmp_path / "mean", [tmp_path / "one", tmp_path / "one"])
    students = [
        train_student(corpora, load_outputs(tmp_path / name, CPU), tmp_path / f"of {name}") for name in ("one", "mean")
    ]
    assert all(torch.equal(value, students[1].weights[name]) for name, value in students[0].weights.items())

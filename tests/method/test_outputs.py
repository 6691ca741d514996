"""A teacher's stored outputs against one sentence at a time."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small_trainings import CPU, LABELS, SmallCorpora, Trained, save_teacher_outputs

from msd_ray.data.encode import EncodedText
from msd_ray.method import evaluate, outputs
from msd_ray.method.outputs import TeacherOutputs, load_outputs


@torch.inference_mode()
def outputs_twin(teacher: Trained, text: EncodedText) -> tuple[list[list[list[float]]], list[list[float]]]:
    """Probabilities word by word and [CLS] sentence by sentence, without padding."""
    words, cls = [], []
    teacher.model.eval()
    for start, end in zip(text.offsets[:-1], text.offsets[1:], strict=True):
        ids = torch.from_numpy(text.input_ids[start:end].astype(np.int64))[None]
        out = teacher.model(ids, torch.ones_like(ids))
        cls.append(out.cls[0].tolist())
        words += [
            [out.logits[k, 0, place].softmax(dim=-1).tolist() for k in range(len(out.logits))]
            for place, word in enumerate(text.words[start:end])
            if word >= 0
        ]
    return words, cls


def test_soft_labels(corpora: SmallCorpora, teacher: Trained, outputs: TeacherOutputs) -> None:
    words, _ = outputs_twin(teacher, corpora.target)
    assert outputs.soft_labels.shape == (int((corpora.target.words >= 0).sum()), 4, len(LABELS))
    torch.testing.assert_close(outputs.soft_labels, torch.tensor(words), atol=1e-5, rtol=1e-4)
    sums = outputs.soft_labels.sum(dim=-1)
    torch.testing.assert_close(sums, torch.ones_like(sums))


def test_cls_vectors(corpora: SmallCorpora, teacher: Trained, outputs: TeacherOutputs) -> None:
    _, cls = outputs_twin(teacher, corpora.source)
    torch.testing.assert_close(outputs.source_cls, torch.tensor(cls), atol=1e-5, rtol=1e-4)


def test_many_small_batches_give_the_same(
    corpora: SmallCorpora,
    teacher: Trained,
    outputs: TeacherOutputs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(evaluate.TOKENS_A_BATCH, "cpu", 100)
    again = save_teacher_outputs(corpora, teacher.model, tmp_path / "de")
    torch.testing.assert_close(again.soft_labels, outputs.soft_labels, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(again.source_cls, outputs.source_cls, atol=1e-5, rtol=1e-4)


def test_they_are_mapped_and_what_is_written_reaches_no_file(outputs_directory: Path) -> None:
    names = ["soft_labels.npy", "source_cls.npy"]
    assert sorted(path.name for path in outputs_directory.iterdir()) == ["manifest.json", *names]
    before = [(outputs_directory / name).read_bytes() for name in names]
    loaded = load_outputs(outputs_directory, CPU)
    mapped = Path("/proc/self/maps").read_text(encoding="utf-8")
    assert all(str(outputs_directory / name) in mapped for name in names)
    loaded.soft_labels.zero_()
    loaded.source_cls.zero_()
    assert [(outputs_directory / name).read_bytes() for name in names] == before


def test_a_failure_leaves_nothing(
    corpora: SmallCorpora, teacher: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object) -> None:
        assert (tmp_path / next(tmp_path.iterdir()).name / "soft_labels.npy").exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(outputs, "cls_vectors", stop)
    with pytest.raises(KeyboardInterrupt):
        save_teacher_outputs(corpora, teacher.model, tmp_path / "de")
    assert list(tmp_path.iterdir()) == []

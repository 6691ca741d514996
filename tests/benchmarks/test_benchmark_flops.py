"""Operations by formula against torch's counter, and the rate of a product with a fake clock."""

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import flops
from benchmarks.flops import Product, TaggerShape, encoder_products, training_flops
from benchmarks.speeds import STUDENT, Bench, Speeds, student_flops, student_task
from msd_ray.data.catalogue import label_names
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.load import load_source, load_target
from msd_ray.method.build import build_tagger
from msd_ray.method.settings import RunSettings
from msd_ray.method.tagger import MultiChannelTagger

CPU = torch.device("cpu")
LABELS = 7


def _tagger(encoder: EncoderFiles, frozen_layers: int) -> MultiChannelTagger:
    run = RunSettings(frozen_layers=frozen_layers, dropout_masks="fast")
    return build_tagger(encoder, LABELS, run=run, dropout=0.1, device=CPU).train()


@pytest.mark.parametrize("frozen_layers", [0, 3, 5])
@pytest.mark.parametrize("terminals", [True, False])
def test_formula_counts_what_torch_counts(tiny_encoder: EncoderFiles, frozen_layers: int, terminals: bool) -> None:
    tagger = _tagger(tiny_encoder, frozen_layers)
    ids = torch.randint(5, 100, (3, 11))
    with FlopCounterMode(display=False) as counted:
        out = tagger(ids, None).logits if terminals else tagger.cls_vectors(ids, None)
        out.sum().backward()
    expected = training_flops(TaggerShape.of(tagger), np.array([11, 11, 11]), terminals=terminals)
    assert expected == counted.get_total_flops()


def test_padding_is_not_counted(tiny_encoder: EncoderFiles) -> None:
    shape = TaggerShape.of(_tagger(tiny_encoder, 3))
    single = [training_flops(shape, np.array([length]), terminals=True) for length in (5, 40)]
    assert training_flops(shape, np.array([5, 40]), terminals=True) == sum(single)


def test_student_step_is_counted_whole(tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    """Target and source sentences have one length each, so there is no padding; the MMD's products are small."""
    bench = Bench(
        encoder=tiny_encoder,
        source=load_source("sample", None, limit=200),
        target=load_target("sample", "de", None, limit=200),
        labels=label_names("sample"),
        run=RunSettings(),
        rounds=1,
        steps=1,
        square=8,
        device=CPU,
    )
    task, _ = student_task(bench, tmp_path / "outputs")
    target, source = (
        np.flatnonzero(text.lengths == np.bincount(text.lengths).argmax()) for text in (task.target, task.source)
    )
    step = (target[:4], source[:4])
    assert [len(sentences) for sentences in step] == [4, 4]
    assert task.target.lengths[target[0]] != task.source.lengths[source[0]]
    tagger = bench.tagger(STUDENT).train()
    with FlopCounterMode(display=False) as counted:
        task.loss(tagger, step).total.backward()  # type: ignore[no-untyped-call]
    expected = student_flops(TaggerShape.of(tagger), task, step)
    assert 1.0 <= counted.get_total_flops() / expected < 1.005


def test_ratios_and_shares_are_of_the_same_round() -> None:
    speeds = Speeds(
        products=encoder_products(8, 8, 8)[:2],
        padding=0.0,
        straightforward_padding=0.5,
        ours=[10.0, 30.0],
        straightforward=[2.0, 3.0],
        trainer=[5.0, 10.0],
        flops=[1.0, 4.0],
        rates=[[2.0, 4.0], [8.0, 5.0]],
    )
    assert speeds.ratios == [5.0, 10.0]
    assert speeds.trainer_ratios == [2.0, 3.0]
    assert speeds.shares == [0.25, 0.5]


def test_rate_is_operations_by_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake clock counts 0.125 s per product: two take less than 0.3 s, four take more."""
    now, products = 0.0, 0
    multiply = torch.mm

    def counted(*arguments: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        nonlocal now, products
        now += 0.125
        products += 1
        return multiply(*arguments, out=out)

    monkeypatch.setattr(flops, "SECONDS", 0.3)
    monkeypatch.setattr(torch, "mm", counted)
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    assert Product(rows=2, inner=3, columns=4).rate("fp32", CPU) == 2 * 2 * 3 * 4 / 0.125
    assert products == 1 + 2 + 4


def test_products_are_those_of_a_feed_forward_layer() -> None:
    assert [str(product) for product in encoder_products(850, 384, 2048)] == [
        "2048 x 2048 x 2048",
        "850 x 384 x 1536",
        "850 x 1536 x 384",
    ]

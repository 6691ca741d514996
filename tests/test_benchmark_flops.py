"""Operations by formula against those that torch counts, and the rate of a product on a clock of the test's own."""

import time

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import flops
from benchmarks.flops import Product, TaggerShape, encoder_products, training_flops
from msd_ray.encoders.files import EncoderFiles
from msd_ray.model import MultiChannelTagger
from msd_ray.training import RunSettings
from msd_ray.training.build import build_tagger

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
    alone = [training_flops(shape, np.array([length]), terminals=True) for length in (5, 40)]
    assert training_flops(shape, np.array([5, 40]), terminals=True) == sum(alone)


def test_rate_is_operations_by_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock that says 0.125 s for each product: two are too few for 0.3 s, four are not."""
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

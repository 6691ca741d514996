"""Precision, attention and autocast by device; a tagger built for one."""

from dataclasses import replace

import pytest
import torch
from small_trainings import CPU, LABELS, RUN, SmallCorpora, assert_same_weights

from msd_ray.common.errors import UserError
from msd_ray.method.build import build_tagger
from msd_ray.method.device import attention_kernel, autocast, best_precision, resolve_precision


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({"amx_bf16": True, "avx512_bf16": True}, "bf16"),
        ({"avx512_bf16": True, "amx_bf16": False}, "bf16"),
        ({"avx2": True, "avx512_f": True}, "fp32"),
        ({}, "fp32"),
    ],
)
def test_a_processors_precision_is_what_its_instructions_say(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], precision: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert best_precision(CPU) == precision
    assert resolve_precision("auto", CPU) == precision


def test_the_instructions_are_asked_for_by_the_names_that_torch_has() -> None:
    known = torch.cpu.get_capabilities()
    if known.get("architecture") in ("x86_64", "amd64"):
        assert {"amx_bf16", "avx512_bf16"} <= known.keys()
    assert best_precision(CPU) in ("fp32", "bf16")


@pytest.mark.parametrize("name", ["fp32", "bf16"])
def test_a_requested_precision_is_taken(name: str) -> None:
    assert resolve_precision(name, CPU) == name


def test_an_unknown_precision_is_the_users_error() -> None:
    with pytest.raises(UserError, match=r"'fp16' is unknown\. Choose auto, fp32 or bf16"):
        resolve_precision("fp16", CPU)


def test_autocast() -> None:
    matrix = torch.ones(2, 2)
    with autocast(CPU, "bf16"):
        assert (matrix @ matrix).dtype == torch.bfloat16
    with autocast(CPU, "fp32"):
        assert (matrix @ matrix).dtype == torch.float32


def test_attention_kernels() -> None:
    assert attention_kernel(CPU) == "eager"
    assert attention_kernel(torch.device("cuda")) == "sdpa"


def test_a_tagger_depends_on_seed_and_encoder_alone(corpora: SmallCorpora) -> None:
    first = corpora.tagger().state_dict()
    torch.rand(3)
    assert_same_weights(corpora.tagger().state_dict(), first)
    other = corpora.tagger(run=replace(RUN, seed=4)).state_dict()
    assert not torch.equal(other["omega"], first["omega"])


def test_an_encoder_with_too_few_layers_is_the_users_error(corpora: SmallCorpora) -> None:
    with pytest.raises(UserError, match=r"encoder .*: expected 0 to 5 frozen layers, found 6"):
        build_tagger(corpora.encoder, len(LABELS), run=replace(RUN, frozen_layers=6), dropout=0.1, device=CPU)

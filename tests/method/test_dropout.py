"""The fast dropout masks: their distribution, a NumPy twin of product and gradient, and the encoders that take them."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import transformers
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import PreTrainedModel
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from msd_ray.method.dropout import ATTENTION, FastDropout, dropout, keep_mask, use_fast_masks

Floats = npt.NDArray[np.float64]
COUNT = 1 << 20
SIZES = {"vocab_size": 60, "num_hidden_layers": 3, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 48}
FAMILIES = [
    ("Bert", SIZES),
    ("Roberta", SIZES),
    ("XLMRoberta", SIZES),
    ("Camembert", SIZES),
    ("Electra", SIZES | {"embedding_size": 32}),
    ("DistilBert", {"vocab_size": 60, "n_layers": 3, "dim": 32, "n_heads": 4, "hidden_dim": 48}),
]
IDS = torch.tensor([[2, 9, 40, 57, 12, 3], [2, 15, 3, 0, 0, 0]])
MASK = (IDS != 0).long()


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    threads = torch.get_num_threads()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        yield
    torch.set_num_threads(threads)


def drawn(p: float, seed: int, count: int = COUNT) -> Floats:
    return keep_mask(torch.Size([count]), p, seed).numpy().astype(np.float64)


def next_seeds(count: int) -> list[int]:
    """The seeds that the next masks will have."""
    with torch.random.fork_rng():
        return [int(torch.empty((), dtype=torch.int64).random_()) for _ in range(count)]


def correlation(first: Floats, second: Floats) -> float:
    return float(np.corrcoef(first, second)[0, 1])


@pytest.mark.parametrize("p", [0.003, 0.1, 0.5, 0.9])
def test_probability(p: float) -> None:
    mask = drawn(p, seed=5)
    assert set(np.unique(mask)) == {0.0, 1.0}
    assert mask.mean() == pytest.approx(1 - p, abs=5 * math.sqrt(p * (1 - p) / COUNT))
    # Of counts in blocks: the binomial's mean and variance, so that elements do not go together.
    counts = mask.reshape(-1, 64).sum(axis=1)
    variance = 64 * p * (1 - p)
    spread = variance * math.sqrt(2 / len(counts) + (1 / (p * (1 - p)) - 6) / (64 * len(counts)))
    assert counts.var() == pytest.approx(variance, abs=5 * spread)
    for lane in range(4):  # the four elements of a random word
        assert mask[lane::4].mean() == pytest.approx(1 - p, abs=5 * math.sqrt(p * (1 - p) / (COUNT / 4)))


def test_probability_is_the_nearest_of_65536(monkeypatch: pytest.MonkeyPatch) -> None:
    class AllNumbers:
        """Words that contain each 16-bit number once."""

        def __init__(self, seed: int) -> None:
            pass

        def random_raw(self, count: int) -> npt.NDArray[np.uint64]:
            assert count == 1 << 14
            return np.arange(1 << 16, dtype=np.uint16).view(np.uint64)

    monkeypatch.setattr(np.random, "SFC64", AllNumbers)
    for p in (1e-6, 0.003, 0.1, 0.5, 0.9):
        assert abs(drawn(p, seed=0, count=1 << 16).mean() - (1 - p)) <= 2**-17
    assert drawn(1 - 1e-9, seed=0, count=1 << 16).sum() == 1  # something stays


def test_neighbours_steps_and_seeds_are_independent() -> None:
    mask, bound = drawn(0.3, seed=11), 5 / math.sqrt(COUNT)
    for distance in (1, 2, 3, 4, 5, 8, 384, 1536):
        assert abs(correlation(mask[:-distance], mask[distance:])) < bound, distance
    for seed in (12, 10, 11 + (1 << 32), 11 + (1 << 62)):
        assert abs(correlation(mask, drawn(0.3, seed))) < bound, seed
    after = [dropout(torch.ones(COUNT), 0.3).numpy().astype(np.float64) for _ in range(2)]
    assert abs(correlation(*after)) < bound


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("p", [0.1, 0.9])
@pytest.mark.parametrize("shape", [(3, 5, 7), (8, 4), (1,), (0, 3)])
def test_product_and_gradient(dtype: torch.dtype, p: float, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, dtype=dtype, requires_grad=True)
    gradient = torch.randn(shape, dtype=dtype)
    bits = np.random.SFC64(next_seeds(1)[0]).random_raw(math.prod(shape) // 4 + 1)
    numbers = [int(word) >> shift & 0xFFFF for word in bits for shift in (0, 16, 32, 48)][: math.prod(shape)]
    mask = np.array([0.0 if number < round(p * 65536) else 1 / (1 - p) for number in numbers]).reshape(shape)
    out = dropout(x, p)
    out.backward(gradient)  # type: ignore[no-untyped-call]
    assert out.dtype == dtype
    assert x.grad is not None
    for found, start in ((out, x), (x.grad, gradient)):
        twin = start.detach().double().numpy() * mask
        np.testing.assert_allclose(
            found.detach().double().numpy(), twin, rtol=1e-2 if dtype == torch.bfloat16 else 1e-6
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_values_are_those_of_torchs_dropout(dtype: torch.dtype) -> None:
    x = torch.randn(1000, dtype=dtype)
    ours, theirs = dropout(x, 0.1), functional.dropout(x, 0.1)
    both = (ours != 0) & (theirs != 0)
    assert int(both.sum()) > 700
    torch.testing.assert_close(ours[both], theirs[both], rtol=2e-7 if dtype == torch.float32 else 0, atol=0)


def test_memory_of_different_layout() -> None:
    x = torch.randn(6, 4).t()
    seed = next_seeds(1)[0]
    assert torch.equal(dropout(x, 0.5), x * keep_mask(x.shape, 0.5, seed) * 2)


def test_probability_zero_and_evaluation_change_nothing() -> None:
    x, state = torch.randn(5), torch.get_rng_state()
    assert dropout(x, 0.0) is x
    assert FastDropout(0.5).eval()(x) is x
    assert torch.equal(torch.get_rng_state(), state)
    assert FastDropout(0.5)(x) is not x


@pytest.mark.parametrize("threads", [2, 4])
def test_threads_change_no_mask(threads: int) -> None:
    def draw(count: int) -> list[Tensor]:
        torch.set_num_threads(count)
        torch.manual_seed(7)
        return [dropout(torch.ones(1000, 300), 0.1) for _ in range(3)]

    one, several = draw(1), draw(threads)
    assert all(torch.equal(*pair) for pair in zip(one, several, strict=True))
    assert not torch.equal(one[0], one[1])


class _Drawn(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the masks that torch draws itself."""

    masks = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.masks += "bernoulli" in str(func) or "dropout" in str(func)
        return func(*args, **(kwargs or {}))


def encoder(family: str, settings: Mapping[str, object], attention: str = "eager") -> PreTrainedModel:
    model = getattr(transformers, family + "Model")(getattr(transformers, family + "Config")(**settings))
    assert isinstance(model, PreTrainedModel)
    model.set_attn_implementation(attention)
    return model


@pytest.mark.parametrize(("family", "settings"), FAMILIES)
def test_families_draw_no_mask_of_torchs(family: str, settings: Mapping[str, object]) -> None:
    model = encoder(family, settings).train()
    with _Drawn() as before:  # type: ignore[no-untyped-call]
        model(input_ids=IDS, attention_mask=MASK)
    use_fast_masks(model)
    assert model.config._attn_implementation == ATTENTION
    with _Drawn() as after:  # type: ignore[no-untyped-call]
        first, second = (model(input_ids=IDS, attention_mask=MASK).last_hidden_state for _ in range(2))
    # Embeddings, and a layer's attention weights, inner layer and (not in DistilBERT) attention.
    assert before.masks == 1 + 3 * (2 if family == "DistilBert" else 3)
    assert after.masks == 0
    assert not torch.equal(first, second)


@pytest.mark.parametrize(("family", "settings"), FAMILIES)
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_families_in_evaluation_are_as_before(
    family: str, settings: Mapping[str, object], precision: torch.dtype
) -> None:
    model = encoder(family, settings).train(False)
    use_fast_masks(model)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
        for mask in (MASK, None):
            ours = model(input_ids=IDS, attention_mask=mask).last_hidden_state
            model.set_attn_implementation("eager")
            assert torch.equal(ours, model(input_ids=IDS, attention_mask=mask).last_hidden_state)
            model.set_attn_implementation(ATTENTION)


def test_attention_weights_are_dropped() -> None:
    batch, heads, tokens, width = 2, 3, 5, 4
    query, key, value = (torch.randn(batch, heads, tokens, width, requires_grad=True) for _ in range(3))
    mask = torch.tensor([[0.0, 0, 0, 0, 0], [0, 0, -1e9, -1e9, -1e9]])[:, None, None, :]
    keep = keep_mask(torch.Size([batch, heads, tokens, tokens]), 0.25, next_seeds(1)[0]).double().numpy()
    attention = ALL_ATTENTION_FUNCTIONS[ATTENTION]
    out, weights = attention(nn.Module(), query, key, value, mask, dropout=0.25)
    twin = np.zeros((batch, tokens, heads, width))
    q, k, v = (tensor.detach().double().numpy() for tensor in (query, key, value))
    for b, h, i in np.ndindex(batch, heads, tokens):
        scores = np.exp([q[b, h, i] @ k[b, h, j] / 2 if mask[b, 0, 0, j] == 0 else -np.inf for j in range(tokens)])
        row = scores / scores.sum() * keep[b, h, i] / 0.75
        np.testing.assert_allclose(weights[b, h, i].detach(), row, atol=1e-6)
        twin[b, i, h] = row @ v[b, h]
    np.testing.assert_allclose(out.detach(), twin, atol=1e-5)


def test_another_attention_keeps_its_own() -> None:
    """LayoutLM's differs from BERT's, MegatronBert's is no function; modules draw fast masks all the same."""
    for family in ("LayoutLM", "MegatronBert"):
        model = encoder(family, SIZES)
        use_fast_masks(model)
        assert model.config._attn_implementation == "eager"
        assert any(isinstance(module, FastDropout) for module in model.modules())
        assert not any(type(module) is nn.Dropout for module in model.modules())
    fused = encoder("Bert", SIZES, "sdpa")
    use_fast_masks(fused)
    assert fused.config._attn_implementation == "sdpa"


def test_weights_and_modes_stay() -> None:
    model = encoder("Bert", SIZES).train()
    model.get_submodule("embeddings").eval()
    before, modes = model.state_dict(), {name: module.training for name, module in model.named_modules()}
    use_fast_masks(model)
    assert model.state_dict().keys() == before.keys()
    assert {name: module.training for name, module in model.named_modules()} == modes

"""The tagger against a twin from the encoder's hidden states, what is frozen, and what padding does."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.loading import load_encoder
from msd_ray.method.tagger import MultiChannelTagger

LAYERS, CLASSES = 6, 5
IDS = torch.tensor([[2, 9, 40, 77, 12, 3], [2, 15, 3, 0, 0, 0], [2, 31, 8, 66, 3, 0]])
MASK = (IDS != 0).long()


@pytest.fixture
def encoder(tiny_encoder: EncoderFiles) -> PreTrainedModel:
    return load_encoder(tiny_encoder, dropout=0.1)


@pytest.fixture
def tagger(encoder: PreTrainedModel) -> Iterator[MultiChannelTagger]:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = MultiChannelTagger(encoder, CLASSES, frozen_layers=2)
        torch.nn.init.normal_(model.terminal_bias)
        yield model


def logits_twin(tagger: MultiChannelTagger, ids: Tensor, mask: Tensor) -> list[list[list[list[float]]]]:
    """Eq. 7's scores, channel by channel, token by token, class by class."""
    states = tagger.encoder(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
    assert len(states) == LAYERS + 1
    channels = []
    for k in range(tagger.channels):
        hidden = states[1 + tagger.frozen_layers + k]  # layer frozen + k + 1; state 0 is the embeddings'
        weight, bias = tagger.terminal_weight[k], tagger.terminal_bias[k]
        channels.append(
            [
                [[float(weight[c] @ token + bias[c]) for c in range(CLASSES)] for token in sentence]
                for sentence in hidden
            ]
        )
    return channels


@pytest.mark.parametrize("frozen", [0, 2, 5])
def test_there_is_a_channel_for_every_trained_layer(encoder: PreTrainedModel, frozen: int) -> None:
    tagger = MultiChannelTagger(encoder, CLASSES, frozen_layers=frozen)
    assert tagger.channels == LAYERS - frozen
    assert tagger.omega.shape == (LAYERS - frozen - 1,)
    assert tagger(IDS, MASK).logits.shape == (LAYERS - frozen, *IDS.shape, CLASSES)


@pytest.mark.parametrize("frozen", [0, 2])
def test_frozen_matrices_in_bf16_change_no_bit_under_autocast(encoder: PreTrainedModel, frozen: int) -> None:
    tagger = MultiChannelTagger(encoder, CLASSES, frozen_layers=frozen)
    results = []
    for _ in range(2):
        torch.manual_seed(1)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = tagger(IDS, MASK)
        tagger.zero_grad()
        output.logits.square().sum().backward()
        gradients = [p.grad.clone() for p in tagger.trained_parameters().values() if p.grad is not None]
        results.append([output.logits.detach(), output.cls.detach(), *gradients])
        tagger.cast_frozen_matrices(torch.bfloat16)
    held = sum(parameter.dtype == torch.bfloat16 for parameter in tagger.parameters())
    assert held == 2 * 6 * frozen  # weight and bias of six products a layer
    assert not any(parameter.dtype == torch.bfloat16 for parameter in tagger.trained_parameters().values())
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


@pytest.mark.parametrize("frozen", [6, 7, 100, -1])
def test_frozen_layers_that_make_no_sense(encoder: PreTrainedModel, frozen: int) -> None:
    with pytest.raises(ValueError, match=rf"expected 0 to 5 frozen layers, found {frozen}"):
        MultiChannelTagger(encoder, CLASSES, frozen_layers=frozen)


@torch.no_grad()
def test_logits(tagger: MultiChannelTagger) -> None:
    tagger.eval()
    out = tagger(IDS, MASK)
    torch.testing.assert_close(out.logits, torch.tensor(logits_twin(tagger, IDS, MASK)), atol=1e-5, rtol=1e-5)
    assert (out.logits[0] - out.logits[-1]).abs().max() > 0.1, "the channels read the same layer"


@torch.no_grad()
def test_cls_is_the_last_layers_first_vector(tagger: MultiChannelTagger) -> None:
    tagger.eval()
    last = tagger.encoder(input_ids=IDS, attention_mask=MASK, output_hidden_states=True).hidden_states[-1]
    out = tagger(IDS, MASK)
    assert torch.equal(out.cls, last[:, 0])
    assert torch.equal(tagger.cls_vectors(IDS, MASK), last[:, 0])


@torch.no_grad()
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_no_mask_is_a_mask_without_padding(tagger: MultiChannelTagger, attention: str) -> None:
    tagger.eval()
    tagger.encoder.set_attn_implementation(attention)
    whole = IDS[:1]
    with_mask, without = tagger(whole, torch.ones_like(whole)), tagger(whole, None)
    torch.testing.assert_close(with_mask.logits, without.logits)
    torch.testing.assert_close(with_mask.cls, without.cls)


@torch.no_grad()
def test_padding_changes_no_real_token(tagger: MultiChannelTagger) -> None:
    tagger.eval()
    together = tagger(IDS, MASK)
    for row in range(len(IDS)):
        length = int(MASK[row].sum())
        alone = tagger(IDS[row : row + 1, :length], MASK[row : row + 1, :length])
        torch.testing.assert_close(together.logits[:, row, :length], alone.logits[:, 0], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(together.cls[row], alone.cls[0], atol=1e-5, rtol=1e-5)


def test_what_is_frozen_gets_no_gradient_and_stays(tagger: MultiChannelTagger) -> None:
    before = {name: parameter.detach().clone() for name, parameter in tagger.named_parameters()}
    optimizer = torch.optim.SGD(tagger.parameters(), lr=0.1)
    tagger.train()
    for _ in range(2):
        optimizer.zero_grad()
        out = tagger(IDS, MASK)
        (out.logits.square().mean() + tagger.omega.square().sum()).backward()
        optimizer.step()
    frozen = {
        name
        for name in before
        if name.startswith(("encoder.embeddings.", "encoder.encoder.layer.0.", "encoder.encoder.layer.1."))
    }
    assert len(frozen) == 5 + 2 * 16
    for name, parameter in tagger.named_parameters():
        assert (parameter.grad is None) == (name in frozen), name
        assert torch.equal(parameter, before[name]) == (name in frozen), name
    assert tagger.trained_parameters().keys() == before.keys() - frozen


def test_no_graph_is_built_through_frozen_layers(tagger: MultiChannelTagger) -> None:
    states = tagger.encoder(input_ids=IDS, attention_mask=MASK, output_hidden_states=True).hidden_states
    assert [state.requires_grad for state in states] == [False] * 3 + [True] * 4


def test_terminals_and_omega_come_from_the_generator(encoder: PreTrainedModel) -> None:
    def drawn(seed: int) -> tuple[Tensor, Tensor]:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            tagger = MultiChannelTagger(encoder, CLASSES, frozen_layers=0)
        return tagger.terminal_weight.detach(), tagger.omega.detach()

    assert all(torch.equal(*pair) for pair in zip(drawn(1), drawn(1), strict=True))
    assert not any(torch.equal(*pair) for pair in zip(drawn(1), drawn(2), strict=True))
    weight, omega = drawn(3)
    assert float(weight.std()) == pytest.approx(encoder.config.initializer_range, rel=0.1)
    assert float(omega.abs().max()) <= 1.0


def test_dropout_is_on_the_terminals_input_in_training_alone(tiny_encoder: EncoderFiles) -> None:
    tagger = MultiChannelTagger(load_encoder(tiny_encoder, dropout=0.0), CLASSES, frozen_layers=2, dropout=0.5)
    tagger.train()
    first, second = tagger(IDS, MASK), tagger(IDS, MASK)
    assert not torch.equal(first.logits, second.logits)
    assert torch.equal(first.cls, second.cls)
    tagger.eval()
    assert torch.equal(tagger(IDS, MASK).logits, tagger(IDS, MASK).logits)


@torch.no_grad()
def test_half_precision_products(tagger: MultiChannelTagger) -> None:
    tagger.eval()
    exact = tagger(IDS, MASK).logits
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = tagger(IDS, MASK).logits
    assert rounded.dtype == torch.float32
    assert not torch.equal(rounded, exact)
    torch.testing.assert_close(rounded, exact, atol=0.1, rtol=0.1)


def test_trained_weights_are_taken_over_whole_or_refused(tiny_encoder: EncoderFiles) -> None:
    taggers = [MultiChannelTagger(load_encoder(tiny_encoder, dropout=0.0), 3) for _ in range(2)]
    weights = {name: parameter.detach().clone() for name, parameter in taggers[0].trained_parameters().items()}
    taggers[1].load_trained(weights)
    for name, parameter in taggers[1].trained_parameters().items():
        assert torch.equal(parameter, weights[name])
    with pytest.raises(ValueError, match="omega"):
        taggers[1].load_trained({name: weight for name, weight in weights.items() if name != "omega"})
    with pytest.raises(ValueError, match="omega: expected shape"):
        taggers[1].load_trained({**weights, "omega": torch.zeros(7)})

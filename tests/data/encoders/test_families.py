"""The contract of every supported family: forward pass, frozen layers, resuming, export and loading."""

import re
from pathlib import Path

import pytest
import torch
from families import FAMILIES, random_encoder
from students import LABELS, exported, trained_tagger
from transformers import PreTrainedModel

from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.layers import encoder_parts
from msd_ray.data.encoders.loading import encoder_skeleton, load_encoder
from msd_ray.data.encoders.token_classification import check_encoder
from msd_ray.doctor.memory import Shape
from msd_ray.method.build import build_tagger
from msd_ray.method.settings import RunSettings
from msd_ray.predict.export import load_student

CPU = torch.device("cpu")
FROZEN, LAYERS = 1, 3
IDS = torch.tensor([[0, 9, 40, 77, 12, 31, 8, 9, 22, 2], [0, 15, 9, 33, 2, 1, 1, 1, 1, 1]])
MASK = (IDS != 1).long()
LAYER_BY_LAYER = {"Bert", "Roberta", "XLMRoberta", "Camembert", "Electra", "DistilBert"}


@pytest.fixture(scope="module", params=FAMILIES)
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> EncoderFiles:
    return random_encoder(tmp_path_factory.mktemp("encoder"), request.param)


def test_forward(encoder: EncoderFiles) -> None:
    tagger = trained_tagger(encoder, FROZEN)
    with torch.no_grad():
        found = tagger(IDS, MASK)
        whole = tagger.encoder(input_ids=IDS, attention_mask=MASK, output_hidden_states=True)
        alone = tagger(IDS[1:, :5], None)
    assert found.logits.shape == (LAYERS - FROZEN, *IDS.shape, len(LABELS))
    for channel, states in enumerate(whole.hidden_states[1 + FROZEN :]):
        weight, bias = tagger.terminal_weight[channel].detach(), tagger.terminal_bias[channel].detach()
        expected = states @ weight.T + bias
        torch.testing.assert_close(found.logits[channel][MASK.bool()], expected[MASK.bool()], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(whole.hidden_states[-1], whole.last_hidden_state)
    torch.testing.assert_close(found.logits[:, 1, :5], alone.logits[:, 0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("frozen", [0, FROZEN])
def test_freeze(encoder: EncoderFiles, frozen: int) -> None:
    """A step of training changes every trained parameter and no other, and the frozen layers' output not at all."""
    run = RunSettings(seed=1, frozen_layers=frozen)
    tagger = build_tagger(encoder, len(LABELS), run=run, dropout=0.1, device=CPU)
    before = {name: value.clone() for name, value in tagger.state_dict().items()}
    tagger.eval()
    states = tagger.frozen_states(IDS, MASK)[MASK.bool()]
    tagger.train()
    optimizer = torch.optim.SGD([value for value in tagger.parameters() if value.requires_grad], lr=1.0)
    (tagger(IDS, MASK).logits.square().sum() + tagger.omega.sum()).backward()
    optimizer.step()
    trained = tagger.trained_parameters().keys()
    same = {name for name, value in tagger.state_dict().items() if torch.equal(value, before[name])}
    # A key's bias adds the same number to all scores of a query, which softmax ignores.
    assert not [name for name in trained if name in same and not re.search(r"\.(k|key|k_lin|key_proj)\.bias$", name)]
    assert set(before) - set(trained) <= same
    parts = encoder_parts(tagger.encoder)
    kept = (parts.embeddings, *parts.shared, *parts.layers[:frozen])
    assert not any(parameter.requires_grad for module in kept for parameter in module.parameters())
    assert all(parameter.requires_grad for parameter in parts.layers[frozen:].parameters())
    tagger.eval()
    assert torch.equal(tagger.frozen_states(IDS, MASK)[MASK.bool()], states)


def test_resume(encoder: EncoderFiles) -> None:
    """The trained parameters in another process's tagger make the same tagger."""
    tagger = trained_tagger(encoder, FROZEN)
    weights = {name: value.detach().clone() for name, value in tagger.trained_parameters().items()}
    run = RunSettings(seed=99, frozen_layers=FROZEN)
    resumed = build_tagger(encoder, len(LABELS), run=run, dropout=0.1, device=CPU).eval()
    with torch.no_grad():
        assert not torch.equal(resumed(IDS, MASK).logits, tagger(IDS, MASK).logits)
        resumed.load_trained(weights)
        assert torch.equal(resumed(IDS, MASK).logits, tagger(IDS, MASK).logits)


def test_export_and_load(encoder: EncoderFiles, tmp_path: Path) -> None:
    tagger = exported(encoder, tmp_path / "student", frozen_layers=FROZEN, max_length=100)
    loaded = load_student(tmp_path / "student", CPU)
    with torch.no_grad():
        assert torch.equal(loaded.tagger(IDS, MASK).logits, tagger(IDS, MASK).logits)
    state = loaded.tagger.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in tagger.state_dict().items())


def test_bf16(encoder: EncoderFiles) -> None:
    tagger = trained_tagger(encoder, FROZEN)
    with torch.no_grad():
        expected = tagger(IDS, MASK).logits
        tagger.cast_frozen_matrices(torch.bfloat16)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = tagger(IDS, MASK).logits
    assert found[..., MASK.bool(), :].sub(expected[..., MASK.bool(), :]).abs().mean() < 0.1 * expected.std()


def test_checks_before_a_search(encoder: EncoderFiles) -> None:
    check_encoder(encoder, frozen_layers=LAYERS - 1, max_length=100)
    with pytest.raises(UserError, match=f"which has {LAYERS} layers: {LAYERS - 1} at most"):
        check_encoder(encoder, frozen_layers=LAYERS, max_length=100)
    if encoder.name in LAYER_BY_LAYER:
        check_encoder(encoder, frozen_layers=1, max_length=100, frozen_prefix="once")
    else:
        with pytest.raises(UserError, match=r"--frozen-prefix once: .*does not run layer by layer. Use .* train"):
            check_encoder(encoder, frozen_layers=1, max_length=100, frozen_prefix="once")
    shape = Shape.of(encoder_skeleton(encoder), FROZEN)
    assert (shape.layers, shape.hidden) == (LAYERS - FROZEN, 32)


def test_dropout_is_set_everywhere(encoder: EncoderFiles) -> None:
    model: PreTrainedModel = load_encoder(encoder, dropout=0.25)
    assert {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)} == {0.25}
    model.train()
    first, second = (model(input_ids=IDS, attention_mask=MASK).last_hidden_state for _ in range(2))
    assert not torch.equal(first, second)

"""The memory estimate: parameters are the encoder's, activations what autograd keeps, verdicts go both ways."""

import pytest
import torch
from tiny_bert import tiny_bert_directory

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.loading import encoder_skeleton, load_encoder
from msd_ray.data.encoders.sources import resolve
from msd_ray.doctor.memory import Shape, activations, memory_finding, training_bytes, worker_memory
from msd_ray.doctor.node import GPU, NodeReport
from msd_ray.method.tagger import MultiChannelTagger
from msd_ray.search.on_ray.resources import Resources, Room

FROZEN = 2


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> EncoderFiles:
    """Wide enough for layers to outweigh the terminals."""
    directory = tmp_path_factory.mktemp("encoder")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MSD_RAY_CACHE", str(directory / "cache"))
        return resolve(str(tiny_bert_directory(directory / "bert", hidden=128)))


@pytest.fixture(scope="module")
def shape(encoder: EncoderFiles) -> Shape:
    return Shape.of(encoder_skeleton(encoder), FROZEN)


def kept_by_autograd(encoder: EncoderFiles, *, sentences: int, length: int, attention: str) -> int:
    """Bytes of the tensors that a real forward pass of the trained layers keeps, each storage once."""
    model = load_encoder(encoder, dropout=0.1)
    model.set_attn_implementation(attention)
    tagger = MultiChannelTagger(model, 7, frozen_layers=FROZEN).train()
    weights = {parameter.untyped_storage().data_ptr() for parameter in tagger.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = tagger(torch.ones(sentences, length, dtype=torch.int64), None)
        assert out.logits.requires_grad
        return sum(kept.values())


@pytest.mark.parametrize(("sentences", "length"), [(4, 32), (8, 64), (2, 128)])
def test_activations_are_about_what_autograd_keeps(
    encoder: EncoderFiles, shape: Shape, sentences: int, length: int
) -> None:
    kept = kept_by_autograd(encoder, sentences=sentences, length=length, attention="eager")
    estimated = activations(shape, sentences=sentences, length=length, fused_attention=False)
    assert 0.7 < estimated / kept < 1.4, (estimated, kept)


def test_the_shape_is_the_models(encoder: EncoderFiles, shape: Shape) -> None:
    model = load_encoder(encoder, dropout=0.0)
    assert shape.parameters == sum(parameter.numel() for parameter in model.parameters())
    trained = [p for p in MultiChannelTagger(model, 7, frozen_layers=FROZEN).encoder.parameters() if p.requires_grad]
    assert shape.trained == sum(parameter.numel() for parameter in trained)
    assert (shape.hidden, shape.inner, shape.heads, shape.layers) == (128, 256, 4, 4)


def test_a_larger_batch_takes_more(shape: Shape) -> None:
    small, large = (training_bytes(shape, batch_size=size, length=128, gpu=False) for size in (8, 64))
    assert small < large
    assert training_bytes(shape, batch_size=64, length=128, gpu=True) < large, "fused attention keeps no scores"


def test_verdicts() -> None:
    for available, state in ((1_200, "pass"), (1_050, "warn"), (800, "warn"), (600, "fail")):
        (finding,) = memory_finding("here", 1_000, available, gpu=False)
        assert finding.state == state, available
        assert "estimated" in finding.what


def report(**changes: object) -> NodeReport:
    values = {
        "hostname": "one",
        "python": "3.11.9",
        "versions": {},
        "temporary": "/tmp",
        "temporary_free": 10**12,
        "storage_free": 10**12,
        "unread": None,
        "answer": None,
        "encoder": None,
        "corpora": {},
        "gpus": (),
        "memory": 16 * 10**9,
    }
    return NodeReport(**{**values, **changes})  # type: ignore[arg-type]


def test_workers_on_one_machine_share_its_memory(shape: Shape) -> None:
    wanted = Resources(workers=1, cpus=1, gpus=0)
    states = []
    for cpus in (2, 64):
        (finding,) = worker_memory("here", shape, report(), Room(cpus=cpus, gpus=0), wanted, batch_size=32, length=128)
        states.append(finding.state)
    assert states == ["pass", "fail"]


def test_a_share_of_a_gpu_is_a_share_of_its_memory(shape: Shape) -> None:
    gpu = GPU(name="T4", total=4 * 10**9, free=10**9)
    for share, state in ((1.0, "pass"), (0.1, "fail")):
        wanted = Resources(workers=1, cpus=1, gpus=share)
        (finding,) = worker_memory(
            "here", shape, report(gpus=(gpu,)), Room(cpus=64, gpus=1), wanted, batch_size=32, length=128
        )
        assert finding.state == state
        assert "T4" in finding.what

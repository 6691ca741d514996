"""What the doctor asks of nodes and says of them, with this machine in the place of each and no cluster."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from s3_server import Front

from msd_ray.cli import doctor_options
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.sources import resolve
from msd_ray.doctor import cluster_examination
from msd_ray.doctor.cluster_nodes import Clock, Examined, Node
from msd_ray.doctor.disk import Trainings
from msd_ray.doctor.finding import Finding
from msd_ray.doctor.node import NodeRequest, examine
from msd_ray.search.on_ray.resources import Resources

TRAININGS = Trainings(checkpoint=1_000, epochs=1, teachers=1, students=1)
WANTED = Resources(workers=1, cpus=1, gpus=0)


@pytest.fixture
def own_encoder(tiny_encoder: EncoderFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EncoderFiles:
    """An encoder that the two nodes of the cluster have not got: a head without CPUs for trials, and a worker."""
    directory = tmp_path / "encoder"
    shutil.copytree(tiny_encoder.directory, directory)
    encoder = resolve(str(directory))

    @contextmanager
    def joined() -> Iterator[str]:
        yield "http://127.0.0.1:9"

    def without_encoder(request: NodeRequest, nodes: Sequence[Node], *, timeout_s: float) -> list[Examined]:
        shutil.rmtree(directory)
        clock = Clock(ahead_s=0.0, uncertainty_s=timeout_s)
        return [Examined(node=node, report=examine(request), clock=clock) for node in nodes]

    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    monkeypatch.setattr(
        cluster_examination, "token_status", lambda address, token: "refused" if token is None else "accepted"
    )
    monkeypatch.setattr(cluster_examination, "token_here", lambda: ("a-token", "a test"))
    monkeypatch.setattr(cluster_examination, "cluster", joined)
    nodes = [Node(node_id=name * 8, address=name, cpus=cpus, gpus=0.0) for name, cpus in (("head", 0.0), ("work", 1.0))]
    monkeypatch.setattr(cluster_examination, "alive_nodes", lambda: nodes)
    monkeypatch.setattr(cluster_examination, "examine_nodes", without_encoder)
    return encoder


def examined(storage: str, encoder: EncoderFiles) -> list[Finding]:
    options = doctor_options.parse(["--lang", "tr", "--dataset", "sample", "--storage", storage])
    return list(cluster_examination.cluster_findings(options, encoder, None, WANTED, TRAININGS))


def failures(findings: list[Finding]) -> list[str]:
    return [finding.what for finding in findings if finding.state == "fail"]


def test_with_a_directory_every_node_needs_the_encoder(own_encoder: EncoderFiles, tmp_path: Path) -> None:
    findings = examined(str(tmp_path / "runs"), own_encoder)
    assert len(failures(findings)) == 2, findings
    assert all("no encoder in" in what for what in failures(findings))
    assert not any("for copies" in finding.what for finding in findings)


def test_with_an_object_store_nodes_fetch_it_and_those_that_train_have_space(
    own_encoder: EncoderFiles, s3: str
) -> None:
    findings = examined(s3, own_encoder)
    assert failures(findings) == []
    assert len([finding for finding in findings if "trials there fetch it from" in finding.what]) == 2
    (space,) = (finding for finding in findings if "for copies" in finding.what)
    assert "workwork: " in space.what, "the head runs no trials"


def test_of_an_object_store_that_cannot_be_used_nodes_say_nothing(
    own_encoder: EncoderFiles, s3: str, s3_front: Front
) -> None:
    """The storage's own line is the failure; nothing that follows from it is told as another one."""
    s3_front.answer(always=403)
    findings = examined(s3, own_encoder)
    assert failures(findings) == []
    assert not any("encoder" in finding.what or "for copies" in finding.what for finding in findings)


@pytest.mark.parametrize(("precision", "told"), [("auto", True), ("bf16", False)])
def test_precision_is_unknown_while_the_cluster_has_no_gpu(
    own_encoder: EncoderFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str, told: bool
) -> None:
    """In every shipped YAML the head has no GPU, and workers start when trials ask for them."""
    monkeypatch.setattr(cluster_examination, "node_precisions", list)
    options = doctor_options.parse(
        ["--lang", "tr", "--dataset", "sample", "--storage", str(tmp_path / "runs"), "--precision", precision]
    )
    wanted = Resources(gpus=0.5, concurrent=4)
    found = list(cluster_examination.cluster_findings(options, own_encoder, None, wanted, TRAININGS))
    failed = [finding for finding in found if finding.name == "precision"]
    assert [finding.state for finding in failed] == ["fail"] * told
    assert all("Give --precision bf16" in finding.what for finding in failed)

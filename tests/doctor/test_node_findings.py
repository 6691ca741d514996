"""What a node sees of itself, on this machine without a cluster, and what is said of it."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from s3_server import Front

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.doctor.cluster import precision_finding, room_findings, token_finding
from msd_ray.doctor.disk import Trainings
from msd_ray.doctor.finding import Finding
from msd_ray.doctor.node import NodeReport, NodeRequest, examine
from msd_ray.doctor.nodes import Here, clock_finding, copies_space, node_findings
from msd_ray.search.on_ray.resources import Resources, Room
from msd_ray.storage.layout import Storage
from msd_ray.storage.object_store import ObjectStore


@pytest.fixture
def request_here(tiny_encoder: EncoderFiles, tmp_path: Path) -> NodeRequest:
    """A storage that the driver wrote into, an encoder, and two corpus files."""
    storage, corpus = tmp_path / "storage", tmp_path / "corpus"
    storage.mkdir()
    corpus.mkdir()
    (storage / "driver").write_text("from the driver")
    for name in ("train", "dev"):
        (corpus / name).write_text(f"{name} O\n")
    encoder = tmp_path / "encoder"
    shutil.copytree(tiny_encoder.directory, encoder)
    return NodeRequest(
        storage=storage,
        written=(storage / "driver", "from the driver"),
        encoder=encoder,
        corpora=(corpus / "train", corpus / "dev"),
    )


def here(request: NodeRequest, tiny_encoder: EncoderFiles) -> Here:
    report = examine(request)
    assert request.encoder is not None
    return Here(
        report=report,
        encoder=(request.encoder, tiny_encoder.digest),
        corpora=report.corpora,
        written=request.written and request.written[0],
    )


def wrong(report: NodeReport, driver: Here) -> list[Finding]:
    return [finding for finding in node_findings("node", report, driver) if finding.state != "pass"]


def test_a_node_like_the_drivers_machine(request_here: NodeRequest, tiny_encoder: EncoderFiles) -> None:
    driver = here(request_here, tiny_encoder)
    said = list(node_findings("node", examine(request_here), driver))
    assert [finding.state for finding in said] == ["pass"] * 4
    assert "written here and read there, and the other way" in " ".join(finding.what for finding in said)


def test_a_storage_that_is_not_shared(request_here: NodeRequest, tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    driver = here(request_here, tiny_encoder)
    other = tmp_path / "not-shared"
    (finding,) = wrong(examine(replace(request_here, written=(other / "driver", "from the driver"))), driver)
    assert finding.state == "fail"
    assert "what the driver writes is not there" in finding.what
    other.mkdir()
    (other / "driver").write_text("of somebody else")
    (finding,) = wrong(examine(replace(request_here, written=(other / "driver", "from the driver"))), driver)
    assert "has other content" in finding.what


def test_what_the_driver_does_not_see(request_here: NodeRequest, tiny_encoder: EncoderFiles) -> None:
    driver, report = here(request_here, tiny_encoder), examine(request_here)
    assert report.answer is not None
    report.answer.unlink()
    (finding,) = wrong(report, driver)
    assert finding.state == "fail"
    assert "the driver does not see what is written there" in finding.what


def test_an_encoder_with_a_changed_file(request_here: NodeRequest, tiny_encoder: EncoderFiles) -> None:
    driver = here(request_here, tiny_encoder)
    assert request_here.encoder is not None
    config = request_here.encoder / "config.json"
    config.write_text(config.read_text() + "\n")
    (finding,) = wrong(examine(request_here), driver)
    assert finding.state == "fail"
    assert "another encoder in" in finding.what
    shutil.rmtree(request_here.encoder)
    (finding,) = wrong(examine(request_here), driver)
    assert "no encoder in" in finding.what
    assert "to the same path" in finding.advice


def test_corpora_that_differ_or_are_missing(request_here: NodeRequest, tiny_encoder: EncoderFiles) -> None:
    driver = here(request_here, tiny_encoder)
    request_here.corpora[0].write_text("other\n")
    (finding,) = wrong(examine(request_here), driver)
    assert (finding.state, "other content" in finding.what) == ("warn", True)
    request_here.corpora[0].unlink()
    (finding,) = wrong(examine(request_here), driver)
    assert (finding.state, "1 of 2 corpus files are not there" in finding.what) == ("warn", True)


def test_other_releases(request_here: NodeRequest, tiny_encoder: EncoderFiles) -> None:
    driver, report = here(request_here, tiny_encoder), examine(request_here)
    old = replace(report, python="3.12.1", versions={**report.versions, "transformers": "5.2.0"})
    first, second = wrong(old, driver)
    assert "python 3.12.1" in first.what
    assert "transformers 5.2.0 (driver " in first.what
    assert (second.state, "CVE-2026-4372" in second.what) == ("fail", True)


@pytest.mark.parametrize(
    ("ahead", "uncertainty", "state"),
    [(0.01, 0.02, "pass"), (-1.0, 0.01, "pass"), (3.0, 0.01, "warn"), (-90.0, 0.1, "fail"), (30.0, 29.0, "pass")],
)
def test_clocks(ahead: float, uncertainty: float, state: str) -> None:
    """What the way there and back can explain is not the clock's."""
    assert clock_finding("node", ahead, uncertainty).state == state


def test_resources() -> None:
    two = [Room(cpus=4, gpus=1), Room(cpus=4, gpus=1)]

    def state(wanted: Resources) -> str:
        return next(room_findings("the cluster", two, wanted)).state

    assert state(Resources(workers=2, cpus=4, gpus=1)) == "pass"
    # Eight CPUs in all, but no machine with five.
    assert state(Resources(workers=1, cpus=5, gpus=0)) == "fail"
    assert state(Resources(workers=1, cpus=1, gpus=0.5, concurrent=4)) == "pass"
    assert state(Resources(workers=1, cpus=1, gpus=0.5, concurrent=5)) == "warn"


def test_unused_gpus() -> None:
    """A worker gets a share of one GPU: 0.6 fits four times into four GPUs, not six times."""
    four = [Room(cpus=64, gpus=4)]

    def warnings(share: float) -> list[Finding]:
        return [one for one in room_findings("the cluster", four, Resources(gpus=share)) if one.state != "pass"]

    (unused,) = warnings(0.6)
    assert "a GPU has room for 1 x 0.6, and 40 % of each GPU stay unused" in unused.what
    assert unused.advice == "give --gpus-per-trial 1 for as many trials, or 0.5 for more"
    (unused,) = warnings(0.4)
    assert unused.advice == "give --gpus-per-trial 0.5 for as many trials, or 0.3333 for more"
    assert not [finding for share in (1, 2, 0.5, 0.25, 0.33, 0.3333) for finding in warnings(share)]
    (none,) = warnings(0)
    assert none.what == "the cluster has 4 GPUs, and trials use none of them"


def test_too_many_shares_for_the_gpus() -> None:
    finding = next(room_findings("the cluster", [Room(cpus=64, gpus=4)], Resources(gpus=0.6, concurrent=6)))
    assert (finding.state, finding.what.rpartition(": ")[2]) == ("warn", "4 at once, 6 are asked for")


def test_precision_of_nodes() -> None:
    assert precision_finding([("10.0.0.2", "bf16"), ("10.0.0.3", "bf16")]).state == "pass"
    mixed = precision_finding([("10.0.0.2", "bf16"), ("10.0.0.3", "fp32")])
    assert mixed.state == "warn"
    assert mixed.what.endswith("fp32 for all trials of a study (bf16 on 10.0.0.2, fp32 on 10.0.0.3)")


def test_tokens() -> None:
    assert [token_finding(asks).state for asks in (True, False, None)] == ["pass", "warn", "warn"]


def test_an_object_store_of_all_nodes(
    request_here: NodeRequest, tiny_encoder: EncoderFiles, s3: str, s3_front: Front
) -> None:
    store = ObjectStore.at(s3)
    store.write("driver", b"from the driver")
    shared = replace(request_here, storage=None, written=None, stored=(store, "driver", "from the driver"))
    driver = replace(here(shared, tiny_encoder), store=store.uri)
    report = examine(shared)
    assert report.store_refusal is None
    assert wrong(report, driver) == []
    said = [finding.what for finding in node_findings("node", report, driver)]
    assert any(store.uri in line for line in said)

    for encoder in (None, "0" * 64):
        without = replace(report, encoder=encoder)
        assert wrong(without, driver) == []
        said = [finding.what for finding in node_findings("node", without, driver)]
        assert any(f"trials there fetch it from {store.uri}" in line for line in said)
        (finding,) = wrong(without, replace(driver, store=None))
        assert finding.state == "fail"

    other = replace(shared, stored=(store, "driver", "what another driver wrote"))
    (finding,) = wrong(examine(other), driver)
    assert finding.state == "fail"
    assert f"{store.uri}/driver is not there, or has other content" in finding.what

    space = replace(driver, trainings=Trainings(checkpoint=1_000, epochs=2, teachers=1, students=1))
    assert report.copies == Storage.at(s3).root
    for free, state in ((report.storage_free, "pass"), (8_999, "warn"), (2_999, "fail")):
        (finding,) = copies_space("node", replace(report, storage_free=free), space)
        assert finding.state == state, free
        assert f"node: {report.copies}, for copies, has " in finding.what
    assert "MSD_RAY_CACHE" in finding.advice
    assert list(copies_space("node", examine(request_here), space)) == [], "a directory is looked at once"

    s3_front.answer(always=403)
    (finding,) = wrong(examine(shared), driver)
    assert finding.state == "fail"
    assert store.uri in finding.what

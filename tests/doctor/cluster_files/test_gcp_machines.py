"""What is told of Compute Engine's machine types."""

import pytest
import yaml
from cluster_files import CLUSTER

from msd_ray.doctor.cluster_files.gcp_machines import machine, takes_gpus
from msd_ray.doctor.cluster_files.machines import Machine


@pytest.mark.parametrize(
    ("name", "cpus", "gpus"),
    [
        ("g2-standard-8", 8, 1),
        ("g2-standard-24", 24, 2),
        ("g2-standard-32", 32, 1),
        ("g2-standard-96", 96, 8),
        ("a2-highgpu-4g", 48, 4),
        ("a2-megagpu-16g", 96, 16),
        ("a3-highgpu-2g", 52, 2),
        ("a3-ultragpu-8g", 224, 8),
        ("n1-standard-16", 16, 0),
        ("c3-standard-8-lssd", 8, 0),
        ("n2-custom-6-32768-ext", 6, 0),
        ("custom-4-16384", 4, 0),
        ("zones/us-central1-a/machineTypes/n2d-highmem-32", 32, 0),
    ],
)
def test_types_that_are_told(name: str, cpus: int, gpus: int) -> None:
    assert machine(name) == Machine(cpus=cpus, gpus=gpus)


@pytest.mark.parametrize("name", ["g2-standard-7", "a2-highgpu-3g", "z9-standard-8", "n2-standard", "e2-micro", ""])
def test_types_that_are_not(name: str) -> None:
    assert machine(name) is None


def test_n1_alone_takes_gpus() -> None:
    assert takes_gpus("n1-standard-8")
    assert takes_gpus("zones/us-central1-a/machineTypes/custom-4-16384")
    assert not takes_gpus("n2-standard-8")
    assert not takes_gpus("n2-custom-4-16384")


def test_the_launchers_machines_are_told() -> None:
    nodes = yaml.safe_load((CLUSTER / "gcp.yaml").read_text())["available_node_types"]
    assert [machine(node["node_config"]["machineType"]) for node in nodes.values()] == [
        Machine(cpus=4, gpus=0),
        Machine(cpus=8, gpus=1),
    ]

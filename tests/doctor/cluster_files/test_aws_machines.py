"""What is told of EC2's instance types, against EC2's own list of them as moto carries it."""

import gzip
import json
from importlib.resources import files
from typing import Any

from cluster_files import CLUSTER

from msd_ray.doctor.cluster_files.aws_machines import machine
from msd_ray.doctor.cluster_files.machines import Machine


def catalogue() -> dict[str, Any]:
    content = (files("moto") / "ec2/resources/instance_types.json.gz").read_bytes()
    return dict(json.loads(gzip.decompress(content)))


def test_every_type_that_is_told_has_what_is_told() -> None:
    told = 0
    for name, instance in catalogue().items():
        cards = instance.get("GpuInfo", {}).get("Gpus", [])
        if (found := machine(name)) is not None:
            told += 1
            expected = Machine(cpus=instance["VCpuInfo"]["DefaultVCpus"], gpus=sum(card["Count"] for card in cards))
            assert found == expected, name
    assert told > 300
    assert machine("u-6tb1.56xlarge") is None
    assert machine("no-such-type") is None


def test_the_launchers_machines_are_told() -> None:
    names = [line.split()[-1] for line in (CLUSTER / "aws.yaml").read_text().splitlines() if " InstanceType: " in line]
    assert len(names) == 2
    assert None not in [machine(name) for name in names]

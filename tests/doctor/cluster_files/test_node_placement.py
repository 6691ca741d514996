"""Onto which nodes the head and the workers of a RayCluster may come."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from msd_ray.doctor.cluster_files.findings import Finding
from msd_ray.doctor.cluster_files.node_placement import head_placement, worker_placement
from msd_ray.search.yaml_source import read_yaml_documents

GKE, EKS, KARPENTER = "cloud.google.com/gke-spot", "eks.amazonaws.com/capacityType", "karpenter.sh/capacity-type"


def wish(label: str, operator: str, *values: str) -> dict[str, Any]:
    return {"key": label, "operator": operator, **({"values": list(values)} if values else {})}


def pod(*terms: list[dict[str, Any]], selector: Mapping[str, str] | None = None) -> dict[str, Any]:
    required = {"nodeSelectorTerms": [{"matchExpressions": term} for term in terms]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    return {**({"affinity": affinity} if terms else {}), **({"nodeSelector": dict(selector)} if selector else {})}


ON_GKE = pod([wish(GKE, "In", "true")])
ON_GKE_OR_EKS = pod([wish(GKE, "In", "true")], [wish(EKS, "In", "SPOT")])


def of_head(tmp_path: Path, head: Mapping[str, Any], worker: Mapping[str, Any]) -> list[Finding]:
    path = tmp_path / "pods.yaml"
    path.write_text(yaml.safe_dump({"head": head, "worker": worker}))
    [source] = read_yaml_documents(path)
    return list(head_placement(source, ("head",), [("worker",)]))


def of_worker(tmp_path: Path, worker: Mapping[str, Any]) -> list[Finding]:
    path = tmp_path / "pods.yaml"
    path.write_text(yaml.safe_dump({"worker": worker}))
    [source] = read_yaml_documents(path)
    return list(worker_placement(source, ("worker",)))


@pytest.mark.parametrize(
    ("head", "worker"),
    [
        (pod([wish(GKE, "NotIn", "true")]), ON_GKE),
        (pod([wish(GKE, "DoesNotExist")]), ON_GKE),
        (pod([wish(GKE, "NotIn", "true"), wish(EKS, "NotIn", "SPOT")]), ON_GKE_OR_EKS),
        # Nodes of other providers have no such label.
        (pod([wish(EKS, "In", "ON_DEMAND")]), ON_GKE_OR_EKS),
        (pod(selector={EKS: "ON_DEMAND"}), ON_GKE_OR_EKS),
        (pod([wish("zone", "In", "a")], [wish("zone", "In", "b")], selector={EKS: "ON_DEMAND"}), ON_GKE),
        # Workers on demand: which labels there are is not known.
        (pod([wish(KARPENTER, "NotIn", "spot")]), pod()),
    ],
)
def test_heads_that_are_kept_off_spot_nodes(head: Mapping[str, Any], worker: Mapping[str, Any], tmp_path: Path) -> None:
    assert of_head(tmp_path, head, worker) == []


@pytest.mark.parametrize(
    "head",
    [
        pod(),
        pod([]),
        pod([wish("zone", "In", "a")]),
        pod([wish(EKS, "In", "SPOT", "ON_DEMAND")]),
        pod([wish(EKS, "NotIn", "ON_DEMAND")]),
        pod([wish(GKE, "In", "true")]),
        pod([wish(GKE, "NotIn", "true")], [wish("zone", "In", "a")]),
        pod(selector={GKE: "true"}),
    ],
)
def test_heads_that_may_come_onto_spot_nodes(head: Mapping[str, Any], tmp_path: Path) -> None:
    found = of_head(tmp_path, head, ON_GKE)
    assert ["nothing keeps the head off spot nodes" in finding.message for finding in found] == [True]
    assert found[0].level == "error"


def test_the_head_keeps_off_the_nodes_that_its_workers_ask_for(tmp_path: Path) -> None:
    [finding] = of_head(tmp_path, pod([wish(EKS, "NotIn", "SPOT")]), ON_GKE_OR_EKS)
    assert f"workers ask for spot nodes by {GKE}, and nothing keeps the head off those" in finding.message
    assert EKS not in finding.message


@pytest.mark.parametrize(
    "worker",
    [ON_GKE, ON_GKE_OR_EKS, pod(selector={KARPENTER: "spot"}), pod([wish("zone", "In", "a")], selector={GKE: "true"})],
)
def test_workers_that_ask_for_spot_nodes(worker: Mapping[str, Any], tmp_path: Path) -> None:
    assert of_worker(tmp_path, worker) == []


@pytest.mark.parametrize(
    "worker",
    [
        pod(),
        pod([wish(EKS, "In", "SPOT", "ON_DEMAND")]),
        pod([wish(GKE, "In", "true")], [wish("zone", "In", "a")]),
        pod(selector={KARPENTER: "on-demand"}),
    ],
)
def test_workers_that_do_not(worker: Mapping[str, Any], tmp_path: Path) -> None:
    [finding] = of_worker(tmp_path, worker)
    assert (finding.level, "do not ask for spot nodes" in finding.message) == ("note", True)


def test_values_that_are_no_list_are_the_schemas_business(tmp_path: Path) -> None:
    broken = pod([{"key": GKE, "operator": "In", "values": 5}])
    assert [finding.level for finding in of_worker(tmp_path, broken)] == ["note"]

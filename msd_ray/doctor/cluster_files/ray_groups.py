"""The Ray cluster of a KubeRay manifest: token, autoscaling from zero, idle limit, what its groups offer to trials."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msd_ray.search.yaml_source import KeyPath, YamlSource

from .findings import Finding, found, items, value_at
from .node_placement import head_placement, worker_placement
from .places import kuberay_places
from .trial_resources import Offer, entrypoint_findings

_LONGEST_IDLE_S = 3600
_GPUS = ("nvidia.com/gpu", "amd.com/gpu")
_LIMITS = ("cpu", "memory", "ephemeral-storage", *_GPUS)


def ray_findings(source: YamlSource, at: KeyPath) -> Iterator[Finding]:
    """What is wrong with the cluster at `at`, and with the job that brings it."""
    if value_at(source.data, *at, "authOptions", "mode") != "token":
        message = "authOptions.mode must be token: else every pod that reaches Ray runs what it likes"
        yield found(source, (*at, "authOptions"), message)
    yield from _scaling(source, at)
    groups = list(items(source.data, *at, "workerGroupSpecs"))
    yield from _head(source, (*at, "headGroupSpec"), [(*group_at, "template", "spec") for group_at, _ in groups])
    offers = []
    for group_at, group in groups:
        limits = _limits(group)
        offers.append(Offer(cpus=_number(limits.get("cpu")), gpus=sum(_number(limits.get(name)) for name in _GPUS)))
        yield from _group(source, group_at, group, limits)
    entrypoint = value_at(source.data, "spec", "entrypoint")
    if isinstance(entrypoint, str):
        yield from entrypoint_findings(source, ("spec", "entrypoint"), entrypoint, offers)
        if value_at(source.data, "spec", "shutdownAfterJobFinishes") is not True:
            yield found(source, ("spec",), "shutdownAfterJobFinishes must be true: else the cluster outlives its job")


def _scaling(source: YamlSource, at: KeyPath) -> Iterator[Finding]:
    if value_at(source.data, *at, "enableInTreeAutoscaling") is not True:
        yield found(source, (*at, "enableInTreeAutoscaling"), "must be true: without it no worker ever starts")
    idle = value_at(source.data, *at, "autoscalerOptions", "idleTimeoutSeconds")
    if not isinstance(idle, int) or not 0 < idle <= _LONGEST_IDLE_S:
        yield found(
            source,
            (*at, "autoscalerOptions", "idleTimeoutSeconds"),
            f"must be more than 0 and at most {_LONGEST_IDLE_S}: idle workers are paid for as long",
        )


def _head(source: YamlSource, at: KeyPath, workers: Sequence[KeyPath]) -> Iterator[Finding]:
    """The head's group. workers: the pods of the others."""
    head = value_at(source.data, *at)
    if str(value_at(head, "rayStartParams", "num-cpus")) != "0":
        yield found(source, (*at, "rayStartParams", "num-cpus"), 'must be "0": else trials run on the head')
    if value_at(head, "serviceType") not in (None, "ClusterIP"):
        message = f"{value_at(head, 'serviceType')} opens the dashboard and the jobs API to other networks: ClusterIP"
        yield found(source, (*at, "serviceType"), message)
    if value_at(head, "enableIngress"):
        yield found(source, (*at, "enableIngress"), "must be false: it makes the dashboard public")
    yield from head_placement(source, (*at, "template", "spec"), workers)
    yield from kuberay_places(source, at)


def _group(source: YamlSource, at: KeyPath, group: Mapping[str, Any], limits: Mapping[str, Any]) -> Iterator[Finding]:
    for key in ("minReplicas", "replicas"):
        if group.get(key, 0) != 0:
            yield found(source, (*at, key), "must be 0: workers come with work, and idle ones go")
    yield from worker_placement(source, (*at, "template", "spec"))
    limits_at = (*at, "template", "spec", "containers", 0, "resources", "limits")
    if _number(limits.get("cpu")) < 1:
        yield found(source, limits_at, "must say cpu: from it Ray takes the CPU that a trial asks for")
    for name in limits:
        if name not in _LIMITS:
            message = f"is no resource that Ray reads as CPU or GPU; known are {', '.join(_LIMITS)}"
            yield found(source, (*limits_at, name), message)
    requests = value_at(group, "template", "spec", "containers", 0, "resources", "requests") or {}
    for name, value in limits.items():
        if str(requests.get(name, value)) != str(value):
            message = f"{requests.get(name)}, the limit is {value}: Ray plans with the limit, so ask for as much"
            yield found(source, (*limits_at[:-1], "requests", name), message)


def _limits(group: Mapping[str, Any]) -> Mapping[str, Any]:
    limits = value_at(group, "template", "spec", "containers", 0, "resources", "limits")
    return limits if isinstance(limits, dict) else {}


def _number(quantity: Any) -> float:
    """A Kubernetes quantity of CPUs or devices: `6`, `"6"`, `500m`. 0 for what is none."""
    text = str(quantity)
    try:
        return float(text[:-1]) / 1000 if text.endswith("m") else float(text)
    except ValueError:
        return 0.0

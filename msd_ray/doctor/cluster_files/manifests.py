"""Kubernetes manifests: their schema, who can reach what they start, and what their containers may do."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msd_ray.search.yaml_source import KeyPath, YamlSource

from .findings import Finding, found, items, value_at
from .json_schema import schema_findings
from .manifest_types import known_kinds, manifest_schema
from .ray_groups import ray_findings
from .servers import server_findings

_POD_OWNERS = {"Deployment", "StatefulSet"}
_OPENING_KINDS = {"Ingress", "Gateway", "HTTPRoute", "TCPRoute", "Route", "IngressRoute"}


def manifests_findings(sources: Sequence[YamlSource]) -> Iterator[Finding]:
    """Everything about the manifests of one file but secrets and images."""
    for source in sources:
        yield from _manifest(source)
    owners = [source for source in sources if source.data.get("kind") in _POD_OWNERS]
    if owners and not any(_closes_namespace(source.data) for source in sources):
        message = (
            "no NetworkPolicy of this file closes the namespace (podSelector {}, policyTypes [Ingress]): every pod of "
            "the cluster could reach PostgreSQL and MLflow"
        )
        yield found(owners[0], ("kind",), message)


def _manifest(source: YamlSource) -> Iterator[Finding]:
    kind = str(source.data.get("kind"))
    if kind in _OPENING_KINDS:
        yield found(source, ("kind",), f"a {kind} makes a service public: `kubectl port-forward` is the way in")
        return
    schema = manifest_schema(str(source.data.get("apiVersion")), kind)
    if schema is None:
        yield found(source, ("kind",), f"{source.data.get('apiVersion')} {kind} is not known here: {known_kinds()} are")
        return
    yield from schema_findings(source, schema)
    if kind == "Service":
        yield from _service(source, (), source.data)
    elif kind == "NetworkPolicy":
        yield from _policy(source)
    elif kind in _POD_OWNERS:
        yield from pod_findings(source, ("spec", "template", "spec"))
    elif kind == "RayCluster":
        yield from _ray(source, ("spec",))
    elif kind == "RayJob":
        yield from _ray(source, ("spec", "rayClusterSpec"))


def _ray(source: YamlSource, at: KeyPath) -> Iterator[Finding]:
    yield from ray_findings(source, at)
    yield from pod_findings(source, (*at, "headGroupSpec", "template", "spec"))
    for group, _ in items(source.data, *at, "workerGroupSpecs"):
        yield from pod_findings(source, (*group, "template", "spec"))
    head_service = value_at(source.data, *at, "headGroupSpec", "headService")
    if isinstance(head_service, dict):
        yield from _service(source, (*at, "headGroupSpec", "headService"), head_service)


def _service(source: YamlSource, at: KeyPath, service: Mapping[str, Any]) -> Iterator[Finding]:
    kind = value_at(service, "spec", "type")
    if kind not in (None, "ClusterIP"):
        yield found(source, (*at, "spec", "type"), f"{kind} opens the service to other networks: ClusterIP")
    for key in ("externalIPs", "loadBalancerIP"):
        if value_at(service, "spec", key):
            yield found(source, (*at, "spec", key), "gives the service an address outside the cluster")


def _policy(source: YamlSource) -> Iterator[Finding]:
    """An ingress rule that names no sender admits everybody."""
    for at, rule in items(source.data, "spec", "ingress"):
        if not rule.get("from"):
            yield found(source, at, "a rule without `from` admits everybody")
        for peer_at, peer in items(source.data, *at, "from"):
            if peer.get("namespaceSelector") == {}:
                yield found(source, (*peer_at, "namespaceSelector"), "admits every namespace: name one")


def _closes_namespace(manifest: Mapping[str, Any]) -> bool:
    spec = manifest.get("spec")
    if manifest.get("kind") != "NetworkPolicy" or value_at(spec, "podSelector") != {}:
        return False
    return "Ingress" in (value_at(spec, "policyTypes") or ["Ingress"])


def pod_findings(source: YamlSource, at: KeyPath) -> Iterator[Finding]:
    """What a pod may do, and what its containers run."""
    pod = value_at(source.data, *at)
    if not isinstance(pod, dict):
        return  # the schema says so
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(key):
            yield found(source, (*at, key), "opens the node to the pod, or the pod to the node's network: leave it out")
    if value_at(pod, "securityContext", "runAsNonRoot") is not True:
        yield found(source, at, "securityContext.runAsNonRoot must be true")
    for container_at, container in items(source.data, *at, "containers"):
        for port_at, port in items(source.data, *container_at, "ports"):
            if "hostPort" in port:
                yield found(source, (*port_at, "hostPort"), "opens the port on the node's own address: leave it out")
        context = container.get("securityContext")
        if value_at(context, "privileged") or value_at(context, "allowPrivilegeEscalation") is not False:
            message = "securityContext.allowPrivilegeEscalation must be false, and privileged not be there"
            yield found(source, container_at, message)
        words = [str(word) for key in ("command", "args") for word in container.get(key) or []]
        environment = {
            str(entry.get("name")): entry.get("value", entry.get("valueFrom"))
            for _, entry in items(source.data, *container_at, "env")
        }
        yield from server_findings(source, container_at, str(container.get("image")), words, environment)

"""On which nodes a KubeRay manifest's pods may land: the head on demand, workers on spot nodes.

Providers label spot nodes each in their own way; a pod asks for a label with its nodeSelector or its node affinity.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ..search.yaml_source import KeyPath, YamlSource
from .findings import Finding, found, items, value_at

# GKE, EKS, Karpenter and AKS, as their documentations name the label of a spot node, and its value.
_SPOT = {
    "cloud.google.com/gke-spot": "true",
    "eks.amazonaws.com/capacityType": "SPOT",
    "karpenter.sh/capacity-type": "spot",
    "kubernetes.azure.com/scalesetpriority": "spot",
}
_TERMS = (
    "affinity",
    "nodeAffinity",
    "requiredDuringSchedulingIgnoredDuringExecution",
    "nodeSelectorTerms",
)


def head_placement(source: YamlSource, pod: KeyPath) -> Iterator[Finding]:
    """The head must be kept off spot nodes: every term, any of which admits a node, must keep off them."""
    selected = [_admits(name, "In", [value]) for name, value in _selector(source, pod).items()]
    terms = _terms(source, pod)
    if False in selected or (terms and all(_some(source, term, False) for term in terms)):
        return
    message = (
        f"nothing keeps the head off spot nodes ({', '.join(_SPOT)}), and with it the whole cluster goes: ask for "
        "NotIn of your provider's label in every term of affinity.nodeAffinity.required..."
    )
    yield found(source, (*pod, *_TERMS), message)


def worker_placement(source: YamlSource, pod: KeyPath) -> Iterator[Finding]:
    """Workers that may land on nodes that are on demand are dear, and may be meant."""
    selected = [_admits(name, "In", [value]) for name, value in _selector(source, pod).items()]
    terms = _terms(source, pod)
    if True in selected or (terms and all(_some(source, term, True) for term in terms)):
        return
    message = "these workers do not ask for spot nodes; others cost several times as much"
    yield found(source, (*pod, *_TERMS), message, "note")


def _selector(source: YamlSource, pod: KeyPath) -> Mapping[str, Any]:
    selector = value_at(source.data, *pod, "nodeSelector")
    return selector if isinstance(selector, dict) else {}


def _terms(source: YamlSource, pod: KeyPath) -> list[KeyPath]:
    return [at for at, _ in items(source.data, *pod, *_TERMS)]


def _some(source: YamlSource, term: KeyPath, spot: bool) -> bool:
    """Whether an expression of the term, all of which must hold, admits spot nodes alone, or none of them."""
    expressions = (expression for _, expression in items(source.data, *term, "matchExpressions"))
    return any(_admits(one.get("key"), one.get("operator"), one.get("values") or []) is spot for one in expressions)


def _admits(label: Any, operator: Any, values: list[Any]) -> bool | None:
    """True: spot nodes alone; False: none of them; None: says nothing about it."""
    spot = _SPOT.get(str(label))
    if spot is None:
        return None
    if operator == "In":
        return {str(value) for value in values} == {spot} if spot in map(str, values) else False
    if operator == "NotIn":
        return False if spot in map(str, values) else None
    return False if operator == "DoesNotExist" else None

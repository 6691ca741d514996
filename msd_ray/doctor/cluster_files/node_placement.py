"""On which nodes a KubeRay manifest's pods may land: the head on demand, workers on spot nodes.

Providers label spot nodes each in their own way; a pod asks for a label with its nodeSelector or its node affinity.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msd_ray.search.yaml_source import KeyPath, YamlSource

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


@dataclass(frozen=True, kw_only=True)
class _Wish:
    """What a pod wants of one label of a node."""

    label: str
    operator: str
    values: frozenset[str]

    @property
    def spot_alone(self) -> bool:
        return self.operator == "In" and self.label in _SPOT and self.values == {_SPOT[self.label]}

    @property
    def on_demand_alone(self) -> bool:
        """The label must be there and be no spot node's, so that other providers' nodes are out, too."""
        return self.operator == "In" and self.label in _SPOT and _SPOT[self.label] not in self.values

    @property
    def no_spot(self) -> bool:
        """Keeps off spot nodes of this label; a node without the label may be any other provider's spot node."""
        if self.operator == "DoesNotExist":
            return self.label in _SPOT
        return self.operator == "NotIn" and _SPOT.get(self.label) in self.values


def head_placement(source: YamlSource, pod: KeyPath, workers: Sequence[KeyPath]) -> Iterator[Finding]:
    """The head must be kept off spot nodes, those above all that its workers ask for. workers: their pods."""
    asked = {wish.label for worker in workers for way in _ways(source, worker) for wish in way if wish.spot_alone}
    for way in _ways(source, pod):
        if any(wish.on_demand_alone for wish in way):
            continue
        kept_off = {wish.label for wish in way if wish.no_spot}
        if not kept_off:
            message = (
                f"nothing keeps the head off spot nodes ({', '.join(_SPOT)}), and with it the whole cluster goes: ask "
                "for NotIn of your provider's label in every term of affinity.nodeAffinity.required..."
            )
            yield found(source, (*pod, *_TERMS), message)
        elif missing := sorted(asked - kept_off):
            message = (
                f"workers ask for spot nodes by {', '.join(missing)}, and nothing keeps the head off those: ask for "
                "NotIn of the same labels in every term"
            )
            yield found(source, (*pod, *_TERMS), message)


def worker_placement(source: YamlSource, pod: KeyPath) -> Iterator[Finding]:
    """Workers that may land on nodes that are on demand are dear, and may be meant."""
    if not all(any(wish.spot_alone for wish in way) for way in _ways(source, pod)):
        message = "these workers do not ask for spot nodes; others cost several times as much"
        yield found(source, (*pod, *_TERMS), message, "note")


def _ways(source: YamlSource, pod: KeyPath) -> list[list[_Wish]]:
    """The ways onto a node: each holds what the node must meet together, and any of them is enough.

    One for each term of the affinity; the selector holds beside every term, and is the only way without terms.
    """
    selector = value_at(source.data, *pod, "nodeSelector")
    selected = [
        _Wish(label=str(label), operator="In", values=frozenset([str(value)]))
        for label, value in (selector.items() if isinstance(selector, dict) else ())
    ]
    terms = [at for at, _ in items(source.data, *pod, *_TERMS)]
    return [[*selected, *_wishes(source, term)] for term in terms] or [selected]


def _wishes(source: YamlSource, term: KeyPath) -> Iterator[_Wish]:
    for _, expression in items(source.data, *term, "matchExpressions"):
        values = expression.get("values")
        yield _Wish(
            label=str(expression.get("key")),
            operator=str(expression.get("operator")),
            values=frozenset(map(str, values)) if isinstance(values, list) else frozenset(),
        )

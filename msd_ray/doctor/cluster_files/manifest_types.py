"""JSON Schemas of the Kubernetes kinds that `cluster/` may use: lightkube's types, and KubeRay's in this folder."""

from functools import cache
from typing import Any

from .json_schema import closed, reachable
from .provider_packages import needs


@cache
def manifest_schema(api_version: str, kind: str) -> dict[str, Any] | None:
    """The schema of a kind, None for one that is not known here. Raises UserError without lightkube."""
    definitions = _definitions()
    name = _KINDS.get((api_version, kind))
    if name is None:
        return None
    schema = dict(definitions[name])
    return {**schema, "$defs": reachable(definitions, name)}


def known_kinds() -> str:
    """The kinds, for a message."""
    return ", ".join(sorted(kind for _, kind in _KINDS))


_KINDS = {
    ("v1", "ConfigMap"): "ConfigMap",
    ("v1", "PersistentVolumeClaim"): "PersistentVolumeClaim",
    ("v1", "Secret"): "Secret",
    ("v1", "Service"): "Service",
    ("apps/v1", "Deployment"): "Deployment",
    ("apps/v1", "StatefulSet"): "StatefulSet",
    ("networking.k8s.io/v1", "NetworkPolicy"): "NetworkPolicy",
    ("ray.io/v1", "RayCluster"): "RayCluster",
    ("ray.io/v1", "RayJob"): "RayJob",
}


@cache
def _definitions() -> dict[str, Any]:
    with needs("lightkube"):
        import msgspec
        from lightkube.models import apps_v1, core_v1, networking_v1

        from . import kuberay_types
    types = [
        core_v1.ConfigMap,
        core_v1.PersistentVolumeClaim,
        core_v1.Secret,
        core_v1.Service,
        apps_v1.Deployment,
        apps_v1.StatefulSet,
        networking_v1.NetworkPolicy,
        kuberay_types.RayCluster,
        kuberay_types.RayJob,
    ]
    _, definitions = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    return {name: closed(definition) for name, definition in definitions.items()}

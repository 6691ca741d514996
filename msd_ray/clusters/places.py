"""Whether a cluster's head says where storage, studies and MLflow are: then one job line fits every cluster."""

from collections.abc import Collection, Iterator

from ..environment import VARIABLES
from ..search.yaml_source import KeyPath, YamlSource
from .findings import Finding, found, items, value_at


def launcher_places(source: YamlSource) -> Iterator[Finding]:
    """Of a launcher YAML with a container: what `docker run` on the head is told."""
    docker = source.data.get("docker")
    if not isinstance(docker, dict):
        return
    options = " ".join(str(word) for key in ("run_options", "head_run_options") for word in docker.get(key) or [])
    yield from _missing(source, ("docker", "head_run_options"), [n for n in VARIABLES.values() if f"{n}=" in options])


def kuberay_places(source: YamlSource, head: KeyPath) -> Iterator[Finding]:
    """Of a RayCluster: the environment of the head's container."""
    container = (*head, "template", "spec", "containers", 0)
    if value_at(source.data, *container) is not None:
        names = [str(entry.get("name")) for _, entry in items(source.data, *container, "env")]
        yield from _missing(source, (*container, "env"), names)


def _missing(source: YamlSource, at: KeyPath, given: Collection[str]) -> Iterator[Finding]:
    if missing := [name for name in VARIABLES.values() if name not in given]:
        message = f"{', '.join(missing)} not set on the head: every job has to say where its things are"
        yield found(source, at, message, "note")

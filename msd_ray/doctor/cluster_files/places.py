"""Whether a cluster's head says where storage, studies and MLflow are: then one job line fits every cluster."""

import re
from collections.abc import Collection, Iterator

from msd_ray.cli.environment import VARIABLES
from msd_ray.search.yaml_source import KeyPath, YamlSource

from .findings import Finding, found, items, value_at


def launcher_places(source: YamlSource) -> Iterator[Finding]:
    """Of a launcher YAML: what `docker run` on the head is told, or what `ray start` there is called with."""
    docker = source.data.get("docker")
    if isinstance(docker, dict) and docker:
        at: KeyPath = ("docker", "head_run_options")
        lines = [line for key in ("run_options", "head_run_options") for line in docker.get(key) or []]
        before = r"(?:^|\s)(?:-e|--env)(?:\s*|=)[\"']?"
    else:
        at = ("head_start_ray_commands",)
        lines = source.data.get(at[0]) or []
        before = r"(?:^|[\s;\"'])"
    text = "\n".join(map(str, lines))
    yield from _missing(source, at, [n for n in VARIABLES.values() if re.search(rf"{before}{n}=[^\s\"']", text)])


def kuberay_places(source: YamlSource, head: KeyPath) -> Iterator[Finding]:
    """Of a RayCluster: the environment of the head's container."""
    container = (*head, "template", "spec", "containers", 0)
    if value_at(source.data, *container) is not None:
        entries = (entry for _, entry in items(source.data, *container, "env"))
        names = [str(entry.get("name")) for entry in entries if entry.get("value") or entry.get("valueFrom")]
        yield from _missing(source, (*container, "env"), names)


def _missing(source: YamlSource, at: KeyPath, given: Collection[str]) -> Iterator[Finding]:
    if missing := [name for name in VARIABLES.values() if name not in given]:
        message = f"{', '.join(missing)} not set on the head: every job has to say where its things are"
        yield found(source, at, message, "note")

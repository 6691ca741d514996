"""What a launcher's node type says that it offers, against what its machine type has."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msd_ray.search.yaml_source import KeyPath, YamlSource

from .findings import Finding, found, value_at


@dataclass(frozen=True, kw_only=True)
class Machine:
    """vCPUs and GPUs."""

    cpus: int
    gpus: int


def offer_findings(
    source: YamlSource, at: KeyPath, node: Mapping[str, Any], name: str, has: Machine
) -> Iterator[Finding]:
    """The `resources` of the node type at `at`, whose machine type is called `name`.

    Ray believes what stands there. Too much, and trials share what each of them needs; too little, and they wait beside
    what is paid for.
    """
    cpus, gpus = value_at(node, "resources", "CPU"), value_at(node, "resources", "GPU") or 0
    if isinstance(cpus, int | float) and cpus > has.cpus:
        yield found(source, (*at, "resources", "CPU"), f"says {cpus}, {name} has {has.cpus}")
    if gpus != has.gpus:
        yield found(source, (*at, "resources"), f"says {gpus} GPU, {name} has {has.gpus}")


def unknown_machine(source: YamlSource, at: KeyPath, name: str) -> Finding:
    """A type that no table here has: `at` is the key that names it."""
    message = f"what {name} has is not known here: see yourself that resources say its CPUs and GPUs"
    return found(source, at, message, "note")

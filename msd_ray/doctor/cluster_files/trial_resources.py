"""What a trial asks Ray for, against what nodes offer."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msd_ray.cli.arguments import DEFAULTS, parser_of_tune
from msd_ray.common.errors import UserError
from msd_ray.search.yaml_source import KeyPath, YamlSource

from .findings import Finding, found

ASKED = ("CPU", "GPU", "memory")
"""What `search/on_ray/workers.py` names: CPU and GPU of a trial's workers, a byte of memory for its driver."""
OFFERED = (*ASKED, "object_store_memory")


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What one worker node has."""

    cpus: float
    gpus: float


def name_findings(source: YamlSource, at: KeyPath, resources: Mapping[str, Any]) -> Iterator[Finding]:
    """Resources under names that no trial asks for: Ray takes any name, and trials wait for ever for the right one."""
    for name in resources:
        if name not in OFFERED:
            meant = next((known for known in OFFERED if known.lower() == name.lower().rstrip("s")), None)
            hint = f"did you mean {meant}?" if meant else f"trials ask for {', '.join(ASKED)}"
            yield found(source, (*at, name), f"no trial asks for this resource; {hint}")


def entrypoint_findings(source: YamlSource, at: KeyPath, entrypoint: str, offers: list[Offer]) -> Iterator[Finding]:
    """A job's command line: read by the command's own parser, and against the workers that its cluster can have."""
    words = shlex.split(entrypoint)
    if words[:3] != ["python", "-m", "msd_ray.tune"]:
        return
    try:
        options = {**DEFAULTS, **parser_of_tune().read(words[3:])}
    except UserError as error:
        yield found(source, at, str(error))
        return
    if options["max_concurrent"] is None:
        yield found(source, at, "without --max-concurrent the command counts a cluster's room, which has no worker yet")
    cpus, gpus = options["cpus_per_trial"], options["gpus_per_trial"] or 0
    if not any(offer.cpus >= cpus and offer.gpus >= gpus for offer in offers):
        have = " or ".join(f"{offer.cpus:g} CPUs and {offer.gpus:g} GPUs" for offer in offers) or "nothing"
        yield found(
            source, at, f"a trial's worker asks for {cpus} CPUs and {gpus:g} GPUs, no worker node has both: {have}"
        )

"""`node_config` on Google Cloud: an Instance of the Compute Engine API, which Ray passes on unread.

The API's own description comes with google-api-python-client, which Ray's launcher needs for Google Cloud anyway.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from msd_ray.search.yaml_source import KeyPath, YamlSource

from .findings import Finding, found, items, value_at
from .gcp_machines import machine, takes_gpus
from .json_schema import reachable, schema_findings
from .machines import Machine, offer_findings, unknown_machine

_TEMPLATE = {"sourceInstanceTemplate": {"type": "string"}}
"""Ray's own key: the API takes it beside the instance."""


def gcp_findings(source: YamlSource) -> Iterator[Finding]:
    """What is wrong in the node types of a launcher YAML for Google Cloud."""
    head = source.data.get("head_node_type")
    for at, node in items(source.data, "available_node_types"):
        config = node.get("node_config")
        if not isinstance(config, dict):
            continue  # Ray's schema says so
        there = (*at, "node_config")
        yield from schema_findings(source, _schema(), there)
        yield from _network(source, there, config)
        yield from _machine(source, at, node)
        scheduling = config.get("scheduling")
        spot = value_at(scheduling, "provisioningModel") == "SPOT" or value_at(scheduling, "preemptible") is True
        if at[-1] == head and spot:
            message = "the head must not be a spot instance: with it the whole cluster goes"
            yield found(source, (*there, "scheduling"), message)
        if at[-1] != head and not spot:
            yield found(source, there, "this worker is no spot instance, which costs several times as much", "note")
        if not config.get("serviceAccounts"):
            yield found(source, there, "serviceAccounts is missing: the node would act as an account with wide rights")


def _network(source: YamlSource, at: KeyPath, config: Mapping[str, Any]) -> Iterator[Finding]:
    if not config.get("networkInterfaces"):
        yield found(source, at, "networkInterfaces is missing: Ray would add one with an external address")
    for interface, values in items(config, "networkInterfaces"):
        for key in ("accessConfigs", "ipv6AccessConfigs"):
            if key in values:
                yield found(source, (*at, *interface, key), "must not be: it gives the node an external address")


def _machine(source: YamlSource, at: KeyPath, node: Mapping[str, Any]) -> Iterator[Finding]:
    """What the node says that it offers, against its machine type and the GPUs that are attached to it."""
    there = (*at, "node_config", "machineType")
    name = value_at(node, "node_config", "machineType")
    if not isinstance(name, str):
        return  # the schema says so
    cards = [card.get("acceleratorCount") for _, card in items(node, "node_config", "guestAccelerators")]
    attached = sum(count for count in cards if isinstance(count, int))
    has = machine(name)
    if has is None:
        yield unknown_machine(source, there, name)
        return
    if has.gpus:
        if attached not in (0, has.gpus):
            accelerators = (*at, "node_config", "guestAccelerators")
            yield found(source, accelerators, f"has {attached}, {name} comes with {has.gpus}")
    elif attached and not takes_gpus(name):
        message = f"{name} takes no guestAccelerators: N1 does, and G2, A2 and A3 come with theirs"
        yield found(source, there, message)
    yield from offer_findings(source, at, node, name, Machine(cpus=has.cpus, gpus=has.gpus or attached))


@cache
def _schema() -> dict[str, Any]:
    """An Instance as a JSON Schema. Raises UserError without google-api-python-client."""
    from .provider_packages import needs

    with needs("google-api-python-client"):
        from googleapiclient.discovery_cache import get_static_doc
    definitions = json.loads(get_static_doc("compute", "v1"))["schemas"]
    used = {name: _shape(value) for name, value in reachable(definitions, "Instance").items()}
    instance = used["Instance"]
    properties = {**instance["properties"], **_TEMPLATE}
    return {**instance, "properties": properties, "required": ["machineType"], "$defs": used}


def _shape(schema: Mapping[str, Any]) -> dict[str, Any]:
    """One type of Google's API discovery format, which is close to JSON Schema."""
    if "$ref" in schema:
        return {"$ref": f"#/$defs/{schema['$ref']}"}
    kind = schema.get("type")
    if kind == "array":
        return {"type": "array", "items": _shape(schema["items"])}
    if kind == "object":
        if "properties" not in schema:
            return {"type": "object", "additionalProperties": _shape(schema.get("additionalProperties", {}))}
        members = {name: _shape(value) for name, value in schema["properties"].items()}
        return {"type": "object", "properties": members, "additionalProperties": False}
    if "enum" in schema:
        return {"enum": schema["enum"]}
    if schema.get("format") in ("int64", "uint64"):
        return {"type": ["string", "integer"]}  # JSON's numbers are too small for these; the API takes both
    return {"type": kind} if kind and kind != "any" else {}

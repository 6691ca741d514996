"""Compose files: the keys that they may use, on which addresses ports are published, who is asked for a password."""

import re
from collections.abc import Iterator
from typing import Any

from msd_ray.search.yaml_source import YamlSource

from .findings import Finding, found, items, value_at
from .json_schema import schema_findings
from .servers import server_findings

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_SERVICE: dict[str, Any] = {
    "image": _TEXT,
    "command": _TEXTS,
    "environment": {"type": "object", "additionalProperties": _TEXT},
    "ports": _TEXTS,
    "volumes": _TEXTS,
    "configs": {
        "type": "array",
        "items": {"type": "object", "properties": {"source": _TEXT, "target": _TEXT}, "additionalProperties": False},
    },
    "depends_on": {"type": "object"},
    "healthcheck": {
        "type": "object",
        "properties": {name: {} for name in ("test", "interval", "timeout", "retries", "start_period")},
        "additionalProperties": False,
    },
    "user": _TEXT,
    "read_only": {"type": "boolean"},
    "tmpfs": _TEXTS,
    "security_opt": _TEXTS,
    "cap_drop": _TEXTS,
    "restart": {"enum": ["no", "always", "on-failure", "unless-stopped"]},
}
# A part of the Compose Specification: keys that open a container (privileged, network_mode, ...) are not in it.
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name", "services"],
    "additionalProperties": False,
    "properties": {
        "name": _TEXT,
        "services": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["image"],
                "properties": _SERVICE,
                "additionalProperties": False,
            },
        },
        "volumes": {"type": "object"},
        "configs": {
            "type": "object",
            "additionalProperties": {"type": "object", "properties": {"content": _TEXT}, "additionalProperties": False},
        },
    },
}
_CLOSED_PORT = re.compile(r"^(?:127\.0\.0\.1|\[::1\]|\$\{\w+:-127\.0\.0\.1\}|\$\{\w+:\?[^}]*\}):\d+:\d+$")


def compose_findings(source: YamlSource) -> Iterator[Finding]:
    """Everything about a compose file but secrets and images."""
    yield from schema_findings(source, _SCHEMA)
    for at, service in items(source.data, "services"):
        for index, port in enumerate(service.get("ports") or []):
            if not _CLOSED_PORT.match(str(port)):
                yield found(
                    source,
                    (*at, "ports", index),
                    f"{port} is published on every address of the machine: write 127.0.0.1:PORT:PORT, or "
                    "${NAME:-127.0.0.1}:PORT:PORT for a private address from the environment",
                )
        words = [str(word) for word in service.get("command") or []]
        environment = value_at(service, "environment")
        variables = environment if isinstance(environment, dict) else {}
        yield from server_findings(source, at, str(service.get("image")), words, variables)
        for name, value in variables.items():
            if re.search(r"\$\{\w+(?::?-[^}]*)?\}", str(value)) and name.endswith(("PASSWORD", "SECRET_KEY", "TOKEN")):
                message = "write ${NAME:?what it is}: an unset variable must not start a server without its secret"
                yield found(source, (*at, "environment", name), message)

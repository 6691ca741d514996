"""Launcher YAMLs (`ray up`): Ray's own schema, and what it does not see."""

import re
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

from msd_ray.search.yaml_source import YamlSource

from .aws_nodes import aws_findings
from .findings import Finding, found, items, value_at
from .gcp_nodes import gcp_findings
from .places import launcher_places
from .trial_resources import name_findings

_LONGEST_IDLE_MINUTES = 60
_COMMANDS = ("setup_commands", "head_setup_commands", "worker_setup_commands")
_DASHBOARD_HOST = re.compile(r"--dashboard-host[= ](\S+)")
_EVERYWHERE = ("0.0.0.0", "::", "[::]")  # noqa: S104 - what is looked for
_LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")


def launcher_findings(source: YamlSource) -> Iterator[Finding]:
    """Everything about one launcher YAML but secrets and images."""
    yield from _rays_own(source)
    provider = value_at(source.data, "provider", "type")
    private = True
    if provider in ("aws", "gcp"):
        yield from aws_findings(source) if provider == "aws" else gcp_findings(source)
        private = value_at(source.data, "provider", "use_internal_ips") is True
        yield from _scaling(source)
        yield from _node_types(source)
        if not private:
            yield found(source, ("provider", "use_internal_ips"), "must be true: else every node gets a public address")
    elif provider != "local":
        yield found(source, ("provider", "type"), f"{provider} is not checked here: aws, gcp and local are")
    yield from _token(source)
    yield from launcher_places(source)
    yield from _dashboard(source, closed=provider in ("aws", "gcp") and private)
    yield from _setup(source)


def _rays_own(source: YamlSource) -> Iterator[Finding]:
    """What Ray says of the file when `ray up` reads it; it looks at everything but node_config."""
    from jsonschema import ValidationError
    from ray.autoscaler._private.util import prepare_config, validate_config

    said = StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            validate_config(prepare_config(source.data))
    except ValidationError as error:
        at = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            given = value_at(source.data, *at) or {}
            # "... ('a', 'b' were unexpected)"
            at = (*at, *[str(name) for name in given if repr(name) in error.message.rpartition("(")[2]][:1])
        yield found(source, at, f"Ray refuses this: {error.message}")
    except Exception as error:  # Ray raises whatever it stumbles over, and click's where it has said why
        yield found(source, (), f"Ray refuses this: {str(error) or said.getvalue().strip()}")


def _scaling(source: YamlSource) -> Iterator[Finding]:
    """From no worker, up to a bound, and back."""
    idle = source.data.get("idle_timeout_minutes")
    if not isinstance(idle, int | float) or not 0 < idle <= _LONGEST_IDLE_MINUTES:
        yield found(
            source,
            ("idle_timeout_minutes",),
            f"must be more than 0 and at most {_LONGEST_IDLE_MINUTES}: idle workers are paid for as long",
        )
    if not isinstance(source.data.get("max_workers"), int):
        yield found(source, ("max_workers",), "is missing: it bounds what the cluster can cost")
    for at, node in items(source.data, "available_node_types"):
        if node.get("min_workers", 0) != 0:
            yield found(source, (*at, "min_workers"), "must be 0: workers come with work, and idle ones go")


def _node_types(source: YamlSource) -> Iterator[Finding]:
    """A head without CPUs for Ray, and workers that have together what one trial asks for."""
    head = source.data.get("head_node_type")
    for at, node in items(source.data, "available_node_types"):
        given = node.get("resources")
        resources = given if isinstance(given, dict) else {}
        yield from name_findings(source, (*at, "resources"), resources)
        cpus = resources.get("CPU")
        if at[-1] == head:
            if cpus != 0:
                yield found(source, (*at, "resources"), 'must say {"CPU": 0}: else trials run on the head')
            if node.get("max_workers") != 0:
                yield found(source, (*at, "max_workers"), "must be 0: else Ray starts workers of the head's kind")
        elif not isinstance(cpus, int) or cpus < 1:
            message = "must say how many CPU: a trial asks for CPU and GPU of one and the same node"
            yield found(source, (*at, "resources"), message)


def _token(source: YamlSource) -> Iterator[Finding]:
    """Token authentication on every node."""
    docker = source.data.get("docker") or {}
    if docker:
        at: tuple[str, ...] = ("docker", "run_options")
        places = [" ".join(map(str, docker.get("run_options") or []))]
    else:
        at = ("head_start_ray_commands",)
        starts = ("head_start_ray_commands", "worker_start_ray_commands")
        places = [" ".join(map(str, source.data.get(name) or [])) for name in starts]
    if not all("RAY_AUTH_MODE=token" in place for place in places):
        message = "must set RAY_AUTH_MODE=token on every node: else whoever reaches Ray runs what he likes"
        yield found(source, at, message)
    elif not all("RAY_AUTH_TOKEN_PATH=" in place for place in places):
        yield found(source, at, "must set RAY_AUTH_TOKEN_PATH to the token's file: without a token Ray does not start")


def _dashboard(source: YamlSource, *, closed: bool) -> Iterator[Finding]:
    """Where the dashboard and the jobs API listen. closed: nodes have no public address."""
    at = ("head_start_ray_commands",)
    commands = source.data.get(at[0])
    head_ip = value_at(source.data, "provider", "head_ip")  # of own machines
    if not isinstance(commands, list):
        yield found(source, at, "is missing: Ray's defaults start the head without knowing of this project")
        return
    for index, command in enumerate(commands):
        if "ray start" not in str(command):
            continue
        hosts = _DASHBOARD_HOST.findall(str(command))
        if not hosts or hosts[-1] in _LOOPBACK:
            yield found(
                source,
                (*at, index),
                "the dashboard must listen where workers reach it (--dashboard-host): Ray Train asks it from there",
            )
        elif hosts[-1] in _EVERYWHERE and not closed:
            yield found(
                source,
                (*at, index),
                f"--dashboard-host={hosts[-1]} listens on every network of the head: give its private address",
            )
        elif head_ip is not None and hosts[-1] not in (head_ip, *_EVERYWHERE):
            yield found(source, (*at, index), f"--dashboard-host={hosts[-1]} is not provider.head_ip ({head_ip})")
        if head_ip is not None and "--num-cpus=0" not in str(command):
            yield found(source, (*at, index), "must say --num-cpus=0: else trials run on the head")


def _setup(source: YamlSource) -> Iterator[Finding]:
    if value_at(source.data, "provider", "type") == "local":
        return  # Ray has no default commands for these
    for name in _COMMANDS:
        if not isinstance(source.data.get(name), list):
            yield found(source, (name,), "must be there, if only as []: Ray's default installs a Ray of its own choice")

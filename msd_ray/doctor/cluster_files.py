"""Check the files that start a cluster: launcher YAMLs (`ray up`), Kubernetes manifests, compose files.

Checked is what this project determines, and what Ray says of a launcher YAML: placeholders, image tags, room for a
trial, literal secrets, token authentication, public addresses, the environment of the head. The fields of providers
and of Kubernetes are not: `kubectl apply --dry-run=server` and `docker compose config` validate those.
"""

import copy
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Literal, TypeAlias

from jsonschema import ValidationError
from ray.autoscaler._private.util import prepare_config, validate_config

from msd_ray.cli.environment import VARIABLES
from msd_ray.cli.option_table import Resources
from msd_ray.cli.options import parse
from msd_ray.common.errors import UserError
from msd_ray.common.text import one_line
from msd_ray.search.yaml_source import KeyPath, YamlSource, read_yaml, read_yaml_documents

Level: TypeAlias = Literal["error", "to set", "note"]
PLACEHOLDER = "CHANGE-ME"
ASKED = ("CPU", "GPU", "memory")
"""Resources that trials ask for: CPU and GPU of their workers, a byte of memory for the driver (search/on_ray)."""
_GPUS = ("nvidia.com/gpu", "amd.com/gpu")
_TUNE = re.compile(r"\s*(?:python3? -m msd_ray[. ]tune|msd-ray tune)(?:\s+|$)")
_IMAGE_KEYS = {"image", "head_image", "worker_image"}
_OURS = re.compile(r"(?:^|/)(?:msd-ray|ray|ray-ml)$|MSD_RAY_IMAGE", re.IGNORECASE)
# Searched in `key: value`. ONE_TO_ONE_NAT is Google Cloud's public address.
_OPEN = re.compile(
    r"0\.0\.0\.0/0|::/0|RAY_AUTH_MODE=disabled|^(?:t|serviceT)ype: (?:LoadBalancer|NodePort|ONE_TO_ONE_NAT)$"
    r"|^kind: Ingress$|^(?:enableIngress|hostNetwork|AssociatePublicIpAddress): True$"
)
_CLOSED_PORT = re.compile(r"^(?:127\.0\.0\.1|\[::1\]|\$\{\w+:-127\.0\.0\.1\}|\$\{\w+:\?[^}]*\}):\d+:\d+$")
_NAME = r"(?:password|passwd|passphrase|secret|token|credential|api_?key|access_?key|private_?key|secret_?key)s?"
# `POSTGRES_PASSWORD` and `auth_token`; not `RAY_AUTH_TOKEN_PATH` or `secretName`, which say where a secret is.
_SECRET_NAME = re.compile(rf"{_NAME}$", re.IGNORECASE)
# NAME=value, --password=value, scheme://user:value@host; not gcloud's --secret=NAME, which names a secret of a store.
_LITERAL = re.compile(
    rf"(?i)\b(?<!--)(?:\w*?{_NAME})=([^\s\"']+|\"[^\"]*\"|'[^']*')|--password=(\S+)|\w://[^\s/:@]*:([^\s/@]+)@"
)
_REFERENCE = re.compile(r"^[\"']?\$[({\w]")
# Keys and tokens of AWS, SSH, GitHub, Hugging Face and Google.
_KNOWN_FORM = re.compile(
    r"\bA[KS]IA[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----|\b(?:gh[pousr]|hf)_\w{30,}|\bya29\.[\w-]{20,}"
)
# Keys whose value is a path or a mode, though their name ends like a secret's.
_NO_SECRETS = {"ssh_private_key", "ssh_public_key", "HttpTokens"}
_REVOKE = "Read it from the environment or a secret store (docs/clusters.md), and replace this one: it is known now"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """where: `file:line`. level: `error`: do not launch; `to set`: a placeholder; `note`: may be intended."""

    where: str
    key: str
    message: str
    level: Level = "error"

    def __str__(self) -> str:
        level = "" if self.level == "error" else f"{self.level}: "
        return f"{self.where}: {level}{self.key}: {self.message}"


def check_files(paths: Sequence[Path], *, ready: bool, constraints: Path) -> None:
    """Print a line per file and per finding. ready: a placeholder is an error. constraints: the file that pins Ray.

    Raises UserError with all errors, each with file, line, key and what to do. Nothing is sent anywhere.
    """
    ray = pinned_ray(constraints)
    wrong = []
    for path in paths:
        findings = check_file(path, ray)
        errors = [item for item in findings if item.level == "error" or (ready and item.level == "to set")]
        wrong += errors
        for item in findings:
            if item not in errors:
                print(one_line(str(item)))
        print(one_line(f"{path}: {len(errors) or 'no'} problem{'s' * (len(errors) != 1)}"))
    if wrong:
        sys.stdout.flush()
        count = f"{len(wrong)} problem{'s' * (len(wrong) != 1)}"
        raise UserError("\n".join(one_line(str(line)) for line in (count, *wrong)))


def pinned_ray(constraints: Path) -> str:
    """The release of Ray in constraints.txt. Raises UserError if the file or the line does not exist."""
    advice = "Give the file that pins Ray with --constraints"
    try:
        pinned = re.search(r"^ray==([\w.]+)\s*$", constraints.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError as error:
        raise UserError(f"{constraints}: cannot be read: {error.strerror}. {advice}") from error
    if pinned is None:
        raise UserError(f"{constraints}: pins no release of Ray (ray==...). {advice}")
    return pinned[1]


def check_file(path: Path, ray: str) -> list[Problem]:
    """What is wrong with a file, by line. ray: the pinned release. Raises UserError for a file of another kind."""
    sources = read_yaml_documents(path) or [read_yaml(path)]
    findings = {item for source in sources for item in (*_of_kind(source), *_of_values(source, ray))}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):  # comments included
        if _KNOWN_FORM.search(line):
            findings.add(Problem(where=f"{path}:{number}", key="(text)", message=f"a private key or token. {_REVOKE}"))
    return sorted(findings, key=lambda item: (int(item.where.rpartition(":")[2]), item.key, item.message))


def _found(source: YamlSource, at: KeyPath, message: str, level: Level = "error") -> Problem:
    """A finding at a key (`a.b[0].c`), with the line of the closest key above it that the file has."""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at).removeprefix(".")
    return Problem(where=source.where(at), key=key or "(the file)", message=message, level=level)


def _value(data: Any, *at: str | int) -> Any:
    """The value at a path of keys and indices, None if there is none."""
    for part in at:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _mapping(data: Any, *at: str | int) -> dict[str, Any]:
    there = _value(data, *at)
    return there if isinstance(there, dict) else {}


def _items(data: Any, *at: str | int) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """The mappings in the list or mapping at a path, each with its own path."""
    there = _value(data, *at)
    pairs = there.items() if isinstance(there, dict) else enumerate(there) if isinstance(there, list) else ()
    return (((*at, key), value) for key, value in pairs if isinstance(value, dict))


def _leaves(data: Any, at: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Every value that is neither a mapping nor a list, with its path."""
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from _leaves(value, (*at, key))
    else:
        yield at, data


def _of_kind(source: YamlSource) -> Iterator[Problem]:
    data = source.data if isinstance(source.data, dict) else {}
    if "provider" in data:
        yield from _launcher(source)
    elif data.get("kind") in ("RayCluster", "RayJob"):
        yield from _ray_cluster(source, ("spec",) if data["kind"] == "RayCluster" else ("spec", "rayClusterSpec"))
    elif not {"apiVersion", "kind"} <= data.keys() and "services" not in data:
        kinds = "a launcher YAML (provider), a Kubernetes manifest (apiVersion, kind) or a compose file (services)"
        raise UserError(f"{source.where(())}: is not {kinds}. Give one of these")


def _launcher(source: YamlSource) -> Iterator[Problem]:
    """What applies to launcher YAMLs alone."""
    data = source.data
    yield from _refused_by_ray(source)
    if _value(data, "provider", "type") != "local" and _value(data, "provider", "use_internal_ips") is not True:
        yield _found(source, ("provider", "use_internal_ips"), "nodes get public addresses. Set it to true")
    docker = bool(_value(data, "docker"))
    starts: list[KeyPath] = [("head_start_ray_commands",), ("worker_start_ray_commands",)]
    for at in [("docker", "run_options")] if docker else starts:
        for setting in ("RAY_AUTH_MODE=token", "RAY_AUTH_TOKEN_PATH="):
            if setting not in str(_value(data, *at)):
                yield _found(source, at, f"{setting} is missing: token authentication needs it. Set it on all nodes")
    head = ("docker", "head_run_options") if docker else starts[0]
    yield from _places(source, head, str([_value(data, "docker", "run_options"), _value(data, *head)]))
    for at, node in _items(data, "available_node_types"):
        given, there = _mapping(node, "resources"), (*at, "resources")
        if at[-1] != data.get("head_node_type"):
            yield from _room(source, there, given, (*ASKED, "object_store_memory"))
        elif given.get("CPU") != 0:
            yield _found(source, there, 'trials would run on the head. Write resources: {"CPU": 0}')


def _refused_by_ray(source: YamlSource) -> Iterator[Problem]:
    """Ray's own validation, as in `ray up`. It does not look into node_config."""
    said = StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            validate_config(prepare_config(copy.deepcopy(source.data)))
    except ValidationError as error:
        at: KeyPath = tuple(error.absolute_path)
        if error.validator == "additionalProperties":  # "... ('a', 'b' were unexpected)"
            named = error.message.rpartition("(")[2]
            at = (*at, *[key for key in _mapping(source.data, *at) if repr(key) in named][:1])
        yield _found(source, at, f"Ray refuses this: {error.message}")
    except Exception as error:  # of any type; click's when Ray has printed the reason
        yield _found(source, (), f"Ray refuses this: {str(error) or said.getvalue().strip()}")


def _ray_cluster(source: YamlSource, at: KeyPath) -> Iterator[Problem]:
    """What applies to the Ray cluster at `at` of a manifest for KubeRay, and to its job."""
    data, head = source.data, (*at, "headGroupSpec")
    if _value(data, *at, "authOptions", "mode") != "token" or "RAY_AUTH_MODE" in str(_value(data, *at)):
        message = "token authentication is off. Write authOptions: {mode: token}, and RAY_AUTH_MODE nowhere"
        yield _found(source, (*at, "authOptions"), message)
    if str(_value(data, *head, "rayStartParams", "num-cpus")) != "0":
        yield _found(source, (*head, "rayStartParams", "num-cpus"), 'trials would run on the head. Write "0"')
    environment = (*head, "template", "spec", "containers", 0, "env")
    entries = [entry for _, entry in _items(data, *environment)]
    given = [f"{entry.get('name')}={entry.get('value') or entry.get('valueFrom') or ''}" for entry in entries]
    yield from _places(source, environment, str(given))
    offers = []
    for group, _ in _items(data, *at, "workerGroupSpecs"):
        there = (*group, "template", "spec", "containers", 0, "resources", "limits")
        limits = _mapping(data, *there)
        offers.append((_number(limits.get("cpu")), sum(_number(limits.get(name)) for name in _GPUS)))
        yield from _room(source, there, limits, ("cpu", "memory", "ephemeral-storage", *_GPUS))
    if command := _TUNE.match(str(_value(data, "spec", "entrypoint"))):
        for message in _job(command.string[command.end() :], offers):
            yield _found(source, ("spec", "entrypoint"), message)


def _places(source: YamlSource, at: KeyPath, settings: str) -> Iterator[Problem]:
    """Note which variables of storage, studies and MLflow the head's environment lacks."""
    if missing := [name for name in VARIABLES.values() if not re.search(rf"\b{name}=[^\s\"']", settings)]:
        message = f"{', '.join(missing)} not set on the head. Set them, or give every job the options instead"
        yield _found(source, at, message, "note")


def _room(source: YamlSource, at: KeyPath, given: Mapping[str, Any], known: Sequence[str]) -> Iterator[Problem]:
    """What a worker offers to trials, at `at`. Ray accepts any name, and trials stay pending."""
    for name in given.keys() - set(known):
        yield _found(source, (*at, str(name)), f"no trial asks for this resource. Write one of {', '.join(known)}")
    if _number(given.get("CPU", given.get("cpu"))) < Resources().cpus_per_trial:
        yield _found(source, at, "no CPU for trials, which take CPU and GPU of one node. Say how many CPUs it has")


def _job(arguments: str, offers: Sequence[tuple[float, float]]) -> Iterator[str]:
    """What is wrong with a command line of `tune`. offers: CPUs and GPUs of each kind of worker."""
    try:
        words = [word for word in shlex.split(arguments) if word not in ("-h", "--help")]  # they would end this command
        options = parse(words)
    except (UserError, ValueError) as error:
        yield str(error)
        return
    if options.max_concurrent is None:
        yield "--max-concurrent is missing, and the cluster starts without workers to count. Add it"
    cpus, gpus = options.cpus_per_trial, options.gpus_per_trial or 0
    if not any(offer[0] >= cpus and offer[1] >= gpus for offer in offers):
        have = " or ".join(f"{offer[0]:g} CPUs and {offer[1]:g} GPUs" for offer in offers) or "nothing"
        yield f"a trial asks for {cpus} CPUs and {gpus:g} GPUs, workers offer {have}. Ask for less or take larger nodes"


def _number(quantity: Any) -> float:
    """CPUs or devices: `6`, `"6"`, `500m`. 0 for anything else."""
    parts = re.fullmatch(r"(\d+(?:\.\d*)?)(m?)", str(quantity))
    return float(parts[1]) / (1000 if parts[2] else 1) if parts else 0.0


def _of_values(source: YamlSource, ray: str) -> Iterator[Problem]:
    """What applies to the values of every kind of file."""
    if _value(source.data, "kind") == "Secret":
        yield _found(source, ("kind",), "a Secret in a file. Run kubectl create secret with values of the environment")
    for at, value in _leaves(source.data):
        key, text = (at or ("",))[-1], str(value)
        if word := re.search(rf"\S*{PLACEHOLDER}\S*", text):
            yield _found(source, at, f"{word[0]}: replace it with your own value", "to set")
        published = at[:1] == ("services",) and at[2:3] == ("ports",) and not _CLOSED_PORT.match(text)
        if published or _OPEN.search(f"{key}: {text}"):
            yield _found(source, at, f"{text} is open to other networks. Leave it out, or name a private address")
        if key == "rayVersion" and text != ray:
            yield _found(source, at, f"{text}, but constraints.txt pins Ray {ray}. Write {ray}")
        if key in _IMAGE_KEYS and isinstance(value, str):
            yield from _image(source, at, value, ray)
        if isinstance(value, str):
            yield from _secret(source, at, value)


def _image(source: YamlSource, at: KeyPath, value: str, ray: str) -> Iterator[Problem]:
    # ${NAME:?message} of a compose file is one piece of the name
    plain = re.sub(r"\$\{(\w+)[^}]*\}", r"\1", value).partition("@")[0]
    name, _, tag = plain.rpartition(":") if ":" in plain.rpartition("/")[2] else (plain, "", "")
    if tag in ("", "latest"):
        yield _found(source, at, f"{value} changes with time. Add a tag that says the release")
    elif _OURS.search(name) and tag != ray and not tag.startswith(f"{ray}-"):
        yield _found(source, at, f"tag {tag}, but constraints.txt pins Ray {ray}. Build an image for it and name that")


def _secret(source: YamlSource, at: KeyPath, value: str) -> Iterator[Problem]:
    """Literals that look like secrets; a reference ($NAME, ${NAME}, $(command)) does not."""
    key = str(at[-1]) if at else ""
    literals = [next(filter(None, match.groups()), "") for match in _LITERAL.finditer(value)]
    if key not in _NO_SECRETS and _SECRET_NAME.search(key):
        literals.append(value)
    if any(literal.strip("\"'") and not _REFERENCE.match(literal) for literal in literals):
        yield _found(source, at, f"a secret in plain text. {_REVOKE}")
    if key == "name" and _SECRET_NAME.search(value) and (literal := (*at[:-1], "value")) in source.lines:
        yield _found(source, literal, f"{value} in plain text. Use valueFrom.secretKeyRef")

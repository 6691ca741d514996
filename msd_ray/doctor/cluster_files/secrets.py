"""No secret stands in a file: what looks like one is a reference to the environment or to a secret store."""

import re
from collections.abc import Iterator

from msd_ray.search.yaml_source import KeyPath, YamlSource

from .findings import Finding, found, leaves

_NAME = r"(?:password|passwd|passphrase|secret|token|credential|api_?key|access_?key|private_?key|secret_?key)s?"
_SECRET_NAME = re.compile(rf"{_NAME}$", re.IGNORECASE)
"""`POSTGRES_PASSWORD` and `auth_token`; not `RAY_AUTH_TOKEN_PATH` or `secretName`, which say where a secret is."""
_ASSIGNED = re.compile(
    # gcloud's --secret=NAME and the like name a secret of a store.
    rf"\b(?<!--)(?:\w*?{_NAME})=(?P<value>[^\s\"']+|\"[^\"]*\"|'[^']*')|--password=(?P<option>[^\s]+)",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"\w://[^\s/:@]*:(?P<value>[^\s/@]+)@")
_KNOWN_SHAPES = {
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{30,}\b"),
    "a Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{30,}\b"),
    "a Google access token": re.compile(r"\bya29\.[\w-]{20,}"),
}
_REFERENCE = re.compile(r"^[\"']?\$[({\w]")
# Keys of providers and tools whose value is a path, a name or a mode, though their own name says secret.
_PLACES = {"ssh_private_key", "ssh_public_key", "HttpTokens"}
_DO = "take it from the environment or a secret store (docs/clusters.md), and replace what stood here: it is known now"


def secret_findings(source: YamlSource) -> Iterator[Finding]:
    """Every literal that looks like a secret."""
    for at, value in leaves(source.data):
        if isinstance(value, str) and value:
            yield from _in_value(source, at, value)
    for at, value in leaves(source.data):
        if at[-1:] == ("name",) and isinstance(value, str) and _SECRET_NAME.search(value):
            literal = (*at[:-1], "value")
            if literal in source.lines:
                yield found(source, literal, f"{value} is given here in plain text: use valueFrom.secretKeyRef")
    if source.data.get("kind") == "Secret":
        yield found(source, ("kind",), "a Secret in a file: make it with `kubectl create secret` from the environment")


def text_findings(source: YamlSource, text: str) -> Iterator[Finding]:
    """Secrets of a known shape anywhere in the text, comments included."""
    for number, line in enumerate(text.splitlines(), 1):
        for shape, pattern in _KNOWN_SHAPES.items():
            if pattern.search(line):
                yield Finding(where=f"{source.path}:{number}", key="(text)", message=f"{shape} stands here: {_DO}")


def _in_value(source: YamlSource, at: KeyPath, value: str) -> Iterator[Finding]:
    key = str(at[-1]) if at else ""
    if key not in _PLACES and _SECRET_NAME.search(key) and not _REFERENCE.match(value):
        yield found(source, at, f"a secret in plain text: {_DO}")
    assigned = [match["value"] or match["option"] for match in _ASSIGNED.finditer(value)]
    if any(not _REFERENCE.match(literal) for literal in assigned if literal.strip("\"'")):
        yield found(source, at, f"a secret is set in plain text: {_DO}")
    if any(not literal.startswith("$") for literal in (match["value"] for match in _IN_URL.finditer(value))):
        yield found(source, at, f"a password stands in a URL: {_DO}")

"""The MLflow and PostgreSQL servers of a manifest or compose file: both ask who is there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msd_ray.search.yaml_source import KeyPath, YamlSource

from .findings import Finding, found

_MLFLOW_NEEDS = ("MLFLOW_AUTH_ADMIN_PASSWORD", "MLFLOW_FLASK_SERVER_SECRET_KEY")
_POSTGRES_NEEDS = ("POSTGRES_PASSWORD", "POSTGRES_PASSWORD_FILE")


def server_findings(
    source: YamlSource, at: KeyPath, image: str, words: Sequence[str], environment: Mapping[str, Any]
) -> Iterator[Finding]:
    """What is wrong with a container if it is one of the two. words: its command and arguments."""
    if "mlflow" in words and "server" in words:
        if "basic-auth" not in " ".join(words).replace("=", " ").split():
            yield found(source, at, "mlflow server needs --app-name=basic-auth: else it asks nobody for a password")
        for name in _MLFLOW_NEEDS:
            if name not in environment:
                yield found(source, at, f"mlflow server needs {name} in its environment, from a secret")
        hosts = [word.partition("=")[2] for word in words if word.startswith("--allowed-hosts=")]
        if not hosts or "*" in hosts[-1].split(","):
            yield found(source, at, "mlflow server needs --allowed-hosts=NAME:PORT,...: the names that it is called by")
    if image.rpartition("/")[2].partition(":")[0] in ("postgres", "postgresql"):
        if not any(name in environment for name in _POSTGRES_NEEDS):
            yield found(source, at, "PostgreSQL needs POSTGRES_PASSWORD in its environment, from a secret")
        if "trust" in str(environment.get("POSTGRES_HOST_AUTH_METHOD")):
            yield found(source, at, "POSTGRES_HOST_AUTH_METHOD must not be trust: it lets everybody in")

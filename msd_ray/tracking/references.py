"""Registered models by name: `models:/NAME@ALIAS` or `models:/NAME/VERSION` -> the student's directory."""

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from msd_ray.common.errors import UserError

from .client import mlflow_errors
from .connection import connect
from .registry import OLDER_STUDENT, STUDENT, versions_of
from .uri import shown_uri, sqlite_path

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

_REFERENCE = re.compile(r"models:/(?P<name>[^/:@]+)(?:@(?P<alias>[^/:@]+)|/(?P<version>[1-9][0-9]{0,8}))", re.ASCII)
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A registered model's version by its alias or its number: one of the two is None."""

    name: str
    alias: str | None
    version: str | None


def parse_reference(text: str) -> Reference:
    """`models:/NAME@ALIAS` or `models:/NAME/VERSION`. Raises UserError for anything else."""
    found = _REFERENCE.fullmatch(text)
    if found is None or not text.isprintable():
        raise UserError(
            f"--model {text!r}: write models:/NAME@ALIAS (models:/msd-wikiann-ar@champion) or models:/NAME/3"
        )
    return Reference(**found.groupdict())


@contextmanager
def downloaded(tracking_uri: str, reference: Reference) -> Iterator[Path]:
    """The exported student of a version, as a directory that is there as long as the context.

    Nothing of it is executed; whether its files are whole is for `load_student` to say. A version that lies on this
    machine is read where it is. Raises UserError when there is no such version, or MLflow does not work.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.utils.file_utils import local_file_uri_to_path
    from mlflow.utils.uri import is_local_uri

    database = sqlite_path(tracking_uri)
    if database is not None and not database.exists():
        raise UserError(f"there is no MLflow database {database}; name the one that has the model with --mlflow-uri")
    client = connect(tracking_uri)
    version = _find(client, tracking_uri, reference)
    with tempfile.TemporaryDirectory(prefix="msd_ray-") as scratch:
        with mlflow_errors(tracking_uri):
            source = client.get_model_version_download_uri(reference.name, version.version)
            if is_local_uri(source):  # type: ignore[no-untyped-call]
                version_files = Path(local_file_uri_to_path(source))  # type: ignore[no-untyped-call]
            else:
                version_files = Path(
                    download_artifacts(artifact_uri=source, dst_path=scratch, tracking_uri=tracking_uri)
                )
        found = [place for place in (version_files / STUDENT, version_files / OLDER_STUDENT) if place.is_dir()]
        if not found:
            raise UserError(
                f"{_called(reference)} at {shown_uri(tracking_uri)} has no files {STUDENT}: it is not one of msd_ray's "
                f"students, or they were removed from {version_files}"
            )
        yield found[0]


def _find(client: "MlflowClient", tracking_uri: str, reference: Reference) -> "ModelVersion":
    """The version; if there is none, what there is."""
    from mlflow.exceptions import MlflowException

    with mlflow_errors(tracking_uri):
        try:
            if reference.alias is not None:
                return client.get_model_version_by_alias(reference.name, reference.alias)
            assert reference.version is not None
            return client.get_model_version(reference.name, reference.version)
        except MlflowException as error:
            if error.error_code not in _ABSENT:
                raise
        try:
            model = client.get_registered_model(reference.name)
        except MlflowException as error:
            if error.error_code not in _ABSENT:
                raise
            names = sorted(model.name for model in client.search_registered_models(max_results=1000))
            raise UserError(
                f"--model {_called(reference)}: MLflow at {shown_uri(tracking_uri)} has no registered model "
                f"{reference.name}; {_listed('it has', names)}"
            ) from error
        numbers = sorted((str(v.version) for v in versions_of(client, model.name)), key=int)
    aliases: Mapping[str, str] = model.aliases
    known = [f"@{alias} (version {version})" for alias, version in sorted(aliases.items())]
    raise UserError(
        f"--model {_called(reference)}: {reference.name} has no such {'alias' if reference.alias else 'version'}; "
        f"{_listed('it has versions', numbers)}, {_listed('aliases', known)}"
    )


def _called(reference: Reference) -> str:
    end = f"@{reference.alias}" if reference.alias is not None else f"/{reference.version}"
    return f"models:/{reference.name}{end}"


def _listed(label: str, items: list[str]) -> str:
    more = f" and {len(items) - 10} more" if len(items) > 10 else ""
    return f"{label} {', '.join(items[:10]) or 'none'}{more}"

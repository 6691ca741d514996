"""Resolves `models:/NAME@ALIAS` and `models:/NAME/VERSION` to the directory of an exported student."""

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
from .registry import LEGACY_STUDENT, STUDENT, versions_of
from .relocation import relocate_artifacts
from .uri import shown_uri, sqlite_path

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

_REFERENCE = re.compile(r"models:/(?P<name>[^/:@]+)(?:@(?P<alias>[^/:@]+)|/(?P<version>[1-9][0-9]{0,8}))", re.ASCII)
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A version of a registered model. Either `alias` or `version` is None."""

    name: str
    alias: str | None
    version: str | None


def parse_reference(text: str) -> Reference:
    """Parse `models:/NAME@ALIAS` or `models:/NAME/VERSION`. Raises UserError for anything else."""
    found = _REFERENCE.fullmatch(text)
    if found is None or not text.isprintable():
        raise UserError(
            f"--model {text!r}: not a registered model. Use models:/NAME@ALIAS (models:/msd-wikiann-ar@champion) or "
            "models:/NAME/3."
        )
    return Reference(**found.groupdict())


@contextmanager
def downloaded(tracking_uri: str, reference: Reference) -> Iterator[Path]:
    """Provide the exported student of a version as a directory that exists within the context.

    Artifacts on this machine are not copied. No file is executed; `load_student` checks the files.

    Raises:
        UserError: the version does not exist, is not an exported student, or MLflow fails.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.utils.file_utils import local_file_uri_to_path
    from mlflow.utils.uri import is_local_uri

    database = sqlite_path(tracking_uri)
    if database is not None and not database.exists():
        raise UserError(
            f"the MLflow database {database} does not exist. Give the --mlflow-uri of the store that has the model."
        )
    relocate_artifacts(tracking_uri)
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
        found = [place for place in (version_files / STUDENT, version_files / LEGACY_STUDENT) if place.is_dir()]
        if not found:
            raise UserError(
                f"{_format(reference)} at {shown_uri(tracking_uri)} has no directory {STUDENT}: it is not a student of "
                f"msd_ray, or its files were removed from {version_files}"
            )
        yield found[0]


def _find(client: "MlflowClient", tracking_uri: str, reference: Reference) -> "ModelVersion":
    """The version. Raises UserError that lists the existing models, versions and aliases if it does not exist."""
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
                f"--model {_format(reference)}: MLflow at {shown_uri(tracking_uri)} has no registered model "
                f"{reference.name}; {_listed('it has', names)}"
            ) from error
        numbers = sorted((str(v.version) for v in versions_of(client, model.name)), key=int)
    aliases: Mapping[str, str] = model.aliases
    known = [f"@{alias} (version {version})" for alias, version in sorted(aliases.items())]
    raise UserError(
        f"--model {_format(reference)}: {reference.name} has no such {'alias' if reference.alias else 'version'}; "
        f"{_listed('it has versions', numbers)}, {_listed('aliases', known)}"
    )


def _format(reference: Reference) -> str:
    end = f"@{reference.alias}" if reference.alias is not None else f"/{reference.version}"
    return f"models:/{reference.name}{end}"


def _listed(label: str, items: list[str]) -> str:
    more = f" and {len(items) - 10} more" if len(items) > 10 else ""
    return f"{label} {', '.join(items[:10]) or 'none'}{more}"

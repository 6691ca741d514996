"""Check that MLflow is reachable: the schema of a database, or the release of a server."""

import importlib.metadata
from collections.abc import Iterator

from msd_ray.tracking.inspection import inspect_store
from msd_ray.tracking.uri import is_server, shown_uri

from .finding import Finding, passed, refusals, warned
from .versions import server_findings

NAME = "mlflow"


def tracking_findings(uri: str) -> Iterator[Finding]:
    """Check that runs can be recorded at this URI."""

    def look() -> Iterator[Finding]:
        found, shown = inspect_store(uri), shown_uri(uri)
        if not is_server(uri):
            schema = f": schema {found.schema} of mlflow {importlib.metadata.version('mlflow')}"
            yield passed(NAME, f"{shown}{schema}" if found.schema else f"{shown} can be made, or is empty")
        elif found.server is None:
            yield warned(
                NAME,
                f"{shown} answers, but does not report its release",
                "see that the server's MLflow is as new as the one here: `mlflow --version` there",
            )
        else:
            yield passed(NAME, f"{shown} answers: MLflow {found.server}")
            yield from server_findings(NAME, found.server)

    yield from refusals(NAME, look, "check --mlflow-uri")

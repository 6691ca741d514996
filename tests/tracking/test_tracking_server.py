"""An MLflow server that has ended, while a study is written through it."""

import shutil
import time
from pathlib import Path

import pytest
from mlflow_server import mlflow_server

from msd_ray.common.errors import UserError
from msd_ray.tracking.study import StudyTracker


@pytest.mark.slow
def test_a_server_that_has_ended_is_told_within_seconds(empty_database: Path, tmp_path: Path) -> None:
    shutil.copy(empty_database, tmp_path / "server.db")
    with mlflow_server(tmp_path, tmp_path / "server.db") as (uri, process):
        StudyTracker.open(uri, dataset="d", lang="hi", study="s", parameters={}, tags={}).close()
        process.terminate()
        process.wait(timeout=60)
        start = time.monotonic()
        with pytest.raises(UserError, match="does not work"):
            StudyTracker.open(uri, dataset="d", lang="hi", study="s", parameters={}, tags={})
        assert time.monotonic() - start < 15

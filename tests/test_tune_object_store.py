"""The command with its storage on an S3 server and its trials on Ray Train, and once more from another machine."""

import json
from pathlib import Path

import pytest
from pyarrow import fs
from s3_server import client
from shared_ray import SharedRay
from tune_process import Tune

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.predict.export import DESCRIPTION
from msd_ray.storage.object_store import ObjectStore
from msd_ray.storage.transfer import download_directory

pytestmark = [pytest.mark.slow("a search with Ray Train"), pytest.mark.cluster, pytest.mark.timeout(1800)]


def objects(store: ObjectStore, endpoint: str, below: str) -> set[str]:
    found = client(endpoint).get_file_info(fs.FileSelector(store.path(below), recursive=True, allow_not_found=True))
    return {info.path.removeprefix(store.path("")) for info in found if info.is_file}


def test_a_search_on_an_object_store(
    s3: str,
    s3_endpoint: str,
    tiny_encoder: EncoderFiles,
    ray_cluster: SharedRay,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The cluster's node has a cache of its own, as another machine has."""
    command = [
        *("--lang", "tr", "--dataset", "sample", "--encoder", str(tiny_encoder.directory), "--storage", s3),
        *("--study-storage", f"sqlite:///{tmp_path}/studies.db", "--mlflow-uri", f"sqlite:///{tmp_path}/mlflow.db"),
        *("--space", "paper", "--limit", "8", "--epochs", "1", "--trials", "1", "--seeds", "1", "--frozen-layers", "2"),
        *("--max-length", "24", "--workers", "1", "--max-concurrent", "1", "--precision", "fp32"),
    ]
    with Tune(command, tmp_path / "log", environment=ray_cluster.environment) as first:
        assert first.wait() == 0, first.output
    store = ObjectStore.at(s3)
    model = objects(store, s3_endpoint, "models")
    assert {"models/sample-tr/manifest.json", f"models/sample-tr/{DESCRIPTION}"} <= model
    kinds = {name.partition("/")[0] for name in objects(store, s3_endpoint, "")} - {".probe"}
    assert kinds == {"encoders", "features", "models", "outputs", "results", "students", "teachers", "uses", "words"}
    before = {name: store.modified(name) for name in objects(store, s3_endpoint, "") if name.startswith("students/")}

    monkeypatch.setenv("MSD_RAY_CACHE", str(tmp_path / "another-machine"))
    with Tune(command, tmp_path / "log-again", environment=ray_cluster.environment) as again:
        assert again.wait() == 0, again.output
    assert {name: store.modified(name) for name in before} == before
    assert download_directory(store, "models/sample-tr", tmp_path / "model")
    description = json.loads((tmp_path / "model" / DESCRIPTION).read_text())
    assert (description["dataset"], description["lang"]) == ("sample", "tr")

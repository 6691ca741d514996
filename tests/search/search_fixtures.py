"""Fixtures that the tests of the search share with the chaos suite: small corpora on disk, a complete search."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from small_search import ALL_AT_ONCE, ALL_OPTIONS, MakeSearch, SmallSearch, write_corpora

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.tracking.database import prepare_database
from msd_ray.tracking.uri import default_tracking_uri


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Small products are faster in one thread, and sums have the order of the processes that tests start."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def small_corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """English, Arabic and German in files of the data set `wikiann`."""
    return write_corpora(tmp_path_factory.mktemp("corpora"))


@pytest.fixture(scope="session")
def empty_databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow needs seconds to create a database; copies of an empty one are instant."""
    storage = tmp_path_factory.mktemp("databases")
    prepare_database(default_tracking_uri(storage))
    return storage


@pytest.fixture(scope="session")
def new_search(
    empty_databases: Path, tiny_encoder: EncoderFiles, small_corpora: Path, tmp_path_factory: pytest.TempPathFactory
) -> MakeSearch:
    """Makes a search in a storage of its own."""

    def make(**changes: object) -> SmallSearch:
        storage = tmp_path_factory.mktemp("search") / "storage"
        storage.mkdir()
        shutil.copy(empty_databases / "mlflow.db", storage)
        values = {"root": storage, "encoder": tiny_encoder.directory, "data_dir": small_corpora, **changes}
        return SmallSearch(**values)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def undisturbed(new_search: MakeSearch) -> SmallSearch:
    """A search that ran without faults. Read-only."""
    search = new_search()
    search.run()
    return search


@pytest.fixture(scope="session")
def all_at_once(new_search: MakeSearch) -> SmallSearch:
    """A search with all settings of a student in use. Read-only."""
    search = new_search(space=ALL_AT_ONCE, options=ALL_OPTIONS)
    search.run()
    return search

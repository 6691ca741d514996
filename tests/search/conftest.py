"""Fixtures of the search's tests; those that the chaos suite shares are in `search_fixtures`."""

from pathlib import Path

import pytest
from search_fixtures import all_at_once as all_at_once
from search_fixtures import empty_databases as empty_databases
from search_fixtures import new_search as new_search
from search_fixtures import one_thread as one_thread
from search_fixtures import small_corpora as small_corpora
from search_fixtures import undisturbed as undisturbed
from small_search import RUN, MakePrepared

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.search.plans import Experiment
from msd_ray.search.prepare import Data, Prepared, prepare, read
from msd_ray.storage.layout import Storage


@pytest.fixture
def prepared(tiny_encoder: EncoderFiles, small_corpora: Path, tmp_path: Path) -> MakePrepared:
    """Prepares a language's corpora in the test's own storage."""

    def make(lang: str = "ar", data_dir: Path = small_corpora, storage: Path = tmp_path / "storage") -> Prepared:
        data = Data(dataset="wikiann", lang=lang, directory=data_dir, limit=None, max_length=RUN.max_length)
        return prepare(data, read(data), tiny_encoder, Storage.at(storage))

    return make


@pytest.fixture
def experiment(prepared: MakePrepared) -> Experiment:
    return prepared().experiment

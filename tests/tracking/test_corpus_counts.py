"""Corpus statistics in MLflow: read back as written, newest run per language, studies ignored."""

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from msd_ray.data.bio import EntityCount
from msd_ray.data.catalogue import DATASETS, Split
from msd_ray.data.inventory import SplitCount
from msd_ray.tracking.corpus_counts import record_counts
from msd_ray.tracking.study_reader import StudyReader
from msd_ray.tracking.uri import default_tracking_uri


def counted(lang: str, split: Split, sentences: int | None, sampled_from: int | None = None) -> SplitCount:
    return SplitCount(
        lang=lang,
        split=split,
        expected=DATASETS["mlowner"].counts.get((lang, split)),
        sentences=sentences,
        documents=0 if sentences is None else 3,
        entities=None if sentences is None else EntityCount(begin_b=2 * sentences, begin_i=5),
        sampled_from=sampled_from,
    )


TURKISH = [counted("tr", "train", 15_300), counted("tr", "dev", None), counted("tr", "test", 10_000, 136_935)]
KOREAN = [counted("ko", "train", 15_300), counted("ko", "dev", 800), counted("ko", "test", None)]


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    uri = default_tracking_uri(tmp_path_factory.mktemp("counts"))
    record_counts(uri, "mlowner", [counted("ko", "train", 1), counted("ko", "dev", 2), counted("ko", "test", 3)])
    record_counts(uri, "mlowner", [*TURKISH, *KOREAN])
    return uri


def test_counts_are_read_back_and_the_newest_run_is_used(uri: str) -> None:
    with StudyReader.open(uri) as reader:
        found = reader.counts()
        assert reader.studies() == []
    assert found.keys() == {"mlowner"}
    assert sorted(found["mlowner"], key=lambda count: count.lang) == [*KOREAN, *TURKISH]


def test_studies_have_no_counts(recorded_database: Path) -> None:
    with StudyReader.open(default_tracking_uri(recorded_database.parent)) as reader:
        assert reader.studies()
        assert reader.counts() == {}


def test_the_numbers_are_mlflows(uri: str) -> None:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("msd-mlowner-corpus")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id], "tags.lang = 'tr'")
    client.log_metric(run.info.run_id, "train/sentences", 17, step=1)
    with StudyReader.open(uri) as reader:
        (train,) = (c for c in reader.counts()["mlowner"] if (c.lang, c.split) == ("tr", "train"))
    client.log_metric(run.info.run_id, "train/sentences", 15_300, step=2)
    assert (train.sentences, train.verdict) == (17, "MISMATCH")

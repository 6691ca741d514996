"""`msd_ray.storage` and `msd_ray.predict` with an object store."""

import io
import json
from pathlib import Path

import pytest
from pyarrow import fs
from s3_server import BUCKET, Front, client
from small_search import data, write_corpora
from students import exported

from msd_ray.common.errors import UserError
from msd_ray.common.manifest import digests_of
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.predict import __main__ as predict
from msd_ray.report import __main__ as report
from msd_ray.search.prepare import prepare, read
from msd_ray.storage.__main__ import main
from msd_ray.storage.layout import Storage
from msd_ray.storage.transfer import upload_files
from msd_ray.storage.uses import _mark
from msd_ray.tracking.study import StudyTracker
from msd_ray.tracking.uri import default_tracking_uri


@pytest.fixture(autouse=True)
def _new_process() -> None:
    """Each process records a use once."""
    _mark.cache_clear()


def test_an_object_store(
    s3: str, s3_endpoint: str, tiny_encoder: EncoderFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpora = write_corpora(tmp_path / "corpora", langs=("en", "ar"))
    where, storage = data(corpora), Storage.at(s3)
    prepare(where, read(where), tiny_encoder, storage, study="mine")
    uri = default_tracking_uri(tmp_path)
    tracker = StudyTracker.open(uri, dataset="wikiann", lang="ar", study="mine", parameters={}, tags={})
    arguments = ["--storage", s3, "--mlflow-uri", uri]
    assert main(["list", *arguments, "--json"]) == 0
    listing = json.loads(capsys.readouterr().out)
    assert listing["studies"] == {"mine": "open"}
    tracker.close("COMPLETE")
    assert main(["list", *arguments, "--json"]) == 0
    listing = json.loads(capsys.readouterr().out)
    assert listing["studies"] == {"mine": "finished"}
    features = [one for one in listing["artifacts"] if one["name"].startswith("features/")]
    assert len(features) == 3  # both training texts, and the dev set that scores trials and final runs
    assert {one["retained"] for one in features} == {"used within the last hour"}
    assert all(one["bytes"] > 0 for one in features)
    # The store's clock cannot be changed here, so the limit of the last hour is.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("msd_ray.storage.garbage_collection.RECENT_S", 0.0)
        assert main(["gc", *arguments, "--delete"]) == 0
    assert "removed features/" in capsys.readouterr().out
    selector = fs.FileSelector(storage.store.path("features"), recursive=True, allow_not_found=True)  # type: ignore[union-attr]
    assert [info for info in client(s3_endpoint).get_file_info(selector) if info.is_file] == []
    assert not list((storage.root / "features").glob("[!.]*/manifest.json"))
    prepare(where, read(where), tiny_encoder, storage)
    assert len([info for info in client(s3_endpoint).get_file_info(selector) if info.is_file]) > 4


def test_a_missing_bucket_is_not_an_empty_one(s3: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the bucket no-such-bucket does not exist; check the bucket's name"):
        main(["--storage", "s3://no-such-bucket/runs", "--mlflow-uri", default_tracking_uri(tmp_path)])


@pytest.mark.parametrize("fault", ["no server", "denied"])
def test_an_unusable_store(
    fault: str, s3: str, s3_front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == "denied":
        s3_front.answer(always=403)
    else:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=f"the storage {s3} on the server 127.0.0.1.* cannot be used: "):
        main(["--storage", s3, "--mlflow-uri", default_tracking_uri(tmp_path)])


def test_the_driver_records_the_use_of_what_it_uploads(
    s3: str, tiny_encoder: EncoderFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The use of an encoder is recorded when it is uploaded, whether or not a worker downloads it."""
    corpora = write_corpora(tmp_path / "corpora", langs=("en", "ar"))
    prepare(data(corpora), read(data(corpora)), tiny_encoder, Storage.at(s3), study="mine")
    StudyTracker.open(default_tracking_uri(tmp_path), dataset="d", lang="ar", study="mine", parameters={}, tags={})
    assert main(["--storage", s3, "--mlflow-uri", default_tracking_uri(tmp_path), "--json"]) == 0
    artifacts = json.loads(capsys.readouterr().out)["artifacts"]
    assert {one["name"].partition("/")[0] for one in artifacts} == {"features", "encoders"}
    assert {one["retained"] for one in artifacts} == {"used by mine (open)"}


def tagged(model: str, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"Angela Merkel in Paris\n"))))
    assert predict.main(["--model", model, "--device", "cpu"]) == 0
    return capsysbinary.readouterr().out


def test_predict_reads_the_exported_student(
    s3: str,
    s3_endpoint: str,
    tiny_encoder: EncoderFiles,
    tmp_path: Path,
    capsysbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    storage = Storage.at(s3)
    assert storage.store is not None
    directory = tmp_path / "student"
    exported(tiny_encoder, directory)
    upload_files(storage.store, "models/mine", directory, digests_of(directory))
    assert tagged(f"{s3}/models/mine", capsysbinary, monkeypatch) == tagged(str(directory), capsysbinary, monkeypatch)

    with pytest.raises(UserError, match="models/other: there is no exported student"):
        predict.main(["--model", f"{s3}/models/other"])
    with pytest.raises(UserError, match=f"s3://{BUCKET}: is a bucket"):
        predict.main(["--model", f"s3://{BUCKET}"])
    with pytest.raises(UserError, match="--model ftp://host/runs: invalid location"):
        predict.main(["--model", "ftp://host/runs"])
    with client(s3_endpoint).open_output_stream(storage.store.path("models/mine/model.safetensors")) as stream:
        stream.write(b"another")
    with pytest.raises(UserError, match=r"models/mine/model\.safetensors is damaged \(it differs from its digest"):
        predict.main(["--model", f"{s3}/models/mine"])


def test_a_report_requires_an_mlflow_uri(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSD_RAY_STORAGE", s3)
    with pytest.raises(UserError, match=f"the storage {s3} cannot hold a database; give --mlflow-uri"):
        report.main(["--lang", "ar"])

"""Objects on a real S3 server: round trips, retries, and errors of an unusable server."""

import pickle
import time
from pathlib import Path

import pytest
from pyarrow import fs
from s3_server import CREDENTIALS, Front

from msd_ray.common.errors import UserError
from msd_ray.storage.layout import Storage
from msd_ray.storage.object_store import ATTEMPTS, ObjectStore, StoreError


def test_objects_are_written_read_and_deleted(s3: str, tmp_path: Path) -> None:
    store = ObjectStore.at(s3)
    store.check()
    assert store.read("teachers/key/record.json") is None
    assert store.modified("teachers/key/record.json") is None
    store.write("teachers/key/record.json", b"{}")
    assert store.read("teachers/key/record.json") == b"{}"
    (tmp_path / "weights").write_bytes(bytes(range(256)) * 40_000)  # several chunks, and several parts
    store.upload(tmp_path / "weights", "teachers/key/weights")
    assert store.download("teachers/key/weights", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "weights").read_bytes()
    assert not store.download("teachers/key/other", tmp_path / "other")
    assert not (tmp_path / "other").exists()
    written = store.modified("teachers/key/weights")
    assert written is not None
    assert abs(written - time.time()) < 600
    store.delete("teachers/key/weights")
    store.delete("teachers/key/weights")
    assert store.read("teachers/key/weights") is None


def test_a_pickled_store_has_no_credentials(s3: str) -> None:
    store = ObjectStore.at(f"{s3}/")
    assert store.uri == s3
    travelled = pickle.dumps((store, store.filesystem))
    assert not any(value.encode() in travelled for value in (CREDENTIALS["AWS_SECRET_ACCESS_KEY"], "tester"))
    assert pickle.loads(travelled)[0] == store


def test_a_node_uses_its_own_endpoint_or_the_drivers(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ObjectStore.at(s3)
    store.write("a", b"1")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert store.read("a") == b"1"
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:9 cannot be used"):
        ObjectStore(uri=s3, endpoint=store.endpoint, attempts=1).read("a")


def test_local_copies_are_in_the_cache(s3: str, tmp_path: Path) -> None:
    storage = Storage.at(s3)
    assert storage.place == s3
    assert storage.root.is_relative_to(tmp_path / "cache" / "storage")
    assert Storage.at(f"{s3}/other").root != storage.root
    assert storage.name(storage.teacher("key")) == "teachers/key"
    storage.create()
    assert storage.root.is_dir()


def test_failed_requests_are_retried(s3: str, s3_front: Front) -> None:
    store = ObjectStore.at(s3)
    s3_front.answer(500, 503, 500)
    store.write("a", b"1")
    s3_front.answer(503, 500, 502)
    assert store.read("a") == b"1"
    assert s3_front.answered == 6
    assert s3_front.waiting == 0


def test_the_number_of_attempts_is_limited(s3: str, s3_front: Front) -> None:
    store = ObjectStore(uri=s3, attempts=3)
    s3_front.answer(always=500)
    with pytest.raises(StoreError, match=r"HTTP status 500.*run the same command again"):
        store.read("a")
    assert s3_front.answered == 3
    assert ATTEMPTS > 3


def test_denied_requests_are_not_retried(s3: str, s3_front: Front) -> None:
    s3_front.answer(always=403)
    with pytest.raises(UserError, match=r"ACCESS_DENIED.*check the bucket's name, the credentials and the endpoint"):
        Storage.at(s3).create()
    assert s3_front.answered == 1


def test_a_missing_bucket(s3: str) -> None:
    with pytest.raises(UserError, match="NO_SUCH_BUCKET"):
        Storage.at("s3://no-such-bucket/runs").create()


def test_google_cloud_storage() -> None:
    store = ObjectStore.at("gs://bucket/runs/")
    assert (store.uri, store.endpoint) == ("gs://bucket/runs", None)
    assert isinstance(store.filesystem, fs.GcsFileSystem)

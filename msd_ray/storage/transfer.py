"""Transfers between a node's disk and an object store: directories with a manifest, and trainings.

An incomplete or damaged artifact is never used: the completion marker, which has the digests of the other files, is
uploaded last, and downloads are verified before they are moved into place. Locks are local to a node, so two nodes may
create and upload the same artifact at once; this costs time only, because the key determines the content.
"""

import shutil
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from msd_ray.common.errors import UserError
from msd_ray.common.files import new_directory, new_file
from msd_ray.common.manifest import (
    MANIFEST,
    DamagedError,
    FileDigest,
    manifest_text,
    parse_manifest,
    read_manifest,
    verify_file,
)
from msd_ray.method.checkpoints import RECORD, TrainingRecord, parse_record

from .object_store import ObjectStore

DESCRIPTION = "settings.json"


def download_directory(store: ObjectStore, name: str, path: Path) -> bool:
    """Download a directory with a manifest.

    Returns:
        False if the object store does not have it.

    Raises:
        DamagedError: a file is missing or damaged. Nothing is left at `path`.
    """
    where = f"{store.uri}/{name}/{MANIFEST}"
    manifest = store.read(f"{name}/{MANIFEST}")
    if manifest is None:
        return False
    files = parse_manifest(manifest, where)
    with new_directory(path) as scratch:
        for file, digest in files.items():
            _download_file(store, f"{name}/{file}", scratch / file, digest)
        (scratch / MANIFEST).write_bytes(manifest)
    return True


def upload_directory(store: ObjectStore, name: str, path: Path) -> None:
    """Upload a directory with a manifest, unless the object store has it."""
    upload_files(store, name, path, read_manifest(path))


def upload_files(store: ObjectStore, name: str, path: Path, files: Mapping[str, FileDigest]) -> None:
    """Upload these files of a directory and their manifest, unless the object store has them.

    A previous manifest is deleted first, so a partly replaced directory is never used.

    Raises:
        DamagedError: a file differs from its digest.
    """
    manifest = manifest_text(files)
    before = store.read(f"{name}/{MANIFEST}")
    if before == manifest:
        return
    if before is not None:
        store.delete(f"{name}/{MANIFEST}")
    for file, digest in files.items():
        _upload_file(store, path / file, f"{name}/{file}", digest)
    store.write(f"{name}/{MANIFEST}", manifest)


def download_training(store: ObjectStore, name: str, path: Path, *, local: tuple[int, int]) -> bool:
    """Download a training if the object store has more of it than this node.

    Args:
        store: the object store.
        name: of the training in it.
        path: its directory on this node.
        local: progress of the training on this node (`TrainingRecord.progress`).

    Returns:
        Whether it was downloaded.

    Raises:
        DamagedError: a file is missing or damaged. The local files are unchanged.
    """
    text = store.read(f"{name}/{RECORD}")
    if text is None:
        return False
    record, files = parse_record(text, f"{store.uri}/{name}/{RECORD}")
    if record.progress <= local:
        return False
    scratch = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        for file, digest in files.items():
            _download_file(store, f"{name}/{file}", scratch / file, digest)
        with suppress(FileNotFoundError):
            (path / RECORD).unlink()  # its files are replaced now
        for file in files:
            (path / file).parent.mkdir(parents=True, exist_ok=True)
            (scratch / file).replace(path / file)
        with new_file(path / RECORD) as whole:
            whole.write_bytes(text)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return True


def upload_training(store: ObjectStore, name: str, path: Path) -> None:
    """Upload what is committed, unless the object store has as much; then delete objects that are not needed.

    Raises:
        DamagedError: a file differs from its digest.
    """
    try:
        text = (path / RECORD).read_bytes()
    except FileNotFoundError:
        return
    record, files = parse_record(text, str(path / RECORD))
    uploaded, old = _uploaded(store, name)
    if uploaded.progress >= record.progress:
        return
    for file, digest in files.items():
        if old.get(file) != digest:
            _upload_file(store, path / file, f"{name}/{file}", digest)
    if not uploaded.last and (path / DESCRIPTION).exists():
        store.upload(path / DESCRIPTION, f"{name}/{DESCRIPTION}")
    store.write(f"{name}/{RECORD}", text)
    for file in old.keys() - files.keys():
        store.delete(f"{name}/{file}")


def _uploaded(store: ObjectStore, name: str) -> tuple[TrainingRecord, dict[str, FileDigest]]:
    """The record in the object store; empty if it is missing or damaged."""
    text = store.read(f"{name}/{RECORD}")
    if text is None:
        return TrainingRecord(), {}
    try:
        return parse_record(text, name)
    except DamagedError:
        return TrainingRecord(), {}


def _download_file(store: ObjectStore, name: str, path: Path, digest: FileDigest) -> None:
    if not store.download(name, path):
        raise DamagedError(f"{store.uri}/{name} is missing")
    try:
        verify_file(path, digest)
    except DamagedError as error:
        raise DamagedError(f"{store.uri}/{name} is damaged (it differs from its digest)") from error


def _upload_file(store: ObjectStore, path: Path, name: str, digest: FileDigest) -> None:
    verify_file(path, digest)
    if store.upload(path, name) != digest.sha256:
        raise DamagedError(f"{path} changed during its upload to {store.uri}")


@contextmanager
def downloaded_model(uri: str) -> Iterator[Path]:
    """Download an exported student to a temporary directory, removed on exit.

    The files are verified against the manifest; `load_student` checks that they are a student.

    Raises:
        UserError: the URI is invalid, or the directory is missing or damaged.
        StoreError: the object store is unusable.
    """
    place, _, name = ObjectStore.at(uri, option="--model").uri.rpartition("/")
    if place.endswith("/"):
        raise UserError(f"--model {uri}: is a bucket. Give the directory of a student, {uri}/PREFIX/models/STUDY.")
    store = ObjectStore.at(place)
    store.check_bucket()
    with tempfile.TemporaryDirectory(prefix="msd_ray-") as scratch:
        directory = Path(scratch) / name
        try:
            found = download_directory(store, name, directory)
        except DamagedError as error:
            raise UserError(f"--model {uri}: {error}. Run the command that exported it again.") from error
        if not found:
            raise UserError(f"--model {uri}: there is no exported student. Give s3://BUCKET/PREFIX/models/STUDY.")
        yield directory

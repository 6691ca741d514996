"""Between a node's own disk and an object store: directories with a manifest, and trainings.

Nothing is taken for whole that is not: files are sent first and what names them, with their digests, last; what comes
is compared before it is put in place. Two nodes may make and send the same thing at once, for locks are a node's own:
that costs time and harms nothing, because a thing's key decides its content.
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


def fetch_directory(store: ObjectStore, name: str, path: Path) -> bool:
    """Bring a directory here; False if the store has none. Raises DamagedError, and leaves nothing then."""
    where = f"{store.uri}/{name}/{MANIFEST}"
    manifest = store.read(f"{name}/{MANIFEST}")
    if manifest is None:
        return False
    files = parse_manifest(manifest, where)
    with new_directory(path) as scratch:
        for file, digest in files.items():
            _fetch_file(store, f"{name}/{file}", scratch / file, digest)
        (scratch / MANIFEST).write_bytes(manifest)
    return True


def publish_directory(store: ObjectStore, name: str, path: Path) -> None:
    """Send a directory with a manifest unless the store has it."""
    publish_files(store, name, path, read_manifest(path))


def publish_files(store: ObjectStore, name: str, path: Path, files: Mapping[str, FileDigest]) -> None:
    """Send these files of a directory, and their manifest, unless the store has them.

    What was under the name before is no thing any more from the first file on. Raises DamagedError.
    """
    manifest = manifest_text(files)
    before = store.read(f"{name}/{MANIFEST}")
    if before == manifest:
        return
    if before is not None:
        store.delete(f"{name}/{MANIFEST}")
    for file, digest in files.items():
        _send_file(store, path / file, f"{name}/{file}", digest)
    store.write(f"{name}/{MANIFEST}", manifest)


def fetch_training(store: ObjectStore, name: str, path: Path, *, have: int) -> bool:
    """Bring a training's epochs here if the store has more than `have` of them; False if not.

    Raises DamagedError, and leaves what was there before.
    """
    text = store.read(f"{name}/{RECORD}")
    if text is None:
        return False
    record, files = parse_record(text, f"{store.uri}/{name}/{RECORD}")
    if record.last <= have:
        return False
    scratch = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        for file, digest in files.items():
            _fetch_file(store, f"{name}/{file}", scratch / file, digest)
        with suppress(FileNotFoundError):
            (path / RECORD).unlink()  # what it names is replaced now
        for file in files:
            (path / file).parent.mkdir(parents=True, exist_ok=True)
            (scratch / file).replace(path / file)
        with new_file(path / RECORD) as whole:
            whole.write_bytes(text)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return True


def publish_training(store: ObjectStore, name: str, path: Path) -> None:
    """Send what has been committed, unless the store has as many epochs; what no longer counts is deleted after.

    Raises DamagedError.
    """
    try:
        text = (path / RECORD).read_bytes()
    except FileNotFoundError:
        return
    record, files = parse_record(text, str(path / RECORD))
    there, old = _published(store, name)
    if there.last >= record.last:
        return
    for file, digest in files.items():
        if old.get(file) != digest:
            _send_file(store, path / file, f"{name}/{file}", digest)
    if not there.last and (path / DESCRIPTION).exists():
        store.upload(path / DESCRIPTION, f"{name}/{DESCRIPTION}")
    store.write(f"{name}/{RECORD}", text)
    for file in old.keys() - files.keys():
        store.delete(f"{name}/{file}")


def _published(store: ObjectStore, name: str) -> tuple[TrainingRecord, dict[str, FileDigest]]:
    """What the store says that it has; nothing, if that cannot be read."""
    text = store.read(f"{name}/{RECORD}")
    if text is None:
        return TrainingRecord(), {}
    try:
        return parse_record(text, name)
    except DamagedError:
        return TrainingRecord(), {}


def _fetch_file(store: ObjectStore, name: str, path: Path, digest: FileDigest) -> None:
    if not store.download(name, path):
        raise DamagedError(f"{store.uri}/{name} is missing")
    try:
        verify_file(path, digest)
    except DamagedError as error:
        raise DamagedError(f"{store.uri}/{name} is damaged: it is not what was sent") from error


def _send_file(store: ObjectStore, path: Path, name: str, digest: FileDigest) -> None:
    verify_file(path, digest)
    if store.upload(path, name) != digest.sha256:
        raise DamagedError(f"{path} changed while it was sent to {store.uri}")


@contextmanager
def fetched_model(uri: str) -> Iterator[Path]:
    """The directory, with its manifest; there as long as the context.

    Every file is compared with what was sent; whether it is a student is for `load_student` to say. Raises UserError
    for what is no URI, where nothing whole is there, and for a store that cannot be used.
    """
    place, _, name = ObjectStore.at(uri, option="--model").uri.rpartition("/")
    if place.endswith("/"):
        raise UserError(f"--model {uri}: this is a bucket; give the student in it, {uri}/PREFIX/models/STUDY")
    store = ObjectStore.at(place)
    store.look()
    with tempfile.TemporaryDirectory(prefix="msd_ray-") as scratch:
        directory = Path(scratch) / name
        try:
            found = fetch_directory(store, name, directory)
        except DamagedError as error:
            raise UserError(f"--model {uri}: {error}; send it again with the command that made it") from error
        if not found:
            raise UserError(f"--model {uri}: there is no exported student; give s3://BUCKET/PREFIX/models/STUDY")
        yield directory

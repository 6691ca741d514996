"""An exported student on an object store, `s3://BUCKET/PREFIX/models/STUDY`, as a directory."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError
from ..manifest import DamagedError
from .copies import fetch_directory
from .object_store import ObjectStore


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

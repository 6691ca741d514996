"""ObjectStore: whole objects below a prefix of a bucket (`s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`).

Every node finds credentials as the provider's SDK does (environment, profile, the machine's role). The endpoint of an
S3-compatible server comes from AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, of the node or else of the driver. Failed
requests (5xx, lost connection, "slow down") are retried with exponential backoff for about a minute; denied requests
and missing objects are not retried.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from pyarrow import fs

from msd_ray.common.errors import UserError
from msd_ray.common.files import new_file

SCHEMES = ("s3", "gs")
ATTEMPTS = 7
"""Attempts per request, with random delays of at most 1, 2, 4, ... 20 s between them."""
FIRST_ATTEMPTS = 2
"""Attempts when a command starts, so that a wrong address is reported within seconds."""
CONNECT_S, REQUEST_S = 5.0, 60.0
GOOGLE_RETRY_S = {ATTEMPTS: 60, FIRST_ATTEMPTS: 5}
CHUNK = 1 << 22


class StoreError(UserError):
    """The object store is unusable."""


@dataclass(frozen=True, kw_only=True)
class ObjectStore:
    """A prefix of a bucket.

    Attributes:
        uri: without credentials and trailing slash.
        endpoint: URL of the driver's server; None for the provider's own servers.
        attempts: attempts per request, a key of GOOGLE_RETRY_S for `gs://`.
    """

    uri: str
    endpoint: str | None = None
    attempts: int = ATTEMPTS

    @classmethod
    def at(cls, uri: str, *, option: str = "--storage") -> "ObjectStore":
        """Parse a URI; sends no request. Raises UserError, naming the option, if it is invalid."""
        scheme, _, rest = uri.partition("://")
        if any(sign in rest for sign in "@?#"):  # the message omits it: it may contain a secret
            raise UserError(
                f"{option} {scheme}://...: credentials and settings belong in the environment (AWS_ACCESS_KEY_ID, "
                f"AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL), not in the URI; use {scheme}://BUCKET/PREFIX"
            )
        bucket, *parts = rest.rstrip("/").split("/")
        plain = all(re.fullmatch(r"[A-Za-z0-9_.=-]+", part) and part not in (".", "..") for part in parts)
        if scheme not in SCHEMES or not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]", bucket) or not plain:
            raise UserError(
                f"{option} {uri}: invalid location; use a directory, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX "
                "(bucket: lower-case letters, digits, dots and dashes; prefix: letters, digits, dots, dashes, "
                "underscores, and slashes between them)"
            )
        return cls(uri=f"{scheme}://{'/'.join([bucket, *parts])}", endpoint=_endpoint(scheme))

    @property
    def filesystem(self) -> fs.FileSystem:
        """The file system for pyarrow and Ray; its pickle contains no credentials. Raises OSError."""
        scheme, _, place = self.uri.partition("://")
        return _filesystem(scheme, place.partition("/")[0], _endpoint(scheme) or self.endpoint, self.attempts)

    def path(self, name: str) -> str:
        """Path of an object in the file system: `BUCKET/PREFIX/NAME`."""
        return f"{self.uri.partition('://')[2]}/{name}"

    def check(self) -> None:
        """Check within seconds that objects can be written. Raises StoreError."""
        replace(self, attempts=FIRST_ATTEMPTS).write(".probe", b"written by msd_ray to see that it can\n")

    def check_bucket(self) -> None:
        """Check within seconds, without writing, that the bucket exists. Raises StoreError."""
        quick, bucket = replace(self, attempts=FIRST_ATTEMPTS), self.path("").partition("/")[0]
        with self._errors():
            if quick.filesystem.get_file_info(bucket).type == fs.FileType.NotFound:
                raise FileNotFoundError(f"the bucket {bucket} does not exist")

    def read(self, name: str) -> bytes | None:
        """Read an object; None if it does not exist. Raises StoreError."""
        with self._errors():
            try:
                with self.filesystem.open_input_stream(self.path(name)) as stream:
                    content: bytes = stream.read()
            except FileNotFoundError:
                return None
        return content

    def download(self, name: str, path: Path) -> bool:
        """Download an object to a file, atomically. Returns False if it does not exist. Raises StoreError, OSError."""
        with self._errors():
            try:
                stream = self.filesystem.open_input_stream(self.path(name))
            except FileNotFoundError:
                return False
        with stream, new_file(path) as scratch, scratch.open("wb") as file:
            while chunk := self._chunk(stream):
                file.write(chunk)
        return True

    def write(self, name: str, content: bytes) -> None:
        """Write an object. Raises StoreError."""
        with self._errors(), self.filesystem.open_output_stream(self.path(name)) as stream:
            stream.write(content)

    def upload(self, path: Path, name: str) -> str:
        """Upload a file. Returns the SHA-256 of the uploaded bytes. Raises StoreError, and OSError for the file."""
        digest = hashlib.sha256()
        with path.open("rb") as file, self._errors(), self.filesystem.open_output_stream(self.path(name)) as stream:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                stream.write(chunk)
        return digest.hexdigest()

    def delete(self, name: str) -> None:
        """Delete an object if it exists. Raises StoreError."""
        with self._errors(), suppress(FileNotFoundError):
            self.filesystem.delete_file(self.path(name))

    def modified(self, name: str) -> float | None:
        """Modification time by the store's clock, in Unix seconds; None if it does not exist. Raises StoreError."""
        with self._errors():
            written: float | None = self.filesystem.get_file_info(self.path(name)).mtime_ns
        return None if written is None else written / 1e9

    def _chunk(self, stream: object) -> bytes:
        with self._errors():
            chunk: bytes = stream.read(CHUNK)  # type: ignore[attr-defined]
        return chunk

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Convert an OSError of pyarrow to a StoreError."""
        try:
            yield
        except OSError as error:
            endpoint = _endpoint(self.uri.partition("://")[0]) or self.endpoint
            at = f"the server {_shown(endpoint)}" if endpoint else "the provider's own servers"
            raise StoreError(
                f"the storage {self.uri} on {at} cannot be used: {_first_line(error)}; check the bucket's name, the "
                "credentials and the endpoint in the environment, then run the same command again"
            ) from error


@lru_cache(maxsize=8)
def _filesystem(scheme: str, bucket: str, endpoint: str | None, attempts: int) -> fs.FileSystem:
    if scheme == "gs":
        return fs.GcsFileSystem(retry_time_limit=timedelta(seconds=GOOGLE_RETRY_S[attempts]))
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region is None and endpoint is None:
        region = fs.resolve_s3_region(bucket)
    return fs.S3FileSystem(
        endpoint_override=endpoint,
        region=region or "us-east-1",  # other servers have no regions, but the signature needs a name
        connect_timeout=CONNECT_S,
        request_timeout=REQUEST_S,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=attempts),
        allow_delayed_open=True,  # one request per small object
    )


def _endpoint(scheme: str) -> str | None:
    if scheme != "s3":
        return None
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None


def _shown(endpoint: str) -> str:
    """The endpoint without user and password."""
    return urlsplit(endpoint).netloc.rpartition("@")[2] or "of AWS_ENDPOINT_URL"


def _first_line(error: OSError) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

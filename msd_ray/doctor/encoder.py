"""The encoder's files: there, whole, and fit for the search."""

from collections.abc import Callable, Iterator

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.sources import resolve
from msd_ray.data.encoders.token_classification import check_encoder

from .finding import Finding, passed, refusals

NAME = "encoder"


def encoder_findings(
    name: str, *, frozen_layers: int, max_length: int, found: Callable[[EncoderFiles], None]
) -> Iterator[Finding]:
    """Whether the encoder loads, weights included; one of the hub is fetched if it is not in the cache.

    found: is told the encoder's files once they are known.
    """

    def look() -> Iterator[Finding]:
        files = resolve(name)
        check_encoder(files, frozen_layers=frozen_layers, max_length=max_length)
        found(files)
        yield passed(NAME, f"{name} in {files.directory}, content {files.digest[:12]}")

    yield from refusals(NAME, look, "name another --encoder")

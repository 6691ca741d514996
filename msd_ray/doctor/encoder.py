"""Check that the encoder's files exist, are complete and fit the search."""

from collections.abc import Callable, Iterator

from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.sources import resolve
from msd_ray.data.encoders.token_classification import check_encoder

from .finding import Finding, passed, refusals

NAME = "encoder"


def encoder_findings(
    name: str, *, frozen_layers: int, max_length: int, found: Callable[[EncoderFiles], None]
) -> Iterator[Finding]:
    """Load the encoder, weights included; one from the hub is downloaded if it is not in the cache.

    found: called with the encoder's files.
    """

    def look() -> Iterator[Finding]:
        files = resolve(name)
        check_encoder(files, frozen_layers=frozen_layers, max_length=max_length)
        found(files)
        yield passed(NAME, f"{name} in {files.directory}, content {files.digest[:12]}")

    yield from refusals(NAME, look, "give another --encoder")

"""Packages that describe a provider's parameters: the extra `clusters`."""

from collections.abc import Iterator
from contextlib import contextmanager

from msd_ray.common.errors import UserError


@contextmanager
def needs(package: str) -> Iterator[None]:
    """Turn an import that fails into a UserError that says what to install."""
    try:
        yield
    except ImportError as error:
        raise UserError(
            f"this file cannot be checked without {package} ({error}): pip install 'msd-ray[clusters]'"
        ) from error

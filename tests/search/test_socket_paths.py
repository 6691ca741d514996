"""The longest directory for temporary files that a local Ray can use, by our check and by Ray's own."""

import os
from datetime import datetime

import pytest
from ray._common.utils import get_default_ray_temp_dir
from ray._private.utils import validate_socket_filepath

from msd_ray.common.errors import UserError
from msd_ray.search.on_ray.cluster import check_socket_paths


def refused_by_ray() -> bool:
    session = f"session_{datetime.now():%Y-%m-%d_%H-%M-%S_%f}_1234567"  # as in ray._private.node.Node
    try:
        temporary = get_default_ray_temp_dir()  # type: ignore[no-untyped-call]
        validate_socket_filepath(os.path.join(temporary, session, "sockets", "plasma_store"))  # noqa: PTH118
    except OSError:
        return True
    return False


def refused_here() -> bool:
    try:
        check_socket_paths()
    except UserError:
        return True
    return False


@pytest.mark.parametrize("variable", ["TMPDIR", "RAY_TMPDIR"])
def test_the_limit_is_rays(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for length in range(20, 80):
        for character in ("x", "é"):  # bytes count
            monkeypatch.setenv(variable, "/" + character * length)
            found.add(refused_here())
            assert refused_here() == refused_by_ray(), length
    assert found == {True, False}

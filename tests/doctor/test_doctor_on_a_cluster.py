"""The doctor on a real cluster of two nodes: their lines, its token, and one that asks for none."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from msd_ray.data.encoders.files import EncoderFiles

pytestmark = [pytest.mark.slow("joins clusters of its own"), pytest.mark.cluster, pytest.mark.timeout(3600)]
TESTS = Path(__file__).parents[1]
TOKEN = "a-token-of-the-tests-and-of-nobody-else"


@contextmanager
def ray_nodes(nodes: int, environment: dict[str, str], short: Path) -> Iterator[str]:
    """The address of a cluster that ends with the block."""
    program = [sys.executable, str(TESTS / "ray_nodes.py"), str(short), str(nodes)]
    with (
        (short / "errors").open("w") as errors,
        subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            address = process.stdout.readline().strip()
            assert address, (short / "errors").read_text()
            yield address
        finally:
            process.stdin.close()
            process.wait(timeout=120)


@pytest.fixture
def short() -> Iterator[Path]:
    """Ray's sockets lie in its directory, and their paths are short or not at all."""
    with tempfile.TemporaryDirectory(prefix="d-", dir="/tmp", ignore_cleanup_errors=True) as directory:
        yield Path(directory)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "token").write_text(TOKEN)
    own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return {
        **own,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(tmp_path / "token"),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(TESTS.parent),
    }


def run_doctor(arguments: list[str], environment: dict[str, str]) -> tuple[int, str]:
    command = [sys.executable, "-m", "msd_ray.doctor", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=1500)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.fixture
def arguments(tiny_encoder: EncoderFiles, tmp_path: Path) -> list[str]:
    return [
        *("--lang", "tr", "--dataset", "sample", "--encoder", str(tiny_encoder.directory), "--frozen-layers", "2"),
        *("--limit", "8", "--epochs", "1", "--trials", "1", "--seeds", "1", "--storage", str(tmp_path / "runs")),
    ]


def test_two_nodes_with_a_token(arguments: list[str], environment: dict[str, str], short: Path, tmp_path: Path) -> None:
    with ray_nodes(2, environment, short) as address:
        joining = {**environment, "RAY_ADDRESS": address}
        code, out = run_doctor(arguments, joining)
        assert code == 0, out
        lines = [" ".join(line.split()) for line in out.splitlines()]
        assert "pass cluster joined: 2 nodes are alive" in lines
        assert "pass cluster it refuses a request without a token" in lines
        (resources,) = (line for line in lines if line.startswith("pass resources"))
        assert "the cluster has 2 CPUs, 0 GPUs; a trial asks for 1 x (1 CPUs, 0 GPUs): 2 at once" in resources
        for part in ("clock 0.", "the driver's releases", "written here and read there", "the encoder is there"):
            assert len([line for line in lines if line.startswith("pass node ") and part in line]) == 2, (part, out)
        names = {line.split()[3] for line in lines if line.startswith("pass node ")}
        assert len(names) == 2, "one for each node"
        assert list(tmp_path.glob("runs*")) == [], "what was written to see whether nodes share it is gone"

        code, out = run_doctor([*arguments, "--cpus-per-trial", "2"], joining)
        assert code == 1
        assert "a trial asks for 1 x (2 CPUs, 0 GPUs): 0 at once" in out

        code, out = run_doctor(arguments, {**joining, "RAY_AUTH_TOKEN": "another"})
        assert code == 1
        assert "it refuses the token that is used here (RAY_AUTH_TOKEN)" in out
        code, out = run_doctor(arguments, {**joining, "RAY_AUTH_MODE": "disabled"})
        assert code == 1
        assert "it asks for a token, and none is sent (RAY_AUTH_MODE is not token)" in out


def test_a_cluster_that_asks_for_no_token(arguments: list[str], environment: dict[str, str], short: Path) -> None:
    with ray_nodes(1, {**environment, "RAY_AUTH_MODE": "disabled"}, short) as address:
        code, out = run_doctor(arguments, {**environment, "RAY_ADDRESS": address})
    assert code == 0, out
    assert "it answers without a token: whoever reaches its ports runs code on it" in out


def test_a_cluster_that_is_not_there(arguments: list[str], environment: dict[str, str]) -> None:
    code, out = run_doctor(arguments, {**environment, "RAY_ADDRESS": "127.0.0.1:9"})
    assert code == 1
    assert "no cluster answers at RAY_ADDRESS=127.0.0.1:9" in out

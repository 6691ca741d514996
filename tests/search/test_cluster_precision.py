"""Precision `auto` on a cluster: determined by its GPU nodes, not by the head, which has no GPU."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from msd_ray.common.errors import UserError
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.search.on_ray.precision import slowest

TESTS = Path(__file__).parents[1]


def test_nodes_of_one_kind_use_their_precision() -> None:
    assert slowest([("10.0.0.3", "bf16"), ("10.0.0.2", "bf16")]) == ("bf16", "bf16 on 10.0.0.2, 10.0.0.3")


def test_mixed_nodes_use_the_slowest_ones_precision() -> None:
    answers = slowest([("10.0.0.2", "bf16"), ("10.0.0.3", "fp32"), ("10.0.0.4", "bf16")])
    assert answers == ("fp32", "bf16 on 10.0.0.2, 10.0.0.4, fp32 on 10.0.0.3")


def test_a_cluster_without_gpus_asks_for_the_option() -> None:
    with pytest.raises(UserError, match=r"no node with GPUs yet.* Give --precision bf16 .* or --precision fp32"):
        slowest([])


@pytest.mark.slow("joins a cluster of its own, of two nodes")
@pytest.mark.cluster
@pytest.mark.timeout(1800)
def test_tune_asks_the_gpu_nodes(tiny_encoder: EncoderFiles, tmp_path: Path) -> None:
    """Nodes with the resource GPU but no card, which are not fast with bf16; the head has none of either."""
    (tmp_path / "token").write_text("a-token-of-the-tests-and-of-nobody-else")
    own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment = {
        **own,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(tmp_path / "token"),
        "PYTHONPATH": str(TESTS.parent),
    }
    arguments = [
        *("--lang", "tr", "--dataset", "sample", "--encoder", str(tiny_encoder.directory), "--frozen-layers", "2"),
        *("--limit", "8", "--gpus-per-trial", "0.5", "--dry-run", "--storage", str(tmp_path / "runs")),
    ]
    with tempfile.TemporaryDirectory(prefix="p-", dir="/tmp", ignore_cleanup_errors=True) as short:
        nodes = [sys.executable, str(TESTS / "ray_nodes.py"), short, "3", "2"]
        with subprocess.Popen(
            nodes, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        ) as cluster:
            assert cluster.stdin is not None
            assert cluster.stdout is not None
            address = cluster.stdout.readline().strip()
            command = [sys.executable, "-m", "msd_ray.tune", *arguments]
            done = subprocess.run(
                command, env={**environment, "RAY_ADDRESS": address}, capture_output=True, text=True, timeout=900
            )
            cluster.stdin.close()
            cluster.wait(timeout=120)
    assert done.returncode == 0, done.stderr
    assert "fp32 (fp32 on 127.0.0.1)" in done.stdout

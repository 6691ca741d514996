"""Secrets: created once, readable by their owner only."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from msd_ray.local_cluster.jobs_environment import jobs_environment, write_env_file
from msd_ray.local_cluster.layout import Layout, Ports, ensure_secret, private_directory, with_free_ports, write_private


@pytest.fixture(autouse=True)
def everybody_may_read_new_files() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_secret_is_stable_and_unique(tmp_path: Path) -> None:
    first = ensure_secret(tmp_path / "first")
    assert re.fullmatch("[0-9a-f]{64}", first)
    assert ensure_secret(tmp_path / "first") == first
    assert ensure_secret(tmp_path / "second") != first


def test_only_the_owner_can_read_secrets(tmp_path: Path) -> None:
    directory = tmp_path / "secrets"
    directory.mkdir(mode=0o755)
    private_directory(directory)
    assert mode(directory) == 0o700
    ensure_secret(directory / "token")
    write_private(directory / "pgpass", "x")
    assert {mode(path) for path in directory.iterdir()} == {0o600}
    (directory / "token").chmod(0o644)
    ensure_secret(directory / "token")
    assert mode(directory / "token") == 0o600


def test_the_env_file_contains_no_secret(tmp_path: Path) -> None:
    layout = Layout(root=tmp_path / "a 'quoted' place")
    layout.secrets.mkdir(parents=True)
    write_env_file(layout, Ports())
    text = layout.env_file.read_text()
    assert mode(layout.env_file) == 0o600
    assert ensure_secret(layout.mlflow_password) not in text
    jobs = jobs_environment(layout, Ports())
    shell = ["sh", "-c", f". {shlex.quote(str(layout.env_file))}; env"]
    shown = subprocess.run(shell, capture_output=True, text=True, check=True).stdout
    for name, value in jobs.items():
        if name != "PATH":
            assert f"{name}={value}\n" in shown


def test_free_ports_differ_and_given_ports_are_kept() -> None:
    chosen = with_free_ports(Ports(postgres=0, mlflow=0, ray=0, dashboard=0, ray_client=7))
    ports = [chosen.postgres, chosen.mlflow, chosen.ray, chosen.dashboard]
    assert len(set(ports)) == 4
    assert min(ports) >= 1024
    assert chosen.ray_client == 7

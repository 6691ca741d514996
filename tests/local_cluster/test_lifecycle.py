"""Start and stop: messages for failures, and no processes left running."""

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from postgres_server import open_directory, require_postgres

from msd_ray.common.errors import UserError
from msd_ray.local_cluster import postgres
from msd_ray.local_cluster.__main__ import main
from msd_ray.local_cluster.layout import Layout, Ports, with_free_ports
from msd_ray.local_cluster.lifecycle import start, stop
from msd_ray.local_cluster.processes import boot_id, process, with_variable
from msd_ray.local_cluster.state import MARK, ClusterState, Service, read_state

ANY = Ports(postgres=0, mlflow=0, ray=0, dashboard=0, ray_client=0)


@pytest.fixture
def layout() -> Iterator[Layout]:
    with open_directory() as directory:
        yield Layout(root=directory)


def message(layout: Layout, ports: Ports) -> str:
    with pytest.raises(UserError) as caught:
        start(layout, ports, 1, lambda text: None)
    return str(caught.value)


def test_the_message_names_the_option_of_a_port_in_use(layout: Layout) -> None:
    ports = with_free_ports(ANY)
    with socket.create_server(("127.0.0.1", ports.ray_client)):
        said = message(layout, ports)
    assert said.startswith(f"--ray-client-port {ports.ray_client}: the port cannot be used: Address already in use")
    assert "--ray-client-port 0" in said
    assert not layout.state_file.exists()
    assert not layout.postgres.exists()


def test_the_message_says_how_to_install_postgresql(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_DEBIAN", layout.root / "nothing")
    monkeypatch.setenv("PATH", str(layout.root))
    assert "apt-get install postgresql" in message(layout, with_free_ports(ANY))
    assert not layout.state_file.exists()


def test_data_of_a_version_that_is_not_installed(layout: Layout) -> None:
    require_postgres()
    (layout.postgres / "data").mkdir(parents=True)
    (layout.postgres / "data" / "PG_VERSION").write_text("9\n")
    assert "was created by PostgreSQL 9, but only " in message(layout, with_free_ports(ANY))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL runs as somebody else")
def test_a_directory_that_the_user_postgres_cannot_access(layout: Layout) -> None:
    require_postgres()
    layout.root.chmod(0o700)
    said = message(layout, with_free_ports(ANY))
    assert f"{layout.root} is not searchable by other users" in said
    assert not layout.state_file.exists()


def test_a_concurrent_start(layout: Layout) -> None:
    with FileLock(layout.lock):
        assert "is being started or stopped by another process" in message(layout, with_free_ports(ANY))


def test_an_invalid_state_file(layout: Layout) -> None:
    layout.state_file.write_text('{"identity": 1}')
    assert "not a state file of a cluster" in message(layout, with_free_ports(ANY))


def test_a_state_is_read_as_it_was_written(layout: Layout) -> None:
    me = process(os.getpid())
    assert me is not None
    state = ClusterState(identity="x", boot=boot_id(), since="now", ports=Ports(ray=1234), scratch=Path("/tmp/x"))
    state = state.with_service(Service(name="Ray", process=me, stop_signal=15))
    state.write(layout)
    assert read_state(layout) == state
    assert [service.name for service in state.running()] == ["Ray"]


def test_process_ids_of_an_earlier_boot_are_ignored(layout: Layout) -> None:
    """This process would be killed."""
    me = process(os.getpid())
    assert me is not None
    scratch = layout.root / "scratch"
    scratch.mkdir()
    state = ClusterState(identity="not-a-mark", boot="another", since="once", ports=Ports(), scratch=scratch)
    state.with_service(Service(name="Ray", process=me, stop_signal=9)).write(layout)
    assert stop(layout, lambda text: None)
    assert not layout.state_file.exists()
    assert not scratch.exists()


def test_nothing_to_stop(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stop", "--directory", str(layout.root)]) == 0
    assert main(["status", "--directory", str(layout.root)]) == 1
    assert capsys.readouterr().out == 2 * f"No cluster is running in {layout.root}.\n"


@pytest.mark.slow
@pytest.mark.extended
def test_a_start_that_fails_in_the_middle_leaves_nothing_running(layout: Layout) -> None:
    """PostgreSQL runs when MLflow refuses to start, for a key that is empty."""
    require_postgres()
    layout.secrets.mkdir()
    (layout.secrets / "mlflow-secret-key").touch()
    marks: list[str] = []

    def report(text: str) -> None:
        state = read_state(layout)
        if state is not None and text == "starting MLflow ...":
            assert [service.name for service in state.running()][:1] == ["PostgreSQL"]
            marks.append(state.identity)

    ports = with_free_ports(ANY)
    with pytest.raises(UserError, match=r"MLflow exited during its start\. .*mlflow\.log:\n(.*\n)*.*SECRET_KEY"):
        start(layout, ports, 1, report)
    (mark,) = marks
    assert with_variable(MARK, mark) == set()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", ports.postgres)) != 0
    assert not layout.state_file.exists()
    assert not layout.env_file.exists()
    # The data directory is kept and rejects any other password.
    shutil.copy(layout.secrets / "postgres-password", layout.secrets / "postgres-admin-password")
    assert "PostgreSQL rejects the password" in message(layout, ports)
    assert not layout.state_file.exists()

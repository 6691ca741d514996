"""PostgreSQL and MLflow as `cluster/compose.yaml` starts them, without containers: its commands, environment, SQL."""

import contextlib
import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import yaml

CLUSTER = Path(__file__).parents[2] / "cluster"
COMPOSE = yaml.safe_load((CLUSTER / "compose.yaml").read_text())
USER = "msd"


def postgres_programs() -> Path | None:
    """Where initdb and postgres are, in Debian's place or on the path; None without them."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    other = shutil.which("initdb")
    return found[-1].parent if found else Path(other).parent if other else None


def free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass(frozen=True, kw_only=True)
class Database:
    """A running server on loopback, with the databases of the compose file."""

    port: int
    password: str


@contextmanager
def postgres(programs: Path) -> Iterator[Database]:
    """A server that asks for its password. PostgreSQL does not run as root: then it runs as `postgres`."""
    owner = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    directory = Path(tempfile.mkdtemp(prefix="msd-postgres-"))
    database = Database(port=free_port(), password=secrets.token_hex(12))
    (directory / "password").write_text(database.password)
    for path in (directory, directory / "password"):
        shutil.chown(path, owner)
    own: Mapping[str, str | Path] = {"user": owner, "cwd": directory} if os.getuid() == 0 else {"cwd": directory}
    data = directory / "data"
    initialise = [programs / "initdb", "--pgdata", data, "--username", USER, "--auth", "scram-sha-256"]
    subprocess.run([*initialise, "--pwfile", directory / "password"], check=True, capture_output=True, **own)  # type: ignore[call-overload]
    start = [
        programs / "postgres",
        "-D",
        data,
        "-p",
        str(database.port),
        "-k",
        directory,
        "-c",
        "listen_addresses=127.0.0.1",
    ]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(start, stdout=log, stderr=log, **own)  # type: ignore[call-overload]
    try:
        _make_databases(database, directory / "log")
        yield database
    finally:
        process.terminate()
        process.wait(timeout=60)
        shutil.rmtree(directory, ignore_errors=True)


def _make_databases(database: Database, log: Path) -> None:
    until = time.monotonic() + 120
    address = f"host=127.0.0.1 port={database.port} user={USER} password={database.password} dbname=postgres"
    while True:
        try:
            connection = psycopg.connect(address, autocommit=True)
            break
        except psycopg.OperationalError:
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
    with connection:
        for statement in COMPOSE["configs"]["databases"]["content"].split(";"):
            if statement.strip():
                connection.execute(statement)


@contextmanager
def mlflow(database: Database, directory: Path, *, password: str) -> Iterator[str]:
    """The server's address. password: the administrator's at the first start."""
    service = COMPOSE["services"]["mlflow"]
    port = free_port()
    own = {"--host": "127.0.0.1", "--port": str(port), "--artifacts-destination": str(directory / "artifacts")}
    words = [_compose_value(word, {}) for word in service["command"]]
    words = [
        f"{name}={own.get(name, value)}" if value else name for name, _, value in (w.partition("=") for w in words)
    ]
    given = {
        "MSD_RAY_POSTGRES_PASSWORD": database.password,
        "MSD_RAY_MLFLOW_PASSWORD": password,
        "MSD_RAY_MLFLOW_SECRET_KEY": secrets.token_hex(16),
    }
    environment = {name: _compose_value(value, given) for name, value in service["environment"].items()}
    there = {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(database.port),
        "MLFLOW_AUTH_CONFIG_PATH": str(CLUSTER / "mlflow-auth.ini"),
    }
    log = directory / "mlflow.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            stdout=output,
            stderr=output,
            cwd=directory,
            env={**os.environ, **environment, **there},
        )
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 240
        while status(f"{address}/health") != 200:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=60)
        process.kill()


def _compose_value(text: str, given: Mapping[str, str]) -> str:
    """`${NAME:?message}` and `${NAME:-default}` as docker compose reads them."""
    return re.sub(r"\$\{(\w+):([-?])([^}]*)\}", lambda m: given[m[1]] if m[2] == "?" else given.get(m[1], m[3]), text)


def status(url: str, *, login: tuple[str, str] | None = None, host: str | None = None) -> int:
    """The HTTP status of a GET; 0 where nobody answers."""
    headers = {"Authorization": f"Basic {b64encode(':'.join(login).encode()).decode()}"} if login else {}
    request = urllib.request.Request(url, headers={**headers, **({"Host": host} if host else {})})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0

"""The PostgreSQL server: the distribution's package with a separate data directory, one database per client.

It listens on loopback only, has no Unix socket, and authenticates with SCRAM. PostgreSQL does not run as root: if root
starts the cluster, the server runs as the user `postgres`, which the package creates.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from msd_ray.common.errors import UserError

from .layout import HOST, USER, Layout, Ports, ensure_secret, private_directory, write_private
from .processes import Process
from .services import base_environment, launch, wait_until_ready

DATABASES = ("studies", "mlflow", "mlflow_auth")
_ADMIN = "postgres"
_INSTALL = "install it with `apt-get install postgresql`"
_DEBIAN = Path("/usr/lib/postgresql")


def prepare(layout: Layout) -> None:
    """Create the data directory and the passwords, unless they exist.

    Raises:
        UserError: PostgreSQL is not installed, has a different version than the data, or cannot access the directory.
    """
    binaries = _binaries(layout)
    password = ensure_secret(layout.secrets / "postgres-admin-password")
    data = _data(layout)
    if data.exists():
        return
    private_directory(layout.postgres)
    owner = _owner()
    if owner is not None:
        shutil.chown(layout.postgres, owner, owner)
        _check_reachable(layout.postgres, owner)
    scratch, given = data.with_name("data.new"), layout.postgres / "password"
    if scratch.exists():
        shutil.rmtree(scratch)  # left by a killed process
    options = ["--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-instructions"]
    try:
        write_private(given, password)
        if owner is not None:
            shutil.chown(given, owner, owner)
        _run_as(
            owner,
            [
                str(binaries / "initdb"),
                *options,
                "--pgdata",
                str(scratch),
                "--username",
                _ADMIN,
                "--pwfile",
                str(given),
            ],
            cwd=layout.postgres,
        )
        scratch.rename(data)
    finally:
        given.unlink(missing_ok=True)


def start(layout: Layout, ports: Ports, mark: Mapping[str, str]) -> Process:
    """Start the server on a prepared directory. Call `create_databases` next."""
    settings = {
        "listen_addresses": HOST,
        "port": str(ports.postgres),
        "unix_socket_directories": "",
        "password_encryption": "scram-sha-256",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return launch(
        [str(_binaries(layout) / "postgres"), "-D", str(_data(layout)), *options],
        log=layout.log("postgresql"),
        environment={**base_environment(), **mark},
        cwd=layout.postgres,
        user=_owner(),
    )


def create_databases(layout: Layout, ports: Ports, server: Process) -> None:
    """Wait for the server; create user, databases and password file. Raises UserError on failure."""
    try:
        import psycopg
    except ImportError as error:
        raise UserError("PostgreSQL's driver is not installed. Run: pip install 'psycopg[binary]'") from error
    from psycopg import sql

    admin = ensure_secret(layout.secrets / "postgres-admin-password")
    password = ensure_secret(layout.secrets / "postgres-password")

    def connect(database: str) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(
            host=HOST, port=ports.postgres, user=_ADMIN, password=admin, dbname=database, autocommit=True
        )

    def ready() -> bool:
        try:
            connect("postgres").close()
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise UserError(
                    f"PostgreSQL rejects the password in {layout.secrets}: {layout.postgres} was created with another. "
                    "Restore the old password file, or choose another --directory."
                ) from error
            return False
        return True

    wait_until_ready(server, "PostgreSQL", layout.log("postgresql"), ready)
    with connect("postgres") as connection:
        # Send only a hash: the server logs failed statements.
        digest = connection.pgconn.encrypt_password(password.encode(), USER.encode(), b"scram-sha-256").decode()
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [USER]).fetchone()
        verb = "ALTER" if known else "CREATE"
        statement = sql.SQL("{} ROLE {} LOGIN PASSWORD {}")
        connection.execute(statement.format(sql.SQL(verb), sql.Identifier(USER), sql.Literal(digest)))
        for name in DATABASES:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                words = sql.SQL("CREATE DATABASE {} OWNER {}")
                connection.execute(words.format(sql.Identifier(name), sql.Identifier(USER)))
    write_private(layout.password_file, f"{HOST}:{ports.postgres}:*:{USER}:{password}\n")


def installed() -> bool:
    """Whether PostgreSQL is installed."""
    return bool(_versions())


def _data(layout: Layout) -> Path:
    return layout.postgres / "data"


def _versions() -> dict[str, Path]:
    """Program directories by major version: Debian's, else the one on PATH with an empty version."""
    found = {path.parent.parent.name: path.parent for path in _DEBIAN.glob("*/bin/postgres")}
    on_path = shutil.which("postgres")
    return found or ({"": Path(on_path).resolve().parent} if on_path else {})


def _binaries(layout: Layout) -> Path:
    versions = _versions()
    if not versions:
        raise UserError(f"PostgreSQL is not installed: {_INSTALL}.")
    try:
        wanted = (_data(layout) / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return versions[max(versions, key=lambda name: int(name or 0))]
    if wanted not in versions and "" not in versions:
        raise UserError(
            f"{_data(layout)} was created by PostgreSQL {wanted}, but only {', '.join(sorted(versions))} is installed. "
            f"Install postgresql-{wanted}, or choose another --directory."
        )
    return versions.get(wanted) or versions[""]


def _owner() -> str | None:
    """The user that the server runs as; None means the current user."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError as error:
        raise UserError(
            "PostgreSQL does not run as root, and its package's user `postgres` does not exist: "
            f"{_INSTALL}, or start the cluster as another user."
        ) from error


def _check_reachable(directory: Path, owner: str) -> None:
    for parent in directory.parents:
        if not parent.stat().st_mode & 0o001:
            raise UserError(
                f"PostgreSQL runs as the user {owner}, which cannot access {directory}: {parent} is not searchable by "
                "other users. Choose another --directory (CLUSTER_DIR=/var/lib/msd_ray), or start the cluster as "
                "another user."
            )


def _run_as(owner: str | None, command: list[str], cwd: Path) -> None:
    identity = {} if owner is None else {"user": owner, "group": owner, "extra_groups": []}
    done = subprocess.run(  # type: ignore[call-overload]  # noqa: S603
        command, cwd=cwd, env=base_environment(), capture_output=True, text=True, check=False, **identity
    )
    if done.returncode:
        raise UserError(f"cannot create PostgreSQL's data directory in {cwd}: {done.stderr.strip() or done.stdout}")

"""PostgreSQL from the distribution's package: a server of the stack's own, with a database each for what uses it.

It listens on loopback alone, on no Unix socket, and asks for a password by SCRAM. It refuses to run as root: a root
user's server runs as the user `postgres`, which the package makes.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from msd_ray.common.errors import UserError

from .layout import HOST, USER, Layout, Ports
from .processes import Process
from .secret_files import private_directory, secret, write_private
from .services import launch, own_environment, wait_until_ready

DATABASES = ("studies", "mlflow", "mlflow_auth")
_ADMIN = "postgres"
_INSTALL = "install it with `apt-get install postgresql`"
_DEBIAN = Path("/usr/lib/postgresql")


def prepare(layout: Layout) -> None:
    """Make the data directory and the passwords, if they are not there yet.

    Raises UserError if PostgreSQL is not installed, of another version than the data, or cannot reach its directory.
    """
    binaries = _binaries(layout)
    password = secret(layout.secrets / "postgres-admin-password")
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
        shutil.rmtree(scratch)  # of a start that was killed
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
    """Start the server on a prepared directory; the databases are made by `make_databases`, once it is recorded."""
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
        environment={**own_environment(), **mark},
        cwd=layout.postgres,
        user=_owner(),
    )


def make_databases(layout: Layout, ports: Ports, server: Process) -> None:
    """Wait for the server; make the user, its databases and its password file. Raises UserError if that fails."""
    try:
        import psycopg
    except ImportError as error:
        raise UserError("PostgreSQL's driver is missing: pip install 'psycopg[binary]'") from error
    from psycopg import sql

    admin = secret(layout.secrets / "postgres-admin-password")
    password = secret(layout.secrets / "postgres-password")

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
                    f"PostgreSQL refuses the password in {layout.secrets}, which is not the one that {layout.postgres} "
                    "was made with: bring the old one back, or give another directory"
                ) from error
            return False
        return True

    wait_until_ready(server, "PostgreSQL", layout.log("postgresql"), ready)
    with connect("postgres") as connection:
        # Only a digest goes to the server, whose log would repeat a statement that fails.
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
    """Whether a server is on this machine."""
    return bool(_versions())


def _data(layout: Layout) -> Path:
    return layout.postgres / "data"


def _versions() -> dict[str, Path]:
    """Directories of programs by major version: Debian's, else what is on PATH under the name of no version."""
    found = {path.parent.parent.name: path.parent for path in _DEBIAN.glob("*/bin/postgres")}
    on_path = shutil.which("postgres")
    return found or ({"": Path(on_path).resolve().parent} if on_path else {})


def _binaries(layout: Layout) -> Path:
    versions = _versions()
    if not versions:
        raise UserError(f"PostgreSQL is not on this machine: {_INSTALL}")
    try:
        wanted = (_data(layout) / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return versions[max(versions, key=lambda name: int(name or 0))]
    if wanted not in versions and "" not in versions:
        raise UserError(
            f"{_data(layout)} was made by PostgreSQL {wanted}, which is not on this machine (there is "
            f"{', '.join(sorted(versions))}): install postgresql-{wanted}, or give another directory"
        )
    return versions.get(wanted) or versions[""]


def _owner() -> str | None:
    """The user that the server runs as; None: the one who starts it."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError as error:
        raise UserError(
            "PostgreSQL does not run as root, and there is no user `postgres`, which its package makes: "
            f"{_INSTALL}, or start the cluster as another user"
        ) from error


def _check_reachable(directory: Path, owner: str) -> None:
    for parent in directory.parents:
        if not parent.stat().st_mode & 0o001:
            raise UserError(
                f"PostgreSQL runs as the user {owner}, which cannot reach {directory}: {parent} is closed to others; "
                "give a directory elsewhere (CLUSTER_DIR=/var/lib/msd_ray), or start the cluster as another user"
            )


def _run_as(owner: str | None, command: list[str], cwd: Path) -> None:
    identity = {} if owner is None else {"user": owner, "group": owner, "extra_groups": []}
    done = subprocess.run(  # type: ignore[call-overload]  # noqa: S603
        command, cwd=cwd, env=own_environment(), capture_output=True, text=True, check=False, **identity
    )
    if done.returncode:
        raise UserError(f"PostgreSQL's data directory cannot be made in {cwd}: {done.stderr.strip() or done.stdout}")

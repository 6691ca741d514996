"""URLs of SQLite files. SQLAlchemy, which Optuna and MLflow open them with, decodes percent escapes in them."""

from pathlib import Path
from urllib.parse import unquote

PREFIX = "sqlite:///"


def sqlite_url(file: Path) -> str:
    """The URL of a file: `%` and `?` are escaped, so that a directory named `50%41` is not opened as `50A`."""
    return PREFIX + str(file).replace("%", "%25").replace("?", "%3F")


def sqlite_file(url: str) -> Path | None:
    """The absolute path of the file that a `sqlite:///` URL names; None if it names none, or a database in memory."""
    name = unquote(url.removeprefix(PREFIX).partition("?")[0])
    return None if not url.startswith(PREFIX) or name in ("", ":memory:") else Path(name).absolute()

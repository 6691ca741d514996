"""Shell commands that work when pasted: programs of this Python environment, with quoted arguments."""

import shlex
import shutil
import sys
from pathlib import Path


def command(program: str, *arguments: str | Path) -> str:
    """The command that runs a program of this environment.

    The name alone if the shell finds that very program, else its path, relative where it lies in the working directory.

    Args:
        program: `python`, or a script that a package installs, such as `mlflow`.
        arguments: its arguments, unquoted.
    """
    return shlex.join([_found(program), *map(str, arguments)])


def setting(variable: str, value: str) -> str:
    """The setting of an environment variable for one command, which follows it: `TMPDIR='/my files'`."""
    return f"{variable}={shlex.quote(value)}"


def in_place(program: str, path: Path, ending: str) -> str:
    """The command that replaces a file by what a program makes of it.

    Args:
        program: as the shell reads it, without the file, which follows it.
        path: the file.
        ending: added to the file's name while the program writes, so that a failure leaves the file as it is.
    """
    file, written = shlex.quote(str(path)), shlex.quote(f"{path}.{ending}")
    return f"{program} {file} > {written} && mv {written} {file}"


def is_installed(program: str) -> bool:
    """Whether this environment has a script of this name."""
    return _path(program).exists()


def _path(program: str) -> Path:
    interpreter = Path(sys.executable)  # not resolved: in a virtual environment it is a link
    return interpreter if program == "python" else interpreter.with_name(program)


def _found(program: str) -> str:
    path = _path(program)
    if shutil.which(program) == str(path) or not path.exists():
        return program
    if not path.is_relative_to(Path.cwd()):
        return str(path)
    relative = path.relative_to(Path.cwd())
    return str(relative) if len(relative.parts) > 1 else f"./{relative}"

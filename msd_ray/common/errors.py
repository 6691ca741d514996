"""`UserError` for problems that a user can cause, warnings, and running a command."""

import sys
import traceback
from collections.abc import Callable, Iterator
from types import TracebackType

from .text import printable


class UserError(Exception):
    """Invalid input. The message states where (file, line, key), what is wrong, and what to do."""


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error, its cause, the cause of that, and so on."""
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__


def warn(message: str) -> None:
    """Print a warning."""
    print(f"warning: {printable(message)}", file=sys.stderr)


def run_command(main: Callable[[], int]) -> None:
    """Run a command's main function and exit: with 2 after a `UserError`, 130 after an interrupt.

    A `UserError` is printed as one message, a bug with its traceback. Passwords are masked in both.
    """
    sys.excepthook = _print_traceback
    try:
        code = main()
    except UserError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = 130
    sys.exit(code)


def _print_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    print(printable("".join(traceback.format_exception(kind, error, trace))), file=sys.stderr, end="")

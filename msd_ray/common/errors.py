"""The one exception for what a user can cause: its text is all that the user sees."""

import sys
import traceback
from collections.abc import Callable, Iterator
from types import TracebackType

from .text import printable


class UserError(Exception):
    """Bad input: the message says what is wrong, where (file, line, key), and what to do."""


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it came from, and so on."""
    found: BaseException | None = error
    seen: set[int] = set()
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__


def warn(message: str) -> None:
    """Tell the user something that ends nothing."""
    print(f"warning: {printable(message)}", file=sys.stderr)


def run_command(main: Callable[[], int]) -> None:
    """Run a command's main function; a `UserError` becomes one message and exit code 2, an interrupt 130.

    A mistake of the program's own keeps its traceback. Of neither passwords are printed.
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

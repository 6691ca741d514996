"""Names that become a part of a path, of a URL and of a database's keys."""

from .errors import UserError

LONGEST = 80


def is_plain(name: str) -> bool:
    """Letters, digits, dot, dash and underscore (ASCII), at most 80, no dot first: one part of a path, and no more."""
    return (
        0 < len(name) <= LONGEST and name[0] != "." and all(c.isascii() and (c.isalnum() or c in "._-") for c in name)
    )


def require_plain(name: str, what: str) -> str:
    """The name. Raises UserError, which begins with `what`, for one that could lead somewhere else."""
    if not is_plain(name):
        shown = repr(name) if len(name) <= LONGEST else f"{name[:LONGEST]!r}... ({len(name)} characters)"
        raise UserError(
            f"{what} {shown}: use letters, digits, dot, dash and underscore, {LONGEST} at most, no dot first"
        )
    return name

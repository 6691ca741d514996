"""Kill a process before it moves a given file into place."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def killed_before_file(number: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Raise KeyboardInterrupt before file `number`, from 0, is in place, without cleanup."""
    replace, unlink, replaced = Path.replace, Path.unlink, 0

    def replace_or_die(path: Path, target: Path) -> Path:
        nonlocal replaced
        replaced += 1
        if replaced > number:
            raise KeyboardInterrupt
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace_or_die)
        # Nothing tidies up behind a process that is killed; before that, a scratch file is gone once it is in place.
        patch.setattr(
            Path, "unlink", lambda path, missing_ok=False: unlink(path, missing_ok) if replaced <= number else None
        )
        with pytest.raises(KeyboardInterrupt):
            yield

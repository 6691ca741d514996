"""`msd_ray.json`, the description of an exported student, and the verification of its files against it.

Imports neither torch nor transformers: the files are hashed while those are imported.
"""

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from msd_ray.common.errors import UserError
from msd_ray.common.limits import check_size
from msd_ray.data.encode import LabelAt
from msd_ray.data.encoders.files import content_files
from msd_ray.data.encoders.refusals import check_directory
from msd_ray.data.words import WordRule

DESCRIPTION, CHANNELS = "msd_ray.json", "channels.safetensors"
FORMAT: Literal[2] = 2
LARGEST_DESCRIPTION = 1 << 20  # bytes
HASHED_AT_ONCE = 1 << 24  # bytes
CHARACTER_LANGUAGES = ("zh",)
# Each label has a row in each terminal. Labels are printed: \p{C} excludes control and format characters.
MOST_LABELS = 1_000
Label = Annotated[str, Field(pattern=r"^(O|[BI]-[^\s\p{C}]+)$", max_length=80)]


class Description(BaseModel):
    """Contents of `msd_ray.json`.

    files: SHA-256 digests by file name. decode: as in the study; label_at: the sub-token at which a word's label is
    read; word_rule: how text is split into words. Older exports lack these.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    format: Literal[1, 2]
    dataset: str
    lang: str
    label_names: Annotated[tuple[Label, ...], Field(min_length=1, max_length=MOST_LABELS)]
    frozen_layers: Annotated[int, Field(ge=0)]
    max_length: Annotated[int, Field(ge=3, le=1 << 20)]
    decode: Literal["argmax", "viterbi"] = "argmax"
    label_at: LabelAt = "first"
    word_rule: WordRule | None = None
    files: Mapping[str, str]

    @property
    def rule(self) -> WordRule:
        """How text is split into words. In the corpora, Chinese has one word per character."""
        return self.word_rule or ("characters" if self.lang in CHARACTER_LANGUAGES else "blanks")


@contextmanager
def verified(directory: Path) -> Iterator[Description]:
    """Read the description; verify all files against it in a thread while the block loads them.

    Raises:
        UserError: not an exported student, or a file is missing, changed, damaged, or a symbolic link to a target
            outside the directory. Takes precedence over an exception of the block.
    """
    description = read_description(directory)
    with ThreadPoolExecutor(max_workers=1) as pool:
        verification = pool.submit(_verify, directory, description)
        try:
            yield description
        finally:
            _finish(verification, directory)


def read_verified(directory: Path) -> Description:
    """Read the description and verify all files against it. Raises UserError as `verified`."""
    with verified(directory) as description:
        return description


def read_description(directory: Path) -> Description:
    """Read the description, and check that the directory has the files that it names, and no others.

    Raises:
        UserError: as `verified`, except for changed contents.
    """
    if not directory.is_dir():
        raise UserError(f"{directory}: not a directory. Give the directory of an exported student.")
    path = directory / DESCRIPTION
    if not path.is_file():
        raise UserError(f"{directory}: not an exported student: it has no {DESCRIPTION}")
    try:
        check_directory(directory)
        check_size(path, LARGEST_DESCRIPTION)
        description = _parse(path)
        found = {part.name for part in (*content_files(directory), directory / CHANNELS) if part.is_file()}
    except OSError as error:
        raise _unreadable(directory, error) from error
    for name in sorted(found ^ description.files.keys()):
        raise UserError(f"{directory / name} is {'not part of the export' if name in found else 'missing'}")
    return description


def _verify(directory: Path, description: Description) -> None:
    for name, digest in description.files.items():
        if _sha256(directory / name) != digest:
            raise UserError(f"{directory / name} is damaged or was changed. Export or copy the student again.")


def _finish(verification: Future[None], directory: Path) -> None:
    try:
        verification.result()
    except OSError as error:
        raise _unreadable(directory, error) from error


def _sha256(path: Path) -> str:
    """SHA-256 in large parts: between two, this thread waits for the interpreter, which imports meanwhile."""
    sha, part = hashlib.sha256(), bytearray(HASHED_AT_ONCE)
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(part):
            sha.update(memoryview(part)[:size])
    return sha.hexdigest()


def _parse(path: Path) -> Description:
    try:
        description = Description.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        if key == "format":
            raise UserError(f"{path}: unsupported format; this version reads 1 and {FORMAT}") from error
        raise UserError(f"{path}: {f'{key}: ' if key else ''}{first['msg']}") from error
    if len(set(description.label_names)) < len(description.label_names) or "O" not in description.label_names:
        raise UserError(f"{path}: label_names: labels must differ and include O")
    return description


def _unreadable(directory: Path, error: OSError) -> UserError:
    return UserError(f"cannot read {directory}: {(str(error).strip() or type(error).__name__).splitlines()[0]}")

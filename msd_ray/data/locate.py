"""Locate the file of a split: below the data directory, or downloaded from the Hub."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from msd_ray.common.errors import UserError

from .catalogue import SPLITS, Dataset, Split, is_language_code, unknown_language
from .text_file import PACKED, unpack_command


def require_file(dataset: Dataset, lang: str, split: Split, data_dir: Path | None) -> Path:
    """The file of one language and split; without a data directory, the Hub's.

    Raises:
        UserError: no file has any of the possible names, a data set that is not on the Hub has no data directory,
            or the download fails.
    """
    if data_dir is None:
        if dataset.hub_repository is None:
            raise needs_directory(dataset)
        from . import hub  # imported here: it takes longer than all checks before

        return hub.download(dataset, lang, split)
    found = find_file(dataset, lang, split, data_dir)
    if found is None:
        raise UserError(
            f"no {split} file of data set '{dataset.name}', language '{lang}', below {data_dir}: "
            f"looked for {', '.join(dataset.paths(lang, split))}, also in {' and '.join(dataset.folders)}. "
            f"{_unpack(dataset, lang, (split,), data_dir) or _get(dataset)}"
        )
    return found


def require_any_file(dataset: Dataset, lang: str, data_dir: Path) -> None:
    """Check that there is a file of a language.

    Raises:
        UserError: there is none.
    """
    if not any(find_file(dataset, lang, split, data_dir) for split in SPLITS):
        names = ", ".join(path for split in SPLITS for path in dataset.paths(lang, split)[:1])
        raise UserError(
            f"nothing of data set '{dataset.name}', language '{lang}', below {data_dir}: looked for names such as "
            f"{names}. {_unpack(dataset, lang, SPLITS, data_dir) or _get(dataset)}"
        )


def find_file(dataset: Dataset, lang: str, split: Split, data_dir: Path) -> Path | None:
    """The first matching file below the data directory, in order of preference; None if there is none.

    Raises:
        UserError: the data directory is not a directory.
    """
    return next(_files(dataset, lang, split, data_dir), None)


def _files(dataset: Dataset, lang: str, split: Split, data_dir: Path, suffix: str = "") -> Iterator[Path]:
    for pattern in dataset.paths(lang, split):
        for root in _roots(dataset, data_dir):
            yield from (path for path in sorted(root.glob(pattern + suffix)) if path.is_file())


def unpack_commands(dataset: Dataset, lang: str, splits: Sequence[Split], data_dir: Path) -> tuple[str, ...]:
    """The shell commands that unpack compressed files of a language, for splits without another file."""
    return tuple(
        unpack_command(packed)
        for split in splits
        if find_file(dataset, lang, split, data_dir) is None
        for packed in islice(_packed(dataset, lang, split, data_dir), 1)
    )


def _packed(dataset: Dataset, lang: str, split: Split, data_dir: Path) -> Iterator[Path]:
    for ending in PACKED:
        yield from _files(dataset, lang, split, data_dir, ending)


def has_test(dataset: Dataset, lang: str, data_dir: Path | None) -> bool:
    """Whether there is a test set. The Hub has one for every language.

    Raises:
        UserError: it is compressed.
    """
    if dataset.embedded:
        return True
    if data_dir is None:
        return dataset.hub_repository is not None
    if packed := _unpack(dataset, lang, ("test",), data_dir):
        raise UserError(f"the test file of data set '{dataset.name}', language '{lang}', is compressed. {packed}")
    return find_file(dataset, lang, "test", data_dir) is not None


def languages_on_disk(dataset: Dataset, data_dir: Path) -> tuple[str, ...]:
    """Languages with a file below the data directory: the catalogue's first, then other accepted ones."""
    others = () if dataset.other_languages == "none" else sorted(set(_named_on_disk(dataset, data_dir)))
    candidates = dict.fromkeys([*dataset.languages, *others])
    return tuple(lang for lang in candidates if any(find_file(dataset, lang, split, data_dir) for split in SPLITS))


def check_language(dataset: Dataset, lang: str, data_dir: Path | None) -> None:
    """Check that the data set has a language. Asks no hub.

    Raises:
        UserError: it does not.
    """
    known = (*dataset.languages, *dataset.more_languages)
    if lang in known:
        return
    if dataset.other_languages == "on disk" and data_dir is not None:
        known = tuple(dict.fromkeys([*known, *languages_on_disk(dataset, data_dir)]))
        if lang in known:
            return
    raise unknown_language(dataset, lang, known)


def needs_directory(dataset: Dataset) -> UserError:
    """The error for a data set that is read from files, without a data directory."""
    names = ", ".join(dataset.paths(dataset.languages[0], "train"))
    return UserError(
        f"data set '{dataset.name}' is read from files: get it from {dataset.homepage} and give its "
        f"directory with --data-dir (file names: {names}); '--dataset sample' needs no files"
    )


def nothing_below(dataset: Dataset, data_dir: Path) -> UserError:
    """The error for a data directory without any file of the data set."""
    names = ", ".join(dataset.paths(dataset.languages[0], "train"))
    packed = next((found for lang in dataset.languages if (found := _unpack(dataset, lang, SPLITS, data_dir))), "")
    return UserError(
        f"nothing of data set '{dataset.name}' below {data_dir}: looked for names such as {names}. "
        f"{packed or _get(dataset)}"
    )


def _roots(dataset: Dataset, data_dir: Path) -> list[Path]:
    if not data_dir.is_dir():
        what = "is not a directory" if data_dir.exists() else "does not exist"
        raise UserError(f"the data directory {data_dir} {what}: give the directory that contains the corpus files")
    return [data_dir, *(data_dir / folder for folder in dataset.folders)]


def _named_on_disk(dataset: Dataset, data_dir: Path) -> Iterator[str]:
    """Language codes in the names of files that match the data set's patterns."""
    for template in dataset.patterns["train"] + dataset.patterns["dev"] + dataset.patterns["test"]:
        glob = template.format(lang="*", LANG="*", prefix="*")
        code = re.escape(template).replace(r"\{LANG\}", "[A-Z-]+").replace(r"\*", "[^/]*")
        code = code.replace(r"\{lang\}", "(?P<lang>[a-z-]+)", 1).replace(r"\{lang\}", "(?P=lang)")
        for root in _roots(dataset, data_dir):
            for path in root.glob(glob):
                match = re.fullmatch(code, path.relative_to(root).as_posix())
                if match and is_language_code(match["lang"]):
                    yield match["lang"]


def _unpack(dataset: Dataset, lang: str, splits: Sequence[Split], data_dir: Path) -> str:
    commands = unpack_commands(dataset, lang, splits, data_dir)
    return f"Unpack what is compressed: {' && '.join(commands)}" if commands else ""


def _get(dataset: Dataset) -> str:
    hub = ", or leave --data-dir out to download it from the hub" if dataset.hub_repository else ""
    return f"Get the corpus from {dataset.homepage}{hub}"

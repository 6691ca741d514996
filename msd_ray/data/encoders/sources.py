"""Resolve an encoder's name to its files: the embedded default, a directory, or the Hugging Face Hub."""

from pathlib import Path

import yaml
from huggingface_hub import HfApi, constants, metadata_load, snapshot_download
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    GatedRepoError,
    HFValidationError,
    HTTPError,  # that of the HTTP client that it uses
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from msd_ray.common.errors import UserError
from msd_ray.common.limits import MIB

from ..hub import why_unreachable
from . import e5_small
from .files import CONFIG, PICKLES, TOKENIZER, WEIGHTS, EncoderFiles, directory_digest, missing_parts
from .refusals import check_directory

CARD = "README.md"
LARGEST_CARD = MIB
LONGEST_LICENCE = 200


def resolve(name: str) -> EncoderFiles:
    """The files of the encoder called `name`.

    `e5-small` is the embedded default; the path of a directory is that directory; anything else is a repository on the
    Hugging Face Hub (`google-bert/bert-base-multilingual-cased`), downloaded once and cached by the Hub's client,
    without pickled weights or code.

    Raises:
        UserError: there is no such encoder, it cannot be downloaded, or its directory is rejected.
    """
    if name == e5_small.NAME:
        directory = e5_small.directory()
        return EncoderFiles(
            name=name, directory=directory, digest=directory_digest(directory), licence=e5_small.LICENCE
        )
    local = Path(name).expanduser()
    if name and local.is_dir():
        directory = local.absolute()
        if missing := missing_parts(directory):
            raise UserError(f"encoder directory {directory} lacks {_and(missing)}{_pickles_beside(directory)}")
    elif local.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1 or not name:
        raise UserError(f"encoder {name!r}: no such directory")
    else:
        directory = _download(name)
    check_directory(directory)
    return EncoderFiles(name=name, directory=directory, digest=directory_digest(directory), licence=_licence(directory))


def _download(name: str) -> Path:
    """Download an encoder's files from a Hub repository, or take them from the Hub client's cache."""
    ways_out = f"or name a local directory, or use --encoder {e5_small.NAME}"
    files, reason = [CONFIG, CARD, *TOKENIZER, *WEIGHTS], why_unreachable()
    try:
        directory = Path(snapshot_download(name, allow_patterns=files, local_files_only=reason is not None))
    except HFValidationError as error:
        raise UserError(f"encoder {name!r} is neither a directory nor the name of a hub repository") from error
    except GatedRepoError as error:
        raise UserError(
            f"encoder {name}: its terms have to be accepted; "
            f"accept them on {constants.ENDPOINT}/{name} and log in (hf auth login)"
        ) from error
    except RepositoryNotFoundError as error:
        raise UserError(
            f"encoder {name}: no such directory and no such repository on {constants.ENDPOINT}; "
            "check the name, log in (hf auth login) if it is private"
        ) from error
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as error:
        raise UserError(
            f"encoder {name}: cannot get it from {constants.ENDPOINT} "
            f"({reason or _first_line(error.__cause__ or error)}), "
            f"and it is not complete in the hub client's cache {constants.HF_HUB_CACHE}; "
            f"try again with a connection, {ways_out}"
        ) from error
    except HTTPError as error:
        raise UserError(f"encoder {name}: the hub answers {_first_line(error)}; try again later, {ways_out}") from error
    except OSError as error:
        raise UserError(
            f"encoder {name}: cannot download to {constants.HF_HUB_CACHE}: {_first_line(error)}; "
            "free some space or set HF_HOME to a writable directory"
        ) from error
    if missing := missing_parts(directory):
        raise UserError(f"encoder {name} lacks {_and(missing)}{_reason_on_hub(name)}")
    return directory


def _reason_on_hub(name: str) -> str:
    """Why a snapshot is incomplete: the repository has only pickles, or the download was incomplete."""
    try:
        names = HfApi().list_repo_files(name)
    except (OSError, HTTPError):
        return f" in the hub client's cache, and {constants.ENDPOINT} cannot be reached to download it"
    pickles = sorted(file for file in names if file.endswith(PICKLES) and "/" not in file)
    return _pickle_advice(pickles)


def _pickles_beside(directory: Path) -> str:
    return _pickle_advice(sorted(path.name for path in directory.iterdir() if path.name.endswith(PICKLES)))


def _pickle_advice(pickles: list[str]) -> str:
    if not pickles:
        return ""
    return (
        f"; it has {_and(pickles)}, which is not read, because loading a pickle can run code: convert it to safetensors"
    )


def _licence(directory: Path) -> str | None:
    """The licence in the model card's front matter; None without one.

    Cards that are larger than 1 MiB or cannot be parsed are ignored.
    """
    card = directory / CARD
    if not card.is_file() or card.stat().st_size > LARGEST_CARD:
        return None
    try:
        licence = (metadata_load(card) or {}).get("license")
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return None
    names = licence if isinstance(licence, list) else [licence]
    # Strings only: expanded, nested lists (YAML aliases) would exhaust the memory.
    return ", ".join(name for name in names if isinstance(name, str))[:LONGEST_LICENCE] or None


def _and(names: list[str]) -> str:
    return " and ".join(names)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

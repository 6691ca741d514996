"""The Hugging Face Hub: whether it answers, and files of a data set, downloaded and cached by the Hub's client."""

from functools import cache
from pathlib import Path
from threading import Thread

from huggingface_hub import constants, get_session, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    LocalEntryNotFoundError,
)

from msd_ray.common.errors import UserError

from .catalogue import Dataset, Split

# The layout of the repository's main branch: one Parquet file per language and split.
HUB_SPLITS: dict[Split, str] = {"train": "train", "dev": "validation", "test": "test"}

ANSWER_SECONDS = 5.0
"""Time in which the Hub must answer. Its client alone tries for minutes before it gives up on a file."""


@cache
def why_unreachable() -> str | None:
    """Why the Hub cannot be asked, in one line: it does not answer in time, or must not be asked. None if it answers.

    Asked once per process: a command reads several files, and a hub that does not answer takes its time for each.
    In a thread: the client's own timeout is per address of the host, and does not include looking them up.
    """
    reasons: list[str | None] = []
    thread = Thread(target=lambda: reasons.append(_ask()), daemon=True)
    thread.start()
    thread.join(ANSWER_SECONDS)
    return reasons[0] if reasons else f"no answer within {ANSWER_SECONDS:g} seconds"


def _ask() -> str | None:
    try:
        get_session().head(constants.ENDPOINT, timeout=2 * ANSWER_SECONDS)
    except Exception as error:  # of the HTTP library, for a malformed HF_ENDPOINT too; any answer is one
        return (str(error).strip() or type(error).__name__).splitlines()[0]
    return None


def download(dataset: Dataset, lang: str, split: Split) -> Path:
    """Local path of a split's Parquet file, downloaded on first use; later calls need no network.

    Raises:
        UserError: the Hub cannot be reached and the file is not in the cache, the Hub lacks this language, or it
            rejects the request.
    """
    repository = dataset.hub_repository
    if repository is None:
        raise ValueError(f"data set {dataset.name} is not on the hub")
    name = f"{lang}/{HUB_SPLITS[split]}-00000-of-00001.parquet"
    where = f"{name} of {repository} on {constants.ENDPOINT}"
    otherwise = f"or download it by hand from {dataset.homepage} and give its directory with --data-dir"
    reason = why_unreachable()
    try:
        return Path(hf_hub_download(repository, name, repo_type="dataset", local_files_only=reason is not None))
    except LocalEntryNotFoundError as error:
        raise UserError(
            f"cannot reach the hub for {where} ({reason or error}), "
            f"and it is not in the cache {constants.HF_HUB_CACHE}: "
            f"check the network, HF_ENDPOINT and HF_HUB_OFFLINE, {otherwise}"
        ) from error
    except EntryNotFoundError as error:
        raise UserError(f"the hub has no {where}: check the language '{lang}'") from error
    except Exception as error:  # the client lets errors of its HTTP library through, which differ by version
        raise UserError(f"cannot download {where}: {error}: try again later, {otherwise}") from error

"""Files of a data set on the Hugging Face Hub, downloaded and cached by the Hub's client."""

from pathlib import Path

from huggingface_hub import constants, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

from msd_ray.common.errors import UserError

from .catalogue import Dataset, Split

# The layout of the repository's main branch: one Parquet file per language and split.
HUB_SPLITS: dict[Split, str] = {"train": "train", "dev": "validation", "test": "test"}


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
    try:
        return Path(hf_hub_download(repository, name, repo_type="dataset"))
    except LocalEntryNotFoundError as error:
        raise UserError(
            f"cannot reach the hub for {where}, and it is not in the cache {constants.HF_HUB_CACHE}: "
            f"check the network, HF_ENDPOINT and HF_HUB_OFFLINE, {otherwise}"
        ) from error
    except EntryNotFoundError as error:
        raise UserError(f"the hub has no {where}: check the language '{lang}'") from error
    except Exception as error:  # the client lets errors of its HTTP library through, which differ by version
        raise UserError(f"cannot download {where}: {error}: try again later, {otherwise}") from error

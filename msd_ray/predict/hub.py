"""Pushes an exported student to the Hugging Face hub, or to a server with its interface at HF_ENDPOINT."""

from pathlib import Path

from msd_ray.common.errors import UserError

from .description import DESCRIPTION, read_verified

CARD = "README.md"


def push_to_hub(directory: Path, name: str, *, private: bool | None = None) -> str:
    """Upload a student's files as one commit to a model repository, which is created if it does not exist.

    Args:
        directory: of the exported student. Other files in it are not uploaded.
        name: OWNER/NAME of the repository.
        private: visibility of a new repository; None: the owner's default.

    Returns:
        Address of the commit.

    Raises:
        UserError: not an exported student, no such name, not logged in, or the hub refuses.
    """
    from huggingface_hub import CommitOperationAdd, HfApi, constants
    from huggingface_hub.errors import (  # type: ignore[attr-defined]
        HFValidationError,
        HTTPError,  # that of the HTTP client that it uses
        LocalTokenNotFoundError,
        OfflineModeIsEnabled,
    )

    description = read_verified(directory)
    where = f"--push-to-hub {name}"
    if name.count("/") != 1:
        raise UserError(f"{where}: not the name of a repository. Use OWNER/NAME.")
    api = HfApi()
    try:
        api.create_repo(name, private=private, exist_ok=True)
        commit = api.create_commit(
            name,
            [CommitOperationAdd(file, directory / file) for file in (*description.files, DESCRIPTION, CARD)],
            commit_message=f"MSD student for {description.lang} ({description.dataset})",
        )
    except HFValidationError as error:
        raise UserError(f"{where}: not the name of a repository: {_first_line(error)}. Use OWNER/NAME.") from error
    except LocalTokenNotFoundError as error:
        raise UserError(f"{where}: not logged in. Log in (hf auth login) or set HF_TOKEN.") from error
    except HTTPError as error:
        raise UserError(
            f"{where}: {constants.ENDPOINT} answers {_first_line(error)}. Check the name, and that your token may "
            "write there (hf auth whoami)."
        ) from error
    except (OfflineModeIsEnabled, OSError, ValueError) as error:
        raise UserError(f"{where}: cannot upload to {constants.ENDPOINT}: {_first_line(error)}. Try again.") from error
    return str(commit.commit_url)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

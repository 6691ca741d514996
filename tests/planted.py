"""Secrets planted where users keep them, and what finds them again."""

import base64
import os
from pathlib import Path

PLANTED = "gEh3im-4711"
# Encoded for a header with the user's name before it, at each of the three places where it can begin.
ENCODED = {base64.b64encode(f"{'x' * n}me:{PLANTED}".encode())[4:-4] for n in range(3)}
SECRETS = {
    name: f"{PLANTED}-{name}"
    for name in (
        *("HF_TOKEN", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "MLFLOW_TRACKING_PASSWORD"),
        *("WANDB_API_KEY", "GOOGLE_API_KEY", "MSD_RAY_PLANTED"),
    )
}
ENVIRONMENT = {**SECRETS, "MLFLOW_TRACKING_USERNAME": "me"}


def holds_planted(content: bytes) -> bool:
    return PLANTED.encode() in content or any(part in content for part in ENCODED)


def files_with_planted(*directories: Path) -> list[str]:
    """Every file that holds a planted secret, in its content or its name; there must be files."""
    files = [path for directory in directories for path in directory.rglob("*") if path.is_file()]
    assert files
    return [str(path) for path in files if holds_planted(path.read_bytes() + os.fsencode(path))]

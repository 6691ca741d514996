"""The files of an encoder (`EncoderFiles`), and the hash that identifies it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from msd_ray.common.errors import UserError

from .cache import file_digest

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
WEIGHTS = ("model.safetensors", "model-*.safetensors", INDEX)
TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "spiece.model",
)
# One of these contains the vocabulary; the other tokenizer files only describe it.
VOCABULARY = ("tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model", "spiece.model")
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack")


@dataclass(frozen=True, kw_only=True)
class EncoderFiles:
    """A pre-trained encoder in a local directory in the usual Hugging Face layout.

    Args:
        name: the name that the user gave.
        directory: the local directory.
        digest: SHA-256 (hexadecimal) of configuration, tokenizer and weights; equal contents have equal hashes
            whatever their names.
        licence: as stated in the model card, if at all.
    """

    name: str
    directory: Path
    digest: str
    licence: str | None = None


def content_files(directory: Path) -> list[Path]:
    """Configuration, tokenizer and weight files of an encoder directory, sorted by name."""
    patterns = (CONFIG, *TOKENIZER, *WEIGHTS)
    return sorted({path for pattern in patterns for path in directory.glob(pattern)}, key=lambda path: path.name)


def missing_parts(directory: Path) -> list[str]:
    """Which of configuration, weights and vocabulary the directory lacks; empty if it is complete."""
    names = {path.name for path in content_files(directory)}
    missing = [] if CONFIG in names else [CONFIG]
    if not any(name.endswith(".safetensors") for name in names):
        missing.append("model.safetensors")
    if names.isdisjoint(VOCABULARY):
        missing.append("tokenizer.json (or vocab.txt, sentencepiece.bpe.model)")
    return missing


def combine_digests(digests: dict[str, str]) -> str:
    """SHA-256 of file names and their SHA-256s, in the order of the names."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def directory_digest(directory: Path) -> str:
    """Content hash of an encoder directory.

    Raises:
        UserError: a file cannot be read.
    """
    try:
        return combine_digests({path.name: file_digest(path) for path in content_files(directory)})
    except OSError as error:
        raise UserError(f"encoder {directory}: cannot read {error.filename}: {error.strerror}") from error

"""What an encoder is on disk (`EncoderFiles`), and the digest that says which encoder it is."""

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
# One of these holds the vocabulary; the other tokenizer files only describe it.
VOCABULARY = ("tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model", "spiece.model")
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack")


@dataclass(frozen=True, kw_only=True)
class EncoderFiles:
    """A pre-trained encoder in a local directory of the usual Hugging Face layout.

    `name` is what the user asked for; `digest` (SHA-256, hexadecimal) covers configuration, tokenizer and
    weights, so two names of one content have one digest; `licence` is what the model card says, if anything.
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
    """Which of configuration, weights and vocabulary the directory lacks (empty: it is an encoder's)."""
    names = {path.name for path in content_files(directory)}
    missing = [] if CONFIG in names else [CONFIG]
    if not any(name.endswith(".safetensors") for name in names):
        missing.append("model.safetensors")
    if names.isdisjoint(VOCABULARY):
        missing.append("tokenizer.json (or vocab.txt, sentencepiece.bpe.model)")
    return missing


def combine_digests(digests: dict[str, str]) -> str:
    """One SHA-256 over file names and their SHA-256s, whatever order they come in."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def directory_digest(directory: Path) -> str:
    """Content digest of an encoder directory; `UserError` when a file cannot be read."""
    try:
        return combine_digests({path.name: file_digest(path) for path in content_files(directory)})
    except OSError as error:
        raise UserError(f"encoder {directory}: cannot read {error.filename}: {error.strerror}") from error

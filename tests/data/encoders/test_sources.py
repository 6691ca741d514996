"""Local directories, names that are nothing, digests and their cache."""

import json
import os
from pathlib import Path

import pytest
from tiny_bert import tiny_bert_directory

from msd_ray.common.errors import UserError
from msd_ray.common.files import sha256
from msd_ray.data.encoders.cache import cache_directory, file_digest
from msd_ray.data.encoders.sources import resolve


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MSD_RAY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tiny_bert_directory(tmp_path / "encoder", layers=1)
    files = resolve(str(directory))
    assert (files.name, files.directory, files.licence) == (str(directory), directory, None)
    assert len(files.digest) == 64
    monkeypatch.chdir(tmp_path)
    assert resolve("encoder").directory == directory
    assert resolve("encoder").digest == files.digest


def test_the_digest_is_the_contents(tmp_path: Path) -> None:
    one = resolve(str(tiny_bert_directory(tmp_path / "one", layers=1)))
    same = resolve(str(tiny_bert_directory(tmp_path / "same", layers=1)))
    other = resolve(str(tiny_bert_directory(tmp_path / "other", layers=1, seed=1)))
    assert one.digest == same.digest != other.digest
    (one.directory / "README.md").write_text("---\nlicense: [mit, apache-2.0]\n---\n")
    (one.directory / "notes.txt").write_text("nothing that the encoder is made of")
    assert resolve(one.name).digest == one.digest
    assert resolve(one.name).licence == "mit, apache-2.0"
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"):
        path = same.directory / name
        before = path.read_bytes()
        path.write_bytes(before + b" ")
        assert resolve(same.name).digest != one.digest, name
        path.write_bytes(before)
    assert resolve(same.name).digest == one.digest


@pytest.mark.parametrize("card", ["no front matter", "---\nlicense: [\n---\n", "---\nlanguage: en\n---\n"])
def test_a_card_that_names_no_licence(tmp_path: Path, card: str) -> None:
    directory = tiny_bert_directory(tmp_path / "encoder", layers=1)
    (directory / "README.md").write_text(card)
    assert resolve(str(directory)).licence is None


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_directory_that_lacks_something(tmp_path: Path, name: str) -> None:
    directory = tiny_bert_directory(tmp_path / "encoder", layers=1)
    (directory / name).unlink()
    with pytest.raises(UserError, match=f"{directory} lacks {name}"):
        resolve(str(directory))


def test_pickled_weights_in_a_directory(tmp_path: Path) -> None:
    directory = tiny_bert_directory(tmp_path / "encoder", layers=1)
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"pytorch_model\.bin, which is not read.*convert it to safetensors"):
        resolve(str(directory))


@pytest.mark.parametrize("name", ["", "/nowhere/at/all", "./nothing", "~/nothing-here", "a/b/c", "../x"])
def test_a_path_that_is_no_directory(name: str) -> None:
    with pytest.raises(UserError, match="no such directory"):
        resolve(name)


@pytest.mark.parametrize("name", ["two words", "a--b", "owner/name.git", "x" * 200])
def test_a_name_that_no_repository_can_have(name: str) -> None:
    with pytest.raises(UserError, match="neither a directory nor the name of a hub repository"):
        resolve(name)


def test_digests_are_computed_once(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "big"
    path.write_bytes(b"one")
    assert file_digest(path) == sha256(path)
    (note,) = (cache / "digests").iterdir()
    noted = json.loads(note.read_text())
    note.write_text(json.dumps({**noted, "sha256": "from the note"}))
    assert file_digest(path) == "from the note"
    stat = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert file_digest(path) == sha256(path)
    note.write_text("{damaged")
    assert file_digest(path) == sha256(path)
    assert [p.name for p in note.parent.iterdir()] == [note.name]


def test_a_cache_that_cannot_be_written(tmp_path: Path, cache: Path) -> None:
    cache.write_text("not a directory")
    with pytest.raises(UserError, match=r"cannot write to the cache .*MSD_RAY_CACHE"):
        resolve(str(tiny_bert_directory(tmp_path / "encoder", layers=1)))


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_directory() == tmp_path / "cache"
    monkeypatch.delenv("MSD_RAY_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_directory() == tmp_path / "xdg" / "msd_ray"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_directory() == tmp_path / ".cache" / "msd_ray"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_directory() == tmp_path / ".cache" / "msd_ray"

"""Manifests, seals, and what they find."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from msd_ray.common.manifest import (
    MANIFEST,
    DamagedError,
    FileDigest,
    new_content,
    read_manifest,
    read_sealed,
    remove,
    verify_directory,
    verify_file,
    write_sealed,
)


def fill(directory: Path) -> Path:
    with new_content(directory) as scratch:
        (scratch / "a.npy").write_bytes(b"0123456789")
        (scratch / "b.npy").write_bytes(b"")
    return directory


def test_a_manifest_names_every_file(tmp_path: Path) -> None:
    directory = fill(tmp_path / "thing")
    verify_directory(directory)
    assert {name: digest.size for name, digest in read_manifest(directory).items()} == {"a.npy": 10, "b.npy": 0}
    assert read_manifest(directory)["a.npy"].sha256.startswith("84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)


def edit(directory: Path, change: Callable[[dict[str, dict[str, object]]], object]) -> None:
    path = directory / MANIFEST
    content = json.loads(path.read_text())
    change(content["files"])
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda d: flip(d / "a.npy"), "a.npy is damaged: its SHA-256 is another"),
        (lambda d: (d / "a.npy").write_bytes(b"01234"), "a.npy has 5 bytes instead of 10"),
        (lambda d: (d / "b.npy").unlink(), "b.npy is missing"),
        (lambda d: (d / "c.npy").write_bytes(b""), "c.npy is not in its manifest"),
        (lambda d: (d / MANIFEST).unlink(), "thing has no manifest.json"),
        (lambda d: (d / MANIFEST).write_bytes(b'{"files": {"a'), "manifest.json is damaged"),
        (lambda d: (d / MANIFEST).write_bytes(b'{"files": ["a.npy"]}'), "manifest.json is damaged"),
        (lambda d: edit(d, lambda files: files.pop("b.npy")), "b.npy is not in its manifest"),
        (lambda d: edit(d, lambda files: files["a.npy"].update(size="10")), "manifest.json is damaged"),
        (lambda d: edit(d, lambda files: files.update({"../x": files["b.npy"]})), "manifest.json is damaged"),
        (lambda d: edit(d, lambda files: files.update({"/etc/x": files["b.npy"]})), "manifest.json is damaged"),
        (lambda d: edit(d, lambda files: files.update({"x/y": files["b.npy"]})), "manifest.json is damaged"),
    ],
)
def test_whatever_is_changed_is_found(tmp_path: Path, damage: Callable[[Path], object], expected: str) -> None:
    directory = fill(tmp_path / "thing")
    verify_directory(directory)
    damage(directory)
    with pytest.raises(DamagedError, match=expected.replace(".", r"\.")):
        verify_directory(directory)


def test_a_file_is_read_once_as_long_as_it_is_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"weights")
    digest = FileDigest.of(path)
    verify_file(path, digest)
    with monkeypatch.context() as patch:
        patch.setattr("msd_ray.common.manifest.sha256", lambda path: pytest.fail("read again"))
        verify_file(path, digest)
    stat = path.stat()
    path.write_bytes(b"weightz")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    with pytest.raises(DamagedError):
        verify_file(path, digest)


def test_a_seal_is_of_the_content_and_not_of_its_form(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    content = {"epochs": [{"f1": 0.1 + 0.2, "epoch": 1}], "complete": False}
    write_sealed(path, content)
    assert read_sealed(path) == content
    path.write_text(json.dumps(json.loads(path.read_text())))
    assert read_sealed(path) == content


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("0.25", "0.35"),
        lambda text: text[:20],
        lambda text: "",
        lambda text: "[1]",
        lambda text: "{}",
        lambda text: text.replace("false", "true"),
    ],
)
def test_a_broken_seal(tmp_path: Path, change: Callable[[str], str]) -> None:
    path = tmp_path / "record.json"
    write_sealed(path, {"f1": 0.25, "complete": False})
    path.write_text(change(path.read_text()))
    with pytest.raises(DamagedError, match=r"record\.json is damaged"):
        read_sealed(path)


def test_what_is_not_there_is_not_damaged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_sealed(tmp_path / "record.json")
    remove(tmp_path / "nothing")


def test_removed_at_once_and_whole(tmp_path: Path) -> None:
    remove(fill(tmp_path / "thing"))
    assert list(tmp_path.iterdir()) == []

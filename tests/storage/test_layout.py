"""Content keys, paths, and locks between real processes."""

import multiprocessing
import os
import signal
import socket
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from msd_ray.common.errors import UserError
from msd_ray.storage.layout import Storage, content_key

PROCESSES = multiprocessing.get_context("forkserver")


def hold_study(root: Path, name: str, held: Event) -> None:
    with Storage.at(root).study_lock(name):
        held.set()
        signal.pause()


def hold_path(path: Path, held: Event, seen: str) -> None:
    with Storage.at(path.parent).lock(path):
        held.set()
        path.with_name(seen).write_text(str(path.exists()))
        signal.pause()


def test_a_key_depends_on_the_content_alone() -> None:
    key = content_key(kind="teacher", settings={"learning_rate": 1e-3, "alpha": 0.1}, labels=("O", "B-PER"))
    assert key == content_key(labels=["O", "B-PER"], kind="teacher", settings={"alpha": 0.1, "learning_rate": 1e-3})
    assert len(key) == 20
    others = [
        content_key(kind="student", settings={"learning_rate": 1e-3, "alpha": 0.1}, labels=("O", "B-PER")),
        content_key(kind="teacher", settings={"learning_rate": 1e-3, "alpha": 0.1000001}, labels=("O", "B-PER")),
        content_key(kind="teacher", settings={"learning_rate": 1e-3, "alpha": 0.1}, labels=("B-PER", "O")),
    ]
    assert len({key, *others}) == 4


def test_a_key_of_nan_is_an_error() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        content_key(rate=float("nan"))


def test_kinds_of_artifacts_have_directories_of_their_own(tmp_path: Path) -> None:
    storage = Storage.at(tmp_path)
    places = [
        storage.features("k"),
        storage.teacher("k"),
        storage.outputs("k"),
        storage.student("k"),
        storage.model("k"),
    ]
    assert len({*places, storage.ray}) == 6
    assert all(place.is_relative_to(tmp_path.resolve()) for place in places)


def test_opening_a_storage_writes_nothing(tmp_path: Path) -> None:
    storage = Storage.at(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    storage.create()
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_file_instead_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file is not a directory.*--storage"):
        Storage.at(tmp_path / "file" / "runs")


def test_a_study_is_locked_until_its_process_exits(tmp_path: Path) -> None:
    held = PROCESSES.Event()
    holder = PROCESSES.Process(target=hold_study, args=(tmp_path, "first", held))
    holder.start()
    assert held.wait(60)
    storage = Storage.at(tmp_path)
    who = rf"process {holder.pid} on {socket.gethostname()}, since 2\d{{3}}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    with (
        pytest.raises(UserError, match=rf"another process is running the study first in .* \({who}\); .*--name"),
        storage.study_lock("first"),
    ):
        pass
    with storage.study_lock("second"):
        pass
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with storage.study_lock("first"):
        pass


def test_a_damaged_holder_file_is_not_shown(tmp_path: Path) -> None:
    held = PROCESSES.Event()
    holder = PROCESSES.Process(target=hold_study, args=(tmp_path, "first", held))
    holder.start()
    assert held.wait(60)
    (tmp_path / "studies" / "first.holder").write_bytes(b"\x1b[2Jme\nerror: none\xff")
    try:
        with pytest.raises(UserError) as refused, Storage.at(tmp_path).study_lock("first"):
            pass
    finally:
        holder.kill()
        holder.join()
    assert str(refused.value).endswith(f"the study first in {tmp_path}; wait for it, or choose another --name")


def test_a_lock_is_released_when_its_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "teachers" / "key"
    first_holds, second_holds = PROCESSES.Event(), PROCESSES.Event()
    first = PROCESSES.Process(target=hold_path, args=(path, first_holds, "first"))
    first.start()
    assert first_holds.wait(60)
    second = PROCESSES.Process(target=hold_path, args=(path, second_holds, "second"))
    second.start()
    assert not second_holds.wait(1)
    path.mkdir()
    first.kill()
    assert second_holds.wait(60)
    second.kill()
    first.join()
    second.join()

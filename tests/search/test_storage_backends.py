"""The contract of storages, kept by a directory and by an object store: nodes and drivers find what others stored."""

import pickle
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from nodes import Nodes, epochs, prepared_at, warnings
from small_search import StoppedError, data, run_trials, student_plan, weights_of

from msd_ray.common.errors import UserError
from msd_ray.common.manifest import FileDigest
from msd_ray.data.encoders.files import EncoderFiles
from msd_ray.search.plans import TrialReport
from msd_ray.search.prepare import prepare, prepare_test, read
from msd_ray.storage.artifacts import ensure_local, trained_weights
from msd_ray.storage.layout import Storage

HOLD = """
import signal, sys
from msd_ray.storage.layout import Storage
with Storage.at(sys.argv[1]).study_lock("first"):
    print("held", flush=True)
    signal.pause()
"""


@pytest.fixture(params=["directory", "object store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty storage of each kind."""
    if request.param == "directory":
        return str(tmp_path / "storage")
    on_s3: str = request.getfixturevalue("s3")
    return on_s3


@pytest.fixture
def nodes(place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Nodes:
    return Nodes(monkeypatch, tmp_path / "nodes")


@pytest.fixture(scope="module")
def expected(tiny_encoder: EncoderFiles, small_corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The hash of an undisturbed student's weights."""
    experiment = prepared_at(str(tmp_path_factory.mktemp("undisturbed")), tiny_encoder, small_corpora)
    return weights_of(run_trials(experiment, student_plan()))


def test_what_one_node_trained_another_one_finds(
    nodes: Nodes, place: str, tiny_encoder: EncoderFiles, small_corpora: Path, expected: str
) -> None:
    nodes.on("a")
    experiment = prepared_at(place, tiny_encoder, small_corpora)
    first = run_trials(experiment, student_plan())
    travelled = pickle.dumps(experiment)
    nodes.on("b")
    again = run_trials(pickle.loads(travelled), student_plan())
    # The times of its epochs are the first node's: nothing was trained, and no outputs were computed.
    assert epochs(again) == epochs(first)
    assert weights_of(again) == expected
    assert "teacher outputs" in [report.stage for report in first]
    assert "teacher outputs" not in [report.stage for report in again]
    assert warnings(again) == []


@pytest.mark.parametrize("stopped_at", ["teacher", "student"])
def test_a_trial_goes_on_on_another_node_where_it_was(
    nodes: Nodes, place: str, tiny_encoder: EncoderFiles, small_corpora: Path, expected: str, stopped_at: str
) -> None:
    times: list[int] = []

    def stop(report: TrialReport) -> None:
        if report.stage == f"{stopped_at} epoch 1/2":
            times.append(report.timestamp_ms)
            raise StoppedError

    nodes.on("a")
    experiment = prepared_at(place, tiny_encoder, small_corpora)
    with pytest.raises(StoppedError):
        run_trials(experiment, student_plan(), on_report=stop)
    nodes.on("b")
    again = run_trials(experiment, student_plan())
    assert weights_of(again) == expected
    if stopped_at == "student":
        assert [report.timestamp_ms for report in again if report.epoch == 1] == times
    assert warnings(again) == []


def test_results_and_weights_come_back_to_the_driver(
    nodes: Nodes, place: str, tiny_encoder: EncoderFiles, small_corpora: Path
) -> None:
    nodes.on("driver")
    where = data(small_corpora)
    done = prepare(where, read(where), tiny_encoder, Storage.at(place))
    scored = prepare_test(where, done)
    nodes.on("worker")
    finished = run_trials(done.experiment, student_plan(scored=scored))[-1]
    nodes.on("driver")
    assert finished.files is not None
    storage = done.experiment.storage
    assert (ensure_local(storage, storage.root / finished.files) / "predictions.parquet").is_file()
    name, digest = finished.tags["weights"], finished.tags["weights_sha256"]
    assert FileDigest.of(trained_weights(storage, name, digest)).sha256 == digest
    with pytest.raises(UserError, match=r"is damaged.*new --name"):
        trained_weights(storage, name, "0" * 64)


def test_one_driver_at_a_time_holds_a_study(nodes: Nodes, place: str) -> None:
    nodes.on("a")
    holder = subprocess.Popen([sys.executable, "-c", HOLD, place], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        nodes.on("b")
        storage = Storage.at(place)
        who = rf"process {holder.pid} on {socket.gethostname()}, since 2\d{{3}}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
        with (
            pytest.raises(UserError, match=rf"running the study first in {place} \({who}\); .*--name"),
            storage.study_lock("first"),
        ):
            pass
        with storage.study_lock("second"):
            pass
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    with storage.study_lock("first"):
        pass

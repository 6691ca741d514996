"""Interfaces of Ray that are not public: still as this project assumes, and imported in one place only.

What they do on a cluster is tested in `test_placement`, `test_on_ray` and the chaos suite.
"""

import inspect
import re
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import get_args

import pytest
import ray.train
from packaging.requirements import Requirement
from packaging.version import Version
from ray._private.state import GlobalState
from ray.train.v2._internal.execution.controller.controller import TrainController
from ray.train.v2._internal.execution.worker_group.worker import RayTrainWorker
from ray.train.v2._internal.execution.worker_group.worker_group import WorkerGroup
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

from msd_ray.search.on_ray import private, reporting
from msd_ray.search.on_ray.workers import Trainer

ROOT = Path(__file__).parents[2]


def test_they_are_imported_in_one_place() -> None:
    """The doctor has its own: Ray's validation of launcher YAMLs, and what it uploads."""
    private_name = re.compile(r"^\s*(?:from|import) ray[\w.]*(?:\._|\.generated|\.class_cache)", re.MULTILINE)
    found = {
        str(path.relative_to(ROOT / "msd_ray"))
        for path in (ROOT / "msd_ray").rglob("*.py")
        if private_name.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"search/on_ray/private.py", "doctor/cluster_files.py", "doctor/upload.py"}


def test_only_releases_that_were_tested_are_admitted() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (ray_release,) = (one for one in map(Requirement, project["dependencies"]) if one.name == "ray")
    installed = Version(version("ray"))
    assert installed in ray_release.specifier
    assert f"{installed.major}.{installed.minor + 1}.0" not in ray_release.specifier


def test_tune_passes_on_the_variables_of_trials_and_no_keys() -> None:
    assert "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER" in private.ENV_VARS_TO_PROPAGATE
    assert not [name for name in private.ENV_VARS_TO_PROPAGATE if name.startswith("AWS_")]
    assert private.DEFAULT_ENV_VARS["MALLOC_ARENA_MAX"]


def test_ray_train_starts_two_processes_that_trials_do_not_need() -> None:
    """If it no longer does, or does it elsewhere, the class `Trainer` can go, or must change."""

    def callbacks(trainer: type[DataParallelTrainer]) -> set[type]:
        made = trainer(lambda: None, scaling_config=ray.train.ScalingConfig(num_workers=1))
        return {type(callback) for callback in made._create_default_callbacks()}

    left_out = {private.PlacementGroupCleanerCallback, private.DatasetsCallback}
    assert callbacks(DataParallelTrainer) - callbacks(Trainer) == left_out
    provider = inspect.signature(RayTrainWorker.init_train_context).parameters["dataset_shard_provider"]
    assert provider.default is None, "a worker does without the manager of data sets"


@pytest.mark.parametrize(
    ("owner", "method"),
    [
        (private.WorkerGroupCallback, "before_worker_group_start"),
        (private.ControllerCallback, "after_controller_state_update"),
    ],
)
def test_the_controller_calls_back(owner: type, method: str) -> None:
    own = inspect.signature(getattr(reporting.ControllerReporter, method))
    assert list(own.parameters) == list(inspect.signature(getattr(owner, method)).parameters)
    callers = inspect.getsource(WorkerGroup) + inspect.getsource(TrainController)
    assert method in callers


def test_the_clusters_table_has_what_public_ones_lack() -> None:
    assert callable(GlobalState._connect_and_get_accessor)
    assert get_args(inspect.signature(private.gcs.get_draining_nodes).return_annotation) == (str, int)
    group = private.PlacementGroupTableData(creator_job_id=b"j", creator_actor_id=b"a", creator_actor_dead=True)
    assert {"PENDING", "CREATED", "REMOVED"} <= set(private.PlacementGroupTableData.PlacementGroupState.keys())
    assert private.PlacementGroupTableData.FromString(group.SerializeToString()).creator_actor_dead

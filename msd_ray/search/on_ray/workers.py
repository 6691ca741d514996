"""What Ray runs for a trial: its own process, or Ray Train workers.

A trial with workers has two more processes: Tune's, which waits, and Ray Train's controller. Both import this module;
torch and transformers, which take seconds to import, are imported only where training runs.
"""

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import ray
import ray.train
from ray import tune
from ray.train.v2.api.callback import RayTrainCallback
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

from ..plans import Launch
from .private import DatasetsCallback, PlacementGroupCleanerCallback, gcs
from .reporting import failure_result, forward_reports, worker_failure
from .resources import Resources
from .reuse import reusable
from .run_files import RunFiles

if TYPE_CHECKING:
    import torch

    from msd_ray.method.within_epoch import Warned

    from ..context import Report

# One byte: without any resource Tune would reserve a CPU, which the trial's workers may need.
TRIAL_DRIVER: dict[str, float] = {"memory": 1}
RETRIES = 2
"""Restarts after a failure: of workers by Ray Train, of a trial whose own process died by Tune."""
Work: TypeAlias = "Callable[[Launch, torch.device, Report, Warned], None]"


def trainable(resources: Resources, name: str, work: Work) -> Any:
    """What Tune runs for a launch, with its resources.

    Args:
        resources: of a trial.
        name: directory of Ray Train's files.
        work: what a trial without workers runs in its own process; Ray Train's workers always run the launch.
    """
    if resources.workers == 0:

        def run_here(config: dict[str, Any]) -> None:
            _run_here(config["launch"], work)

        reused = tune.with_resources(reusable(run_here), {"cpu": resources.cpus, "gpu": resources.gpus})
        reused.__qualname__ = reused.__name__  # the process title, idle and busy
        return reused

    def run_with_train(config: dict[str, Any]) -> None:
        _run_with_train(config["launch"], resources, name)

    return tune.with_resources(run_with_train, TRIAL_DRIVER)


def _run_here(launch: Launch, work: Work) -> None:
    """Run a launch in the Tune trial's own process."""
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() and ray.get_gpu_ids() else "cpu")
    work(launch, device, lambda report: tune.report(report.to_result()), node_is_draining)


def _run_with_train(launch: Launch, resources: Resources, name: str) -> None:
    """Run a launch as a Ray Train run, with any number of workers."""
    try:
        with forward_reports() as callbacks:
            Trainer(
                _train_worker,
                train_loop_config={"launch": launch},
                scaling_config=ray.train.ScalingConfig(
                    num_workers=resources.workers,
                    use_gpu=resources.gpus > 0,
                    resources_per_worker={"CPU": resources.cpus, **({"GPU": resources.gpus} if resources.gpus else {})},
                ),
                run_config=ray.train.RunConfig(
                    name=f"train-{uuid.uuid4().hex[:8]}",
                    **RunFiles.of(launch.experiment.storage).below(name).arguments,
                    callbacks=callbacks,  # type: ignore[arg-type]
                    failure_config=ray.train.FailureConfig(
                        max_failures=RETRIES,
                        controller_failure_limit=RETRIES,  # type: ignore[call-arg]
                    ),
                ),
            ).fit()
    except ray.train.WorkerGroupError as error:
        # Ray Train has retried already; if this were raised, Tune would retry all of it again.
        tune.report(failure_result(worker_failure(error.worker_failures), last=True))


class Trainer(DataParallelTrainer):
    """Ray Train without two processes per trial that take 0.1 GB each on the head (docs/load.md).

    Not TorchTrainer: `process_group` has its own rendezvous.
    """

    def _create_default_callbacks(self) -> list[RayTrainCallback]:
        """Without the cleaner of placement groups, which `placement` replaces, and the manager of Ray Data's sets."""
        unused = (PlacementGroupCleanerCallback, DatasetsCallback)
        return [one for one in super()._create_default_callbacks() if not isinstance(one, unused)]


def _train_worker(config: dict[str, Any]) -> None:
    """Run a launch on one of a run's workers and report to Ray Train."""
    import ray.train.torch
    import torch

    from ..work import run_launch
    from .process_group import process_group

    launch: Launch = config["launch"]
    device = ray.train.torch.get_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)  # NCCL uses the current device
    with process_group(device):
        run_launch(launch, device, lambda report: ray.train.report(report.to_result()), node_is_draining)


def node_is_draining() -> bool:
    """Whether this process's node is about to be reclaimed, as Ray was told (`ray drain-node`); asks the head.

    Ray Train's own `get_preemption_info` exists only where it trains, only with its watcher, and waits for all workers.
    """
    return ray.get_runtime_context().get_node_id() in gcs.get_draining_nodes()

"""What Ray starts for a trial: its own process, or Ray Train workers.

A trial with workers has a process that waits for them and one of Ray Train's that looks after them. Both import this;
torch and transformers, which take seconds, are imported by those alone that train.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import ray
import ray.train
import ray.train.torch
import torch
from ray import tune
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

from ..plans import Launch
from ..work import run_launch
from .failures import worker_failure
from .process_group import process_group
from .reporting import failure_result, reports_to_trial
from .reuse import reusable
from .run_files import RunFiles

if TYPE_CHECKING:
    import torch

    from ..context import Send

# One byte: without any resource Tune would ask for a whole CPU, which the trial's workers may be waiting for.
TRIAL_DRIVER: dict[str, float] = {"memory": 1}
RETRIES = 2
"""How often what failed is started again: workers by Ray Train, a trial whose own process died by Tune."""
Work: TypeAlias = "Callable[[Launch, torch.device, Send], None]"


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a trial gets: `workers` Ray Train workers, 0 for none (the trial trains in its own process).

    cpus, gpus: of each worker; gpus may be a fraction. concurrent: trials at once.
    """

    workers: int = 1
    cpus: int = 1
    gpus: float = 0.0
    concurrent: int = 1


def trainable(resources: Resources, name: str, work: Work) -> Any:
    """What Tune runs for a launch, and what it asks of the cluster.

    name: of the directory of Ray Train's files. work: what a trial in its own process does; Ray Train's workers run
    the launch in any case.
    """
    if resources.workers == 0:

        def run_here(config: dict[str, Any]) -> None:
            _run_here(config["launch"], work)

        asking = tune.with_resources(reusable(run_here), {"cpu": resources.cpus, "gpu": resources.gpus})
        asking.__qualname__ = asking.__name__  # the name in the titles of its processes, idle and busy
        return asking

    def run_with_train(config: dict[str, Any]) -> None:
        _run_with_train(config["launch"], resources, name)

    return tune.with_resources(run_with_train, TRIAL_DRIVER)


def _run_here(launch: Launch, work: Work) -> None:
    """A trial in the Tune trial's own process."""
    import torch

    device = torch.device("cuda" if torch.cuda.is_available() and ray.get_gpu_ids() else "cpu")
    work(launch, device, lambda report: tune.report(report.to_result()))


def _run_with_train(launch: Launch, resources: Resources, name: str) -> None:
    """A trial as a Ray Train run of its own, with any number of workers."""
    try:
        with reports_to_trial() as callback:
            # Not TorchTrainer: the workers meet on a socket of their own (`process_group`).
            DataParallelTrainer(
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
                    callbacks=[callback],  # type: ignore[list-item]
                    failure_config=ray.train.FailureConfig(
                        max_failures=RETRIES,
                        controller_failure_limit=RETRIES,  # type: ignore[call-arg]
                    ),
                ),
            ).fit()
    except ray.train.WorkerGroupError as error:
        # Ray Train has tried it often enough: raised, Tune would begin all of that again.
        tune.report(failure_result(worker_failure(error.worker_failures), last=True))


def _train_worker(config: dict[str, Any]) -> None:

    train_worker(config["launch"])


def train_worker(launch: Launch) -> None:
    """Do the launch's work, with the run's other workers if there are any, and report to Ray Train."""
    device = ray.train.torch.get_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)  # NCCL takes the current one
    with process_group(device):
        run_launch(launch, device, lambda report: ray.train.report(report.to_result()))

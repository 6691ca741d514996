"""What a Ray Train worker does."""

import ray.train
import ray.train.torch
import torch

from ..plans import Launch
from ..work import run_launch
from .process_group import process_group


def train_worker(launch: Launch) -> None:
    """Do the launch's work, with the run's other workers if there are any, and report to Ray Train."""
    device = ray.train.torch.get_device()
    if device.type == "cuda":
        torch.cuda.set_device(device)  # NCCL takes the current one
    with process_group(device):
        run_launch(launch, device, lambda report: ray.train.report(report.to_result()))

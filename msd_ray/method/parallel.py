"""Data-parallel workers: each computes its share of every batch, gradients are summed.

A worker's loss is its part of the whole batch's loss, so the sum over workers equals the loss of a single worker.
Everything here also works with one worker and no process group.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Workers:
    """The workers of a training.

    Args:
        rank: this worker, 0..size-1.
        size: number of workers.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def current(cls) -> "Workers":
        """Workers of the process group; one worker if there is none."""
        if dist.is_available() and dist.is_initialized():
            return cls(rank=dist.get_rank(), size=dist.get_world_size())
        return cls()

    @property
    def first(self) -> bool:
        """Whether this worker writes files."""
        return self.rank == 0

    def barrier(self) -> None:
        """Wait until all workers reach this call."""
        if self.size > 1:
            dist.barrier()

    @property
    def share(self) -> slice:
        """This worker's items of a sequence: every size-th, starting at its rank."""
        return slice(self.rank, None, self.size)

    def gather_objects(self, value: Item) -> list[Item]:
        """The values of all workers, by rank, on every worker."""
        if self.size == 1:
            return [value]
        values: list[Item | None] = [None] * self.size
        dist.all_gather_object(values, value)
        return values  # type: ignore[return-value]

    def from_first(self, find: Callable[[], Item]) -> Item:
        """Call `find` on the first worker and return its result on all workers."""
        found = self.gather_objects(find() if self.first else None)[0]
        return cast(Item, found)

    def sum(self, value: Tensor) -> Tensor:
        """Sum over workers, without gradient."""
        if self.size > 1:
            value = value.clone()
            dist.all_reduce(value)
        return value

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Sum gradients over workers in one all-reduce."""
        if self.size == 1:
            return
        gradients = [p.grad if p.grad is not None else _zero_gradient(p) for p in parameters]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        for gradient, part in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def gather_rows(self, rows: Tensor) -> Tensor:
        """Concatenate all workers' rows, (N_r, H) -> (sum N_r, H); only this worker's get a gradient.

        A loss of the gathered rows is equal on all workers, so the summed gradients equal those of a single worker.
        """
        if self.size == 1:
            return rows
        counts = self.gather_objects(len(rows))
        longest = max(counts)
        padded = rows.new_zeros(longest, rows.shape[1])
        padded[: len(rows)] = rows.detach()
        parts = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(parts, padded)
        gathered = [part[:count] for part, count in zip(parts, counts, strict=True)]
        gathered[self.rank] = rows
        return torch.cat(gathered)


def _zero_gradient(parameter: torch.nn.Parameter) -> Tensor:
    parameter.grad = torch.zeros_like(parameter)
    return parameter.grad

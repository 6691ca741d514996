"""Several workers on one training: each takes its share of every batch, gradients are summed.

The loss of a worker is its part of the whole batch's loss, so that the sum over workers is what one worker would
compute. Everything here works unchanged with one worker and no process group.
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
    """rank: this worker, 0..size-1."""

    rank: int = 0
    size: int = 1

    @classmethod
    def current(cls) -> "Workers":
        """The process group's, or one worker where there is none."""
        if dist.is_available() and dist.is_initialized():
            return cls(rank=dist.get_rank(), size=dist.get_world_size())
        return cls()

    @property
    def first(self) -> bool:
        """Whether this worker writes the files."""
        return self.rank == 0

    def barrier(self) -> None:
        """Wait until every worker is here."""
        if self.size > 1:
            dist.barrier()

    @property
    def share(self) -> slice:
        """This worker's items of a sequence that all workers divide: every size-th, from its rank on."""
        return slice(self.rank, None, self.size)

    def gather_objects(self, value: Item) -> list[Item]:
        """Every worker's value, by rank, on every worker."""
        if self.size == 1:
            return [value]
        values: list[Item | None] = [None] * self.size
        dist.all_gather_object(values, value)
        return values  # type: ignore[return-value]

    def from_first(self, find: Callable[[], Item]) -> Item:
        """What the first worker finds, on every worker; the others wait for it."""
        found = self.gather_objects(find() if self.first else None)[0]
        return cast(Item, found)

    def sum(self, value: Tensor) -> Tensor:
        """The sum over workers, without gradient."""
        if self.size > 1:
            value = value.clone()
            dist.all_reduce(value)
        return value

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Add up gradients over workers in one message."""
        if self.size == 1:
            return
        gradients = [p.grad if p.grad is not None else _zero_gradient(p) for p in parameters]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        for gradient, part in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def gather_rows(self, rows: Tensor) -> Tensor:
        """All workers' rows (N_r, H) as one (sum N_r, H); the gradient flows into this worker's own alone.

        A loss of the gathered rows is the same on every worker; summed gradients then equal one worker's.
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

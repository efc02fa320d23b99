"""This process among the processes of a run: alone, or one of those that torchrun started."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from posegen.compute.failures import patience
from posegen.core.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True)
class Process:
    """Rank, number of processes, and the device of this one.

    Attributes:
        began: whether the group of processes was begun for this, and ends with it.
    """

    device: torch.device
    rank: int = 0
    world: int = 1
    began: bool = False

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and talks."""
        return self.rank == 0

    @property
    def distributed(self) -> bool:
        """Whether there are others."""
        return self.world > 1

    def mean(self, values: Tensor) -> Tensor:
        """Average a tensor over the processes."""
        if self.distributed:
            dist.all_reduce(values)
            values = values / self.world
        return values

    def agree(self, value: T) -> T:
        """Return the first process's value to all."""
        if not self.distributed:
            return value
        box = [value]
        # NCCL needs pickled values on this process's GPU.
        on = self.device if self.device.type == "cuda" else None
        dist.broadcast_object_list(box, src=0, device=on)
        return box[0]

    def gather(self, value: T) -> list[T]:
        """Return every process's value, in the order of the ranks, to the first; others get []."""
        if not self.distributed:
            return [value]
        box: list[T] | None = [value] * self.world if self.is_main else None
        dist.gather_object(value, box)
        return box or []

    def wait(self) -> None:
        """Wait for the others."""
        if self.distributed:
            dist.barrier()


def pick_device(name: str) -> torch.device:
    """Return the device for `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.

    Raises:
        ConfigError: where there is no such device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"--device {name}: cannot be used ({reason}); try `auto`.") from None
    return device


def join(device: str) -> Process:
    """Find this process's place; under torchrun, join the others (NCCL on GPUs, else Gloo).

    A group can be begun once in a process; whoever trains twice in one begins and ends it outside.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return Process(pick_device(device))
    local, rank = int(os.environ["LOCAL_RANK"]), int(os.environ["RANK"])
    on_gpu = device == "cuda" or (device == "auto" and torch.cuda.is_available())
    chosen = pick_device(f"cuda:{local}" if on_gpu else device)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    begins = not dist.is_initialized()
    if begins:
        backend = "nccl" if chosen.type == "cuda" else "gloo"
        dist.init_process_group(backend, timeout=timedelta(seconds=patience()))
    return Process(chosen, rank, world, began=begins)


def leave(process: Process) -> None:
    """Leave the group, if `join` began it."""
    if process.began:
        dist.destroy_process_group()

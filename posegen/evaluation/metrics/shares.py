"""Work on batches that is many small operations, spread over a CPU's cores.

torch spreads every single operation over the cores, and at its end all of them wait for the last.
Where operations are short and another process is on one of the cores, nearly all of the time is
spent waiting. Here each core has images of its own, from the first operation to the last.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch
from torch import Tensor


def in_shares(make: Callable[..., Tensor], *batches: Tensor) -> Tensor:
    """Return make(*batches), where `make` treats every image on its own.

    Args:
        make: called with the same images of all batches, on a CPU once per core at the same time;
            returns (b, …) for (b, …).
        batches: tensors of the same images (B, …), B at least 1.
    """
    count = min(torch.get_num_threads(), len(batches[0]))
    if count == 1 or batches[0].device.type != "cpu":
        return make(*batches)
    parts = zip(*(torch.tensor_split(batch, count) for batch in batches), strict=True)
    pool = _pool(torch.get_num_threads(), os.getpid())
    return torch.cat(list(pool.map(lambda part: make(*part), parts)))


@cache
def _pool(count: int, process: int) -> ThreadPoolExecutor:
    """Return threads in which torch's operations run on one core.

    Args:
        count: how many.
        process: whose; a forked process inherits no threads.
    """
    started = threading.Barrier(count + 1)

    def start() -> None:
        torch.set_num_threads(1)
        torch.get_num_threads()  # a thread's number is settled when it is first asked for
        started.wait()

    pool = ThreadPoolExecutor(count, initializer=start)
    for _ in range(count):
        pool.submit(int)
    started.wait()
    torch.set_num_threads(count)  # a part of what the threads have set is the whole process's
    return pool

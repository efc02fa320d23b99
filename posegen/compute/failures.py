"""What a machine can fail at, as sentences: memory, disks, other processes. Free of torch."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable, Sized
from typing import Any, TypeVar

from posegen.core.errors import PosegenError

T = TypeVar("T")

#: How errors begin that torch raises as a plain RuntimeError where memory is lacking.
_MEMORY = ("DefaultCPUAllocator", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
#: What torch's backends say of a process that does not answer, or is gone.
_PEERS = ("Timed out waiting", "Timed out after", "Connection closed by peer", "reset by peer",
          "Socket Timeout", "wait timeout")  # fmt: skip


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was lacking, on a GPU or beside it."""
    torch = sys.modules.get("torch")
    if isinstance(error, MemoryError) or (torch and isinstance(error, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _MEMORY)


def is_lost_peer(error: BaseException) -> bool:
    """Whether another process of the run did not answer, or is gone."""
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return several and any(sign in str(error) for sign in _PEERS)


def most_that_fit(count: int, attempt: Callable[[int], object]) -> int:
    """Return the largest of count/2, count/4, … for which `attempt` finds memory; else 0.

    Called after `count` found none; `attempt` gets the number and may leave anything behind.
    """
    while count > 1:
        count //= 2
        _release()
        try:
            attempt(count)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            traceback.clear_frames(error.__traceback__)  # they hold tensors
        else:
            return count
    return 0


def within_memory(batch: Sized, make: Callable[[Any], T], device: object) -> T:
    """Return `make(batch)`.

    Raises:
        PosegenError: where memory is lacking, with how many of the batch would fit.
    """
    try:
        return make(batch)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        traceback.clear_frames(error.__traceback__)  # they hold tensors
    count = len(batch)
    fits = most_that_fit(count, lambda few: make(batch.part(0, few)))  # type: ignore[attr-defined]
    remedy = f"{fits} fit, so take `--batch-size {fits}`" if fits else "use smaller pictures"
    raise PosegenError(f"out of memory on {device} with {count} pictures at once; {remedy}.")


def _release() -> None:
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_available():
        torch.cuda.empty_cache()


def sentence(error: BaseException) -> tuple[str, int] | None:
    """Return what to say of a failure that nobody has foreseen, and the exit code; None: unknown.

    The code is 2 where another path mends it, else 1.
    """
    if is_out_of_memory(error):
        return (
            "out of memory; use a smaller batch (--batch-size), smaller pictures, or fewer "
            "--workers, and end what else takes memory on this machine.",
            1,
        )
    if is_lost_peer(error):
        return (
            "another process of this run has ended, or has not answered for "
            f"{patience():g} seconds; look for its error above, or whether it was stopped. "
            "What was saved stays: go on with --resume.",
            1,
        )
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        return "the home folder that `~` stands for is not known; set HOME, or write it out.", 2
    if not isinstance(error, OSError) or error.errno is None:
        return None
    path = os.fsdecode(error.filename) if error.filename else "a file"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{path}: no room is left on its disk; make some, or give another path.", 1
    if not error.filename:
        return None
    # What the system says where a path that was given cannot be what it is used as.
    wrong = (FileExistsError, FileNotFoundError, NotADirectoryError, IsADirectoryError)
    if isinstance(error, (*wrong, PermissionError)) or error.errno == errno.EROFS:
        return f"{path}: {error.strerror}; give another path.", 2
    return f"{path}: {error.strerror}.", 1


def patience() -> float:
    """Return for how many seconds a process waits for the others: $POSEGEN_PATIENCE, or 900.

    What one process does alone, such as FID of all pictures or compiling, takes less.
    """
    try:
        return max(1.0, float(os.environ.get("POSEGEN_PATIENCE", "900")))
    except ValueError:
        return 900.0

"""Files that users name, opened only where they are regular ones; folders that one process holds.

A pipe or a device may never end, and two processes that write into one folder mix their files.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from posegen.core.errors import ConfigError

#: What a held folder has: the lock, and who has it.
LOCK, HOLDER = ".lock", ".holder"


def open_regular(path: Path) -> BinaryIO:
    """Open a file to read its bytes.

    Raises:
        OSError: where it is not there or cannot be opened; also where it is a device, a pipe or a
            socket, which is never waited for.
    """
    # Without O_NONBLOCK, opening a pipe waits until somebody writes to it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "a device, a pipe or a socket, and no file", str(path))


def read_regular(path: Path, limit: int) -> bytes:
    """Read a file of at most `limit` bytes; see `open_regular` for errors, and OSError beyond."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise OSError(errno.EFBIG, f"{size:,} bytes, and at most {limit:,} are read", str(path))
        return file.read()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder that is there against other processes; the system lets go of it with a kill.

    Raises:
        ConfigError: where another process holds it, saying which.
    """
    try:
        lock = FileLock(folder / LOCK, timeout=0)
        lock.acquire()
    except Timeout:
        holder = "another process"
        with suppress(OSError, UnicodeDecodeError):
            holder = (folder / HOLDER).read_text("utf-8").strip() or holder
        raise ConfigError(
            f"{folder}: {holder} is at work there; wait for it, or choose another folder."
        ) from None
    try:
        me = f"process {os.getpid()} on {socket.gethostname()}"
        (folder / HOLDER).write_text(f"{me}\n", encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            (folder / HOLDER).unlink(missing_ok=True)
        lock.release()

"""The pace of a run, and signals that ask it to stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor

#: What a user may have called after each step, with its number and the losses' terms by name:
#: tensors, so that the device is waited for only where one is read.
OnStep = Callable[[int, Mapping[str, Tensor]], None]


class Meter:
    """Images per second, and the time left."""

    def __init__(self, step: int, batch_size: int) -> None:
        self._batch_size = batch_size
        self._step, self._time = step, time.perf_counter()

    def read(self, step: int, total: int) -> tuple[float, float]:
        """Return images per second since the last reading, and the seconds left at that pace."""
        now = time.perf_counter()
        pace = (now - self._time) / max(1, step - self._step)
        self._step, self._time = step, now
        return self._batch_size / pace, pace * (total - step)


@contextmanager
def stop_signals() -> Iterator[dict[str, bool]]:
    """Turn the first Ctrl-C, SIGTERM or SIGHUP into a request to stop; a second one acts at once.

    A SIGHUP that is ignored (`nohup`) stays ignored."""
    state = {"asked": False}

    def ask(number: int, frame: object) -> None:
        if state["asked"]:
            raise KeyboardInterrupt
        state["asked"] = True

    try:
        asking = [signal.SIGINT, signal.SIGTERM]
        hangup = getattr(signal, "SIGHUP", None)  # the terminal was closed; not on Windows
        if hangup and signal.getsignal(hangup) is not signal.SIG_IGN:
            asking.append(hangup)
        before = {number: signal.signal(number, ask) for number in asking}
    except ValueError:  # not in the main thread, where signals cannot be caught
        before = {}
    try:
        yield state
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

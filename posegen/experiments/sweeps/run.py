"""Starts the workers of a sweep, here or through submitit, and waits for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from posegen.core.errors import ConfigError, TrainingError
from posegen.experiments.sweeps.folder import SweepFolder
from posegen.experiments.sweeps.work import Stopped, Tell

#: Seconds between two looks at the folder.
_LOOK = 0.5
#: What a worker that was stopped ends with.
_STOPPED = 130


class Worker(Protocol):
    """A process that works on a sweep."""

    def ended(self) -> str | None:
        """Return None while it works, "" after a good end, else why it ended.

        Raises:
            Stopped: where somebody stopped it.
        """


Start = Callable[[int], Sequence[Worker]]


def finish(folder: SweepFolder, start: Start, jobs: int, tell: Tell) -> None:
    """Work until every run is done or failed.

    A worker that dies fails the run that it was at, if no other worker could finish that; the rest
    is done by new workers.

    Args:
        folder: the sweep's.
        start: starts so many workers.
        jobs: how many at a time.
        tell: gets a line for each run that ends.

    Raises:
        Stopped: where somebody stopped a worker.
    """
    told = set(_ended(folder))  # of an earlier call

    def look() -> None:
        for name, line in _ended(folder).items():
            if name not in told:
                told.add(name)
                tell(line)

    while unfinished := folder.unfinished():
        workers = list(start(min(jobs, len(unfinished))))
        reasons: list[str] = []
        while workers:
            time.sleep(_LOOK)
            ends = [(worker, worker.ended()) for worker in workers]
            workers = [worker for worker, reason in ends if reason is None]
            reasons += [reason for _, reason in ends if reason]
            look()
        if reasons:
            folder.fail_orphans(reasons[0])
            look()
        if len(folder.unfinished()) == len(unfinished):
            raise TrainingError(
                f"{folder.path}: the workers do nothing ({'; '.join(reasons) or 'no reason'}); see "
                f"{folder.path / 'logs'}."
            )


def _ended(folder: SweepFolder) -> dict[str, str]:
    """Return run -> a line about how it ended, of those that have."""
    states = {run.name: folder.state(run) for run in folder.plan.runs}
    return {
        name: f"{name}: failed: {state.error}" if state.error else f"{name}: {state.state}"
        for name, state in states.items()
        if state.state in ("done", "failed")
    }


class _Process:
    """A worker that is a process of this machine; what it prints is in the sweep's logs."""

    def __init__(self, path: Path, device: str, number: int, environment: dict[str, str]) -> None:
        log = path / "logs" / f"worker-{number}.log"
        words = [sys.executable, "-m", "posegen.experiments.sweeps.work", str(path), device]
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment
            )

    def ended(self) -> str | None:
        code = self._process.poll()
        if code is None or code == 0:
            return None if code is None else ""
        if code == _STOPPED:
            raise Stopped
        if code > 0:
            return f"its process ended with exit code {code}"
        return f"its process was ended by {signal.Signals(-code).name} (out of memory?)"

    def wait(self) -> None:
        self._process.wait()


def run_here(folder: SweepFolder, jobs: int, device: str, tell: Tell) -> None:
    """Finish a sweep with processes of this machine, `jobs` at a time.

    After Ctrl-C the workers, which get it too, save what they are at before this returns.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = str(max(1, (cores or 1) // jobs))
    environment = {"OMP_NUM_THREADS": threads, **os.environ}
    started: list[_Process] = []

    def start(count: int) -> list[_Process]:
        new = [_Process(folder.path, device, n, environment) for n in range(1, count + 1)]
        started.extend(new)
        return new

    try:
        finish(folder, start, jobs, tell)
    finally:
        for process in started:
            process.wait()


def run_submitted(
    folder: SweepFolder,
    cluster: str,
    jobs: int,
    device: str,
    tell: Tell,
    options: Mapping[str, Any],
) -> None:
    """Finish a sweep with jobs that submitit starts; see `finish`.

    A job that is preempted or out of time is put into the queue again. Where this process ends, the
    jobs go on; whoever calls it again waits for the same runs.

    Args:
        folder: the sweep's, which every machine of the cluster sees under this path.
        cluster: `slurm`, or submitit's `local`.
        jobs: how many workers.
        device, tell: as in `run_here`.
        options: submitit's parameters: `timeout_min`, `slurm_partition`, `gpus_per_node`…

    Raises:
        ConfigError: where submitit is not installed, or refuses the options.
    """
    try:
        from posegen.experiments.sweeps.submit import submitted
    except ImportError as error:
        raise ConfigError(
            f"--submit needs submitit ({error}); install it: pip install 'posegen[sweep]'."
        ) from None
    finish(
        folder, lambda count: submitted(folder.path, cluster, count, device, options), jobs, tell
    )

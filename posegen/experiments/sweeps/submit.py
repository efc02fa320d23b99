"""Workers that submitit starts: jobs of Slurm, or processes of its local executor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import submitit

from posegen.core.errors import ConfigError
from posegen.experiments.sweeps.work import Stopped, work


class SweepJob(submitit.helpers.Checkpointable):  # type: ignore[misc]
    """What a job calls. Preempted or out of time, it is put into the queue again as it is."""

    def __call__(self, path: Path, device: str) -> bool:
        """Work; false where it was stopped from outside."""
        try:
            work(path, device)
        except Stopped:
            return False
        return True


class _Job:
    """A worker that is a job."""

    def __init__(self, job: Any) -> None:
        self._job = job

    def ended(self) -> str | None:
        if not self._job.done():
            return None
        error = self._job.exception()
        if error is None:
            if not self._job.result():
                raise Stopped
            return ""
        lines = [line for line in str(error).splitlines() if line.strip()]
        return f"its job {self._job.job_id} ended: {lines[-1] if lines else type(error).__name__}"


def submitted(
    path: Path, cluster: str, count: int, device: str, options: Mapping[str, Any]
) -> list[_Job]:
    """Submit so many workers.

    Raises:
        ConfigError: for options that submitit refuses, and where the cluster cannot be reached.
    """
    try:
        executor = submitit.AutoExecutor(folder=path.absolute() / "logs", cluster=cluster)
        executor.update_parameters(**{"name": "posegen-sweep", **options})
        return [_Job(executor.submit(SweepJob(), path.absolute(), device)) for _ in range(count)]
    except (RuntimeError, NameError, TypeError, ValueError, OSError) as error:
        raise ConfigError(
            f"--submit {cluster}: submitit says: {' '.join(str(error).split())}"
        ) from None

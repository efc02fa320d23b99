"""The folder of a sweep: what is to be done, what has been, and what failed. Free of torch.

sweep.json            the plan: every run's complete configuration
runs/NAME/            a run, as `posegen train` makes it, with its scores.json
state/NAME.json       how far it is: running, done or failed (and why)
state/NAME.lock       held by the process that is at work on it
logs/                 what the workers printed
table.md, table.json  the comparison
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from posegen.core.config import Config
from posegen.core.errors import ConfigError
from posegen.core.texts import parse_json, read_text
from posegen.core.writing import occupied, write_json
from posegen.experiments.sweeps.config import PlannedRun, SweepPlan
from posegen.plugins import validate


class State(Config):
    """How far a run is; `trained`: it needs only its scores; `error` says why it failed."""

    state: Literal["open", "running", "done", "failed"] = "open"
    trained: bool = False
    error: str = ""


class SweepFolder:
    """A sweep in a folder; any number of processes may work in one."""

    def __init__(self, path: Path, plan: SweepPlan) -> None:
        self.path, self.plan = path, plan

    @classmethod
    def begin(cls, path: Path, plan: SweepPlan) -> SweepFolder:
        """Write the plan, or go on with the same one; a run that failed is tried again.

        More variants or seeds than before are welcome.

        Raises:
            ConfigError: where the folder is another sweep's, or has other things in it.
        """
        file = path / "sweep.json"
        if file.is_file():
            _check_same(cls.open(path).plan, plan, path)
        elif occupied(path):
            raise ConfigError(f"--out {path}: not an empty folder, and no sweep's; choose another.")
        for name in ("runs", "state", "logs"):
            (path / name).mkdir(parents=True, exist_ok=True)
        write_json(file, plan.model_dump(mode="json"))
        folder = cls(path, plan)
        for run in plan.runs:
            if folder.state(run).state == "failed":
                folder.set_state(run, State(trained=folder.state(run).trained))
        return folder

    @classmethod
    def open(cls, path: Path) -> SweepFolder:
        """Open a sweep.

        Raises:
            ConfigError: where there is none, or its plan is damaged.
        """
        file = path / "sweep.json"
        try:
            content = parse_json(read_text(file))
            plan = validate(SweepPlan, content, "", f"{file}")
        except (OSError, ValueError) as error:
            raise ConfigError(f"{file}: no readable plan of a sweep ({error}).") from None
        return cls(path, plan)

    def run(self, run: PlannedRun) -> Path:
        """Return the folder of a run."""
        return self.path / "runs" / run.name

    def state(self, run: PlannedRun) -> State:
        """Return how far a run is."""
        try:
            content = parse_json(read_text(self._state(run)))
        except FileNotFoundError:
            return State()
        return validate(State, content, "", str(self._state(run)))  # type: ignore[no-any-return]

    def set_state(self, run: PlannedRun, state: State) -> None:
        """Write how far a run is."""
        write_json(self._state(run), state.model_dump())

    def take(self, run: PlannedRun, wait: bool) -> AbstractContextManager[object] | None:
        """Take a run for this process; None where another one has it and `wait` is false.

        Returns:
            What gives it back at the end of a `with`; the system does so where the process dies.
        """
        lock = FileLock(self.path / "state" / f"{run.name}.lock", timeout=-1 if wait else 0)
        try:
            return lock.acquire()
        except Timeout:
            return None

    def fail_orphans(self, why: str) -> None:
        """Call failed what is running by its state, but nobody works on: its process died."""
        for run in self.plan.runs:
            if self.state(run).state == "running" and (taken := self.take(run, wait=False)):
                with taken:
                    state = self.state(run)
                    if state.state == "running":
                        failed = State(state="failed", trained=state.trained, error=why)
                        self.set_state(run, failed)

    def unfinished(self) -> list[PlannedRun]:
        """Return the runs that are neither done nor failed."""
        return [run for run in self.plan.runs if self.state(run).state in ("open", "running")]

    def failed(self) -> dict[str, str]:
        """Return run -> why it failed."""
        states = {run.name: self.state(run) for run in self.plan.runs}
        return {name: state.error for name, state in states.items() if state.state == "failed"}

    def _state(self, run: PlannedRun) -> Path:
        return self.path / "state" / f"{run.name}.json"


def _check_same(before: SweepPlan, now: SweepPlan, path: Path) -> None:
    """Refuse what would mix two sweeps in one folder."""
    new = {run.name: run.config for run in now.runs}
    for run in before.runs:
        if run.name not in new:
            raise ConfigError(
                f"{path}: its run {run.name} is not in this sweep; choose another --out."
            )
        changed = [key for key, value in run.config.items() if new[run.name].get(key) != value]
        changed += [key for key in new[run.name] if key not in run.config]
        if changed:
            raise ConfigError(
                f"{path}: {changed[0]} of its run {run.name} is other than in this sweep; choose "
                "another --out."
            )
    if before.score != now.score:
        raise ConfigError(f"{path}: its runs are scored in another way; choose another --out.")

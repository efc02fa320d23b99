"""A worker of a sweep: trains and scores runs until none is left that nobody works on.

`python -m posegen.experiments.sweeps.work FOLDER DEVICE` is one. All that workers know of each
other is in the folder, so they may be processes of one machine or jobs of a cluster; one that is
killed loses nothing but the steps since its run's last checkpoint.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

from posegen.core.errors import PosegenError
from posegen.experiments.sweeps.config import PlannedRun
from posegen.experiments.sweeps.folder import State, SweepFolder

#: Called with a sentence about what happens.
Tell = Callable[[str], None]


class Stopped(Exception):
    """Somebody stopped the worker; what it was at is saved."""


def work(path: Path, device: str = "auto", tell: Tell = print) -> None:
    """Finish the sweep in a folder, together with whoever else works there.

    A run that fails is written down, and the others go on.

    Raises:
        Stopped: after SIGINT or SIGTERM in a training.
    """
    folder = SweepFolder.open(path)
    # First what nobody has; then what another had, which may have died at it.
    for wait in (False, True):
        for run in folder.plan.runs:
            if folder.state(run).state in ("done", "failed"):
                continue
            taken = folder.take(run, wait)
            if taken is None:
                continue
            with taken:
                if folder.state(run).state not in ("done", "failed"):
                    _do(folder, run, device, tell)


def _do(folder: SweepFolder, run: PlannedRun, device: str, tell: Tell) -> None:
    """Train and score a run, and write down what became of it."""
    trained = folder.state(run).trained
    folder.set_state(run, State(state="running", trained=trained))
    tell(f"{run.name}: begins")
    try:
        if not trained:
            _train(folder.run(run), run, device)
            trained = True
            folder.set_state(run, State(state="running", trained=True))
        _score(folder, run, device)
    except (Stopped, KeyboardInterrupt):
        folder.set_state(run, State(trained=trained))
        raise Stopped from None
    except Exception as error:
        known = isinstance(error, PosegenError)
        if not known:  # the worker's log has where
            logging.getLogger(__name__).exception("%s", run.name)
        sentence = " ".join((str(error) if known else f"{type(error).__name__}: {error}").split())
        folder.set_state(run, State(state="failed", trained=trained, error=sentence))
        tell(f"{run.name}: failed: {sentence}")
    else:
        folder.set_state(run, State(state="done", trained=True))
        tell(f"{run.name}: done")


def _train(path: Path, run: PlannedRun, device: str) -> None:
    """Train, or go on from the last checkpoint."""
    from posegen.training import train

    resume = (path / "config.toml").is_file()
    _, outcome = train(run.experiment(), path, resume=resume, device=device)
    if outcome.interrupted:
        raise Stopped


def _score(folder: SweepFolder, run: PlannedRun, device: str) -> None:
    from posegen.compute.process import pick_device
    from posegen.evaluation.api import evaluate
    from posegen.evaluation.record import write

    scoring, path = folder.plan.score, folder.run(run)
    evaluation = evaluate(
        path,
        list(scoring.metrics) or None,
        protocols=scoring.protocols,
        limit=scoring.limit,
        batch_size=scoring.batch_size,
        device=str(pick_device(device)),
    )
    write(evaluation, path)


def main(arguments: list[str]) -> int:
    """Work until nothing is left; 130 where somebody stopped it."""
    path, device = arguments
    try:
        work(Path(path), device, lambda text: print(text, flush=True))
    except (Stopped, KeyboardInterrupt):
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

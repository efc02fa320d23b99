"""`posegen.train`: the function behind `posegen train`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from posegen.compute.process import join, leave
from posegen.config import ExperimentConfig
from posegen.core.files import held
from posegen.training.display import Display, Silent, Steady
from posegen.training.loop import Outcome, Trainer
from posegen.training.run import Run, check_resumed, default_path, latest


def train(
    config: ExperimentConfig,
    out: Path | str | None = None,
    *,
    resume: bool = False,
    device: str = "auto",
    display: Callable[[int, int], Display] | None = None,
) -> tuple[Run, Outcome]:
    """Train a model.

    Under torchrun, every process calls this in the same way.

    Args:
        config: from `posegen.config.experiment`.
        out: folder of the run; by default a new one below `runs/`.
        resume: go on with the run that `out` holds; by default the latest one.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        display: makes the display from (first step, last step); nothing is shown by default.

    Returns:
        The run, and how it ended.

    Raises:
        ConfigError, DataError, PluginError, WeightsError: before anything is trained.
        TrainingError: where the training fails; what was saved before stays.
    """
    process = join(device)
    if out is None and resume:
        out = latest()
    own = out is None and process.is_main  # the folder's name, and so the folder
    with ExitStack() as stack:
        stack.callback(leave, process)
        path = Path(process.agree(str(default_path(config)) if own else str(out)))
        run = Run.open(path) if resume else Run.new(path)
        if resume:
            check_resumed(run.config(), config, path)
        process.wait()
        if process.is_main and resume:
            stack.enter_context(held(path))
        try:
            # Everything that may be missing is found before anything is written.
            trainer = Trainer(run, config, process)
        except BaseException:
            if own:
                path.rmdir()
            raise
        if process.is_main:
            if not resume:
                path.mkdir(parents=True, exist_ok=True)
                stack.enter_context(held(path))
                Run.new(path)  # another process may have begun there
            run.begin(config)
        process.wait()
        total = config.training.total_steps
        shown = display(trainer.stepper.index, total) if display and process.is_main else Silent()
        chosen = Steady(shown)
        for line in trainer.notes:
            chosen.note(line)
        try:
            return run, trainer.train(chosen)
        finally:
            chosen.close()

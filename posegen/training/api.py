"""`posegen.train`: the function behind `posegen train`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from rich.console import Console

from posegen.compute.process import join, leave
from posegen.config import ExperimentConfig
from posegen.core.files import held
from posegen.training.display import Display, Silent, Steady, announced
from posegen.training.loop import Outcome, Trainer
from posegen.training.progress import OnStep
from posegen.training.run import Run, check_resumed, default_path, latest


def train(
    config: ExperimentConfig,
    out: Path | str | None = None,
    *,
    resume: bool = False,
    device: str = "auto",
    display: Callable[[int, int], Display] | None = None,
    on_step: OnStep | None = None,
    quiet: bool = False,
) -> tuple[Run, Outcome]:
    """Train a model.

    Under torchrun, every process calls this in the same way.

    Args:
        config: from `posegen.config.experiment`.
        out: folder of the run; by default a new one below `runs/`.
        resume: go on with the run that `out` holds; by default the latest one.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        display: makes the display from (first step, last step); by default there is a line for each
            logged step.
        on_step: called after each step, on every process, with its number and the losses' terms by
            name (tensors: reading one waits for the device).
        quiet: show nothing.

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
        if quiet or not process.is_main:
            shown: Display = Silent()
        else:
            shown = (display or partial(announced, config, Console()))(trainer.stepper.index, total)
        chosen = Steady(shown)
        for line in trainer.notes:
            chosen.note(line)
        try:
            return run, trainer.train(chosen, on_step)
        finally:
            chosen.close()

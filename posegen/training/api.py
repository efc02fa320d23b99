"""`posegen.train`: the function behind `posegen train`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from posegen.compute.process import join, leave
from posegen.config import ExperimentConfig
from posegen.training.display import Display, Silent, Steady
from posegen.training.loop import Outcome, Trainer
from posegen.training.run import Run, default_path


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
        resume: go on with the run that `out` holds.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        display: makes the display from (first step, last step); nothing is shown by default.

    Returns:
        The run, and how it ended.

    Raises:
        ConfigError, DataError, PluginError, WeightsError: before anything is trained.
        TrainingError: where the training fails; what was saved before stays.
    """
    process = join(device)
    try:
        path = Path(process.agree(str(out if out is not None else default_path(config))))
        run = Run.open(path) if resume else Run.new(path)
        process.wait()
        # Everything that may be missing is found before anything is written.
        trainer = Trainer(run, config, process)
        if process.is_main:
            run.begin(config)
        process.wait()
        total = config.training.total_steps
        shown = display(trainer.stepper.index, total) if display and process.is_main else Silent()
        chosen = Steady(shown)
        if trainer.taken is not None:
            chosen.note(f"Started from {config.training.init}:")
            for line in trainer.taken.table():
                chosen.note(f"  {line}")
        try:
            return run, trainer.train(chosen)
        finally:
            chosen.close()
    finally:
        leave(process)

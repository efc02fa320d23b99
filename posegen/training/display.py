"""What a person sees of a run: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from posegen.config import ExperimentConfig, title_of
from posegen.core.specs import Kind
from posegen.evaluation.result import data_title
from posegen.plugins import registry


@dataclass(frozen=True)
class Status:
    """The state of a run at a logged step."""

    step: int
    total: int
    losses: dict[str, float]
    images_per_second: float
    seconds_left: float
    memory_gib: float


class Display(Protocol):
    """Shows a run."""

    def update(self, status: Status) -> None:
        """Show a new state."""

    def note(self, text: str) -> None:
        """Show a line that stays."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class LiveDisplay:
    """A progress bar above the current losses, renewed in place."""

    def __init__(self, console: Console, title: str, step: int, total: int) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps  ETA"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._progress.add_task(title, total=total, completed=step)
        self._live = Live(self._progress, console=console, refresh_per_second=4)
        self._live.start()

    def update(self, status: Status) -> None:
        """See `Display`."""
        self._progress.update(self._task, completed=status.step)
        table = Table.grid(padding=(0, 2))
        for name, value in status.losses.items():
            table.add_row(Text(name, "dim"), f"{value:.4f}")
        table.add_row(Text("images/s", "dim"), f"{status.images_per_second:.1f}")
        table.add_row(Text("memory", "dim"), f"{status.memory_gib:.2f} GiB")
        self._live.update(Group(self._progress, table))

    def note(self, text: str) -> None:
        """See `Display`."""
        self._console.print(text, highlight=False, markup=False)

    def close(self) -> None:
        """See `Display`."""
        self._live.stop()


class PlainDisplay:
    """One line per logged step, for files and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def update(self, status: Status) -> None:
        """See `Display`."""
        losses = "  ".join(f"{name} {value:.4f}" for name, value in status.losses.items())
        self._print(
            f"step {status.step}/{status.total}  {losses}  {status.images_per_second:.1f} img/s  "
            f"{status.memory_gib:.2f} GiB  ETA {_clock(status.seconds_left)}"
        )

    def note(self, text: str) -> None:
        """See `Display`."""
        self._print(text)

    def close(self) -> None:
        """See `Display`."""

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, highlight=False, markup=False)


class Silent:
    """Shows nothing: the Python API's default, and every process but the first."""

    def update(self, status: Status) -> None:
        """See `Display`."""

    def note(self, text: str) -> None:
        """See `Display`."""

    def close(self) -> None:
        """See `Display`."""


class Steady:
    """Another display, until it cannot be written to any more; then nothing is shown.

    A terminal that was closed, a pipe without a reader or a full disk end no training.
    """

    def __init__(self, shown: Display) -> None:
        self._shown = shown

    def update(self, status: Status) -> None:
        """See `Display`."""
        with self._while_possible():
            self._shown.update(status)

    def note(self, text: str) -> None:
        """See `Display`."""
        with self._while_possible():
            self._shown.note(text)

    def close(self) -> None:
        """See `Display`."""
        with self._while_possible():
            self._shown.close()

    @contextmanager
    def _while_possible(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self._shown = Silent()


def make_display(console: Console, title: str, step: int, total: int) -> Display:
    """Return a live display on a terminal, plain lines elsewhere."""
    if console.is_terminal:
        return LiveDisplay(console, title, step, total)
    return PlainDisplay(console)


def announced(config: ExperimentConfig, console: Console, step: int, total: int) -> Display:
    """Return the display of a run, after the lines that say what is trained on what, and by what.

    Args:
        config: of the run.
        console: where it is shown.
        step, total: where training begins and ends.
    """
    title = title_of(config.model, config.preset, config.generator.name)
    title += f" ({config.preset})" if config.preset else ""
    shown = make_display(console, title, step, total)
    batch = config.training.batch_size
    steps = f"{total:,} steps" if step == 0 else f"from step {step:,} to {total:,}"
    shown.note(f"{title} on {data_title(config.tree()['data'])}: {steps}, batch {batch}")
    for name, loss in config.losses.items():
        if loss.weight > 0:  # a user should know what is trained on
            summary = registry().get(Kind.LOSS, loss.name).spec.summary
            shown.note(f"loss {name} ×{loss.weight:g}: {summary}")
    return shown


def memory_gib(device: torch.device) -> float:
    """Return the most memory used so far: the GPU's, or this process's on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**30
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

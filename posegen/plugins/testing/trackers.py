"""What experiment trackers promise."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from posegen.core import Kind, Tracker
from posegen.plugins.testing.component import Case
from posegen.plugins.testing.inputs import eight_bits, images
from posegen.plugins.testing.promises import NotApplicable, promise, require

FACTS = {"generator": {"name": "x", "width": 4}, "training": {"lr": 2e-4, "out": None}}


@dataclass(kw_only=True)
class TrackerCase(Case):
    """A tracker, and how to read what it has logged.

    Attributes:
        steps: reads a run's folder and returns the steps whose scalars are there.
    """

    steps: Callable[[Path], Collection[int]] | None = None

    def build(self, run: Path | None = None) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            return self.target(self.config, run or Path(folder))

    @contextmanager
    def begun(self, run: Path, step: int = 0) -> Iterator[Tracker]:
        """Start it, and close it in the end."""
        tracker: Tracker = self.build(run)
        tracker.start(step, FACTS)
        yield tracker
        tracker.close()


@promise(Kind.TRACKER)
def opens_nothing(case: TrackerCase) -> None:
    """Built and closed without a start, it leaves nothing in the run's folder."""
    with tempfile.TemporaryDirectory() as folder:
        case.build(Path(folder)).close()
        left = sorted(path.name for path in Path(folder).iterdir())
        require(not left, f"it leaves {', '.join(left)}")


@promise(Kind.TRACKER, where="Tracker.scalars")
def logs(case: TrackerCase) -> None:
    """Numbers, those that are not finite too, and pictures of any size are logged, and left as they
    are."""
    values = {"generator/l1": 0.5, "lr": 2e-4, "broken": math.nan}
    with tempfile.TemporaryDirectory() as folder, case.begun(Path(folder)) as tracker:
        given = dict(values)
        tracker.scalars(1, given)
        require(given.keys() == values.keys(), "it changes the mapping that it is given")
        for step, size in enumerate(((16, 8), (33, 70)), start=2):
            tracker.scalars(step, {"another": 1.0})
            image = eight_bits(images(1, size)[0])
            before = image.clone()
            tracker.picture(step, "samples", image)
            require(torch.equal(image, before), "it writes into the picture")


@promise(Kind.TRACKER, where="Tracker.start")
def resumes(case: TrackerCase) -> None:
    """Started again at a step, what was logged beyond it is dropped or replaced, and each step is
    there once."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        with case.begun(run) as tracker:
            for step in (1, 2, 3):
                tracker.scalars(step, {"loss": float(step)})
        with case.begun(run, step=2) as tracker:
            tracker.scalars(4, {"loss": 4.0})
        if case.steps is None:
            raise NotApplicable("nothing reads what it logs: give the test steps=")
        there = sorted(case.steps(run))
        require(there == [1, 2, 4], f"of the steps 1, 2 and 4 there are {there}")

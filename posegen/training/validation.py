"""Scores of the test split while training: the best weights, and when to stop."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

from posegen.config import ValidationConfig
from posegen.core.writing import write_json

#: In the folder of the best weights: which step they are of, and how good they were.
SCORE = "best.json"


@dataclass(frozen=True)
class Best:
    """The best validation so far.

    Attributes:
        step: after which it was made.
        metric: what was compared, and `value` its value.
    """

    step: int
    metric: str
    value: float


class Contest:
    """Remembers the best validation in a file, so that a resumed run knows it.

    Args:
        folder: of the best weights.
        config: the experiment's `validation` section.
        higher_is_better: of the metric that decides.
        step: the step that the run goes on from. A best one beyond it is of a process that was
            killed, and is made again.
    """

    def __init__(
        self, folder: Path, config: ValidationConfig, higher_is_better: bool, step: int
    ) -> None:
        self.folder, self.config, self._higher = folder, config, higher_is_better
        best = read_best(folder)
        valid = best is not None and best.metric == config.best and best.step <= step
        self.best = best if valid else None

    def is_better(self, value: float) -> bool:
        """Return whether a value is better than all before; one that is not a number never is."""
        if self.best is None or not math.isfinite(self.best.value):
            return True
        return value > self.best.value if self._higher else value < self.best.value

    def win(self, step: int, value: float) -> None:
        """Note that the weights of a step, which are in the folder now, are the best."""
        self.best = Best(step, self.config.best, value)
        write_json(self.folder / SCORE, asdict(self.best))

    def is_over(self, step: int) -> bool:
        """Return whether so many validations brought nothing better that training should end."""
        if self.config.patience is None or self.best is None:
            return False
        return step - self.best.step >= self.config.patience * self.config.every


def read_best(folder: Path) -> Best | None:
    """Read what is known of the best weights; None where there are none."""
    try:
        return Best(**json.loads((folder / SCORE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None

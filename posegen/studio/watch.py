"""A run as it trains: what it has written so far. The run itself knows nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from posegen.core.errors import DataError
from posegen.core.texts import parse_metrics
from posegen.studio.models import Models
from posegen.training.run import Run
from posegen.training.trackers import LINES

#: Bytes of the log that one answer reads.
_AT_ONCE = 1_000_000


class Watch:
    """A run that is looked at.

    Args:
        path: its folder.
        models: where its newest weights are put to be tried.

    Raises:
        ConfigError: where there is no run.
    """

    def __init__(self, path: Path, models: Models) -> None:
        self._run, self._models = Run.open(path), models

    def since(self, place: int) -> dict[str, Any]:
        """Return what was written after a place of the log.

        Args:
            place: what the last answer said; 0 for all.

        Returns:
            `place`; `lines`, each with its `step`; `anew`, whether they are from the beginning, as
            a resumed run writes its log again; `samples`, names of sample grids in order;
            `weights`, whether there are some to be tried; `name`.
        """
        log = self._run.path / LINES
        size = log.stat().st_size if log.is_file() else 0
        anew = not 0 < place <= size
        start = 0 if anew else place
        data = b""
        if size > start:
            with log.open("rb") as file:
                file.seek(start)
                data = file.read(_AT_ONCE)
            data = data[: data.rfind(b"\n") + 1]  # the last line may be half written
        return {
            "name": self._run.path.resolve().name,
            "place": start + len(data),
            "anew": anew,
            "lines": [line for text in data.splitlines() if (line := parse_metrics(text))],
            "samples": self._samples(),
            "weights": self._run.weights.is_dir(),
        }

    def _samples(self) -> list[str]:
        return sorted(path.name for path in self._run.samples.glob("*.png"))

    def sample(self, name: str) -> bytes:
        """Return a sample grid.

        Raises:
            DataError: where there is none of that name.
        """
        if name not in self._samples():  # a name from the page is never made a path
            raise DataError("no such sample grid.")
        return (self._run.samples / name).read_bytes()

    def newest(self) -> int:
        """Load the run's newest weights; return the model's number.

        Raises:
            WeightsError, PluginError, ConfigError: where they cannot be loaded.
        """
        return self._models.newest(str(self._run.path))

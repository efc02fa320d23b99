"""Trackers of the core distribution: JSON lines, TensorBoard, Weights & Biases."""

from __future__ import annotations

import io
import json
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any
from uuid import uuid4

from torch import Tensor

from posegen.core.config import Config
from posegen.core.contracts import Tracker
from posegen.core.errors import ConfigError
from posegen.core.texts import parse_metrics
from posegen.core.writing import write_atomically
from posegen.training.tracker_config import WandbConfig

LINES = "metrics.jsonl"


class JsonLines(Tracker):
    """One line of JSON per logged step in the run's `metrics.jsonl`; no pictures."""

    def __init__(self, config: Config, run: Path) -> None:
        super().__init__(config, run)
        self._path = run / LINES
        self._file: FileIO | None = None

    def start(self, step: int, facts: Mapping[str, Any]) -> None:
        """Open the file, and drop what a killed process logged beyond `step`."""
        if self._path.exists():
            lines = self._path.read_bytes().splitlines(keepends=True)
            kept = [
                line for line in lines if (found := parse_metrics(line)) and found["step"] <= step
            ]
            write_atomically(self._path, b"".join(kept))
        # Without a buffer: what a full disk did not take must not come up again at the end.
        self._file = self._path.open("ab", buffering=0)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write a line, at once readable by others."""
        assert self._file is not None
        self._file.write(json.dumps({"step": step, **values}).encode() + b"\n")

    def picture(self, step: int, name: str, image: Tensor) -> None:
        """Leave it out: sample grids are files of the run anyway."""

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


class TensorBoard(Tracker):
    """Event files in the run's folder `tensorboard`.

    Written here and now, where an error is this tracker's; torch's writer has a thread, which
    prints a traceback of a full disk and writes nothing any more.
    """

    def __init__(self, config: Config, run: Path) -> None:
        super().__init__(config, run)
        self._folder = run / "tensorboard"
        self._file: FileIO | None = None

    def start(self, step: int, facts: Mapping[str, Any]) -> None:
        """Open a new file; TensorBoard itself leaves out what others have beyond `step`."""
        from tensorboard.compat.proto.event_pb2 import SessionLog

        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"
        self._file = (self._folder / name).open("ab", buffering=0)
        self._write(file_version="brain.Event:2")
        if step:
            self._write(step=step + 1, session_log=SessionLog(status=SessionLog.START))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log numbers."""
        from torch.utils.tensorboard.summary import scalar

        for name, value in values.items():
            self._write(step=step, summary=scalar(name, value))  # type: ignore[no-untyped-call]

    def picture(self, step: int, name: str, image: Tensor) -> None:
        """Log a picture."""
        # Imported here: it takes a second, and only training writes events.
        from torch.utils.tensorboard.summary import image as summary

        self._write(step=step, summary=summary(name, image, dataformats="CHW"))  # type: ignore[no-untyped-call]

    def _write(self, **content: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        record = io.BytesIO()  # whole in one write: a full disk leaves no half of it in a buffer
        RecordWriter(record).write(Event(wall_time=time.time(), **content).SerializeToString())
        assert self._file is not None
        self._file.write(record.getvalue())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


class WeightsAndBiases(Tracker):
    """A run of Weights & Biases, on this machine until it is synchronised.

    A resumed run goes on under its identity, which the file `wandb-id` in the run's folder keeps.
    """

    def __init__(self, config: WandbConfig, run: Path) -> None:
        super().__init__(config, run)
        self._config, self._folder = config, run
        self._run: Any = None
        try:
            import wandb
        except ImportError:
            raise ConfigError(
                "trackers: wandb needs the package wandb; install it with "
                "`pip install 'posegen[wandb]'`, or leave the tracker out."
            ) from None
        self._wandb = wandb

    def start(self, step: int, facts: Mapping[str, Any]) -> None:
        """Begin the run, with the configuration."""
        self._run = self._wandb.init(
            project=self._config.project,
            entity=self._config.entity,
            mode=self._config.mode,
            name=self._folder.resolve().name,
            id=self._identity(),
            resume="allow",
            dir=self._folder,
            config=dict(facts),
            settings=self._wandb.Settings(console="off", silent=True),
        )

    def _identity(self) -> str:
        path = self._folder / "wandb-id"
        if not path.is_file():
            write_atomically(path, uuid4().hex[:8].encode())
        return path.read_text(encoding="ascii").strip()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log numbers."""
        self._run.log(dict(values), step=step)

    def picture(self, step: int, name: str, image: Tensor) -> None:
        """Log a picture."""
        picture = self._wandb.Image(image.permute(1, 2, 0).numpy())
        self._run.log({name: picture}, step=step)

    def close(self) -> None:
        """Write what is left."""
        if self._run is not None:
            self._run.finish()


class Trackers:
    """Several trackers as one. One that fails is told of and left out: no run is lost by it.

    A process that is not the first has none.
    """

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self._trackers = list(trackers)
        self._note: Callable[[str], None] = lambda text: None

    def start(self, step: int, facts: Mapping[str, Any], note: Callable[[str], None]) -> None:
        """Begin; `note` shows a line to the user."""
        self._note = note
        self._each(lambda tracker: tracker.start(step, facts))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log numbers."""
        self._each(lambda tracker: tracker.scalars(step, values))

    def picture(self, step: int, name: str, image: Tensor) -> None:
        """Log a picture."""
        self._each(lambda tracker: tracker.picture(step, name, image))

    def close(self) -> None:
        """Close all."""
        self._each(lambda tracker: tracker.close())

    def _each(self, act: Callable[[Tracker], None]) -> None:
        for tracker in list(self._trackers):
            try:
                act(tracker)
            except Exception as error:
                self._trackers.remove(tracker)
                with suppress(Exception):
                    tracker.close()
                name = type(tracker).__name__
                self._note(f"The tracker {name} failed and is left out from now on: {error}")

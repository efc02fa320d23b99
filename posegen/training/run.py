"""A run is a folder. Everything about it is in there, and nothing elsewhere.

config.toml         the resolved configuration: `posegen train --config` repeats the run
environment.json    versions, device, command
metrics.jsonl       one line of JSON per logged step
tensorboard/        the same, and the sample grids, for TensorBoard
samples/            grids of test pairs as PNG
checkpoints/        what --resume needs
weights/            the networks as they are shared, used and evaluated
best/               the same of the best validation, where there is validation (RUN@best)
scores.json         what `posegen eval` found
"""

from __future__ import annotations

import itertools
import platform
import sys
from datetime import datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import tomli_w
import torch

from posegen.config import ExperimentConfig, experiment, read_toml, title_of
from posegen.core.errors import ConfigError
from posegen.core.writing import clear_parts, occupied, write_atomically, write_json

CONFIG = "config.toml"


class Run:
    """The folder of a run, and the files in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.weights = path / "weights"
        self.best = path / "best"
        self.samples = path / "samples"

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @classmethod
    def new(cls, path: Path) -> Run:
        """Return a run that is to be in a folder; nothing is written before `begin`.

        Raises:
            ConfigError: where the folder has something in it.
        """
        # What a killed process left half-written does not count.
        if occupied(path, by_work=False):
            hint = " Continue that run with --resume, or" if (path / CONFIG).is_file() else ""
            raise ConfigError(f"--out {path}: not an empty folder.{hint} choose another folder.")
        return cls(path)

    def begin(self, config: ExperimentConfig) -> None:
        """Make the folder ready to train in: new, or freed of what a killed process left."""
        self.path.mkdir(parents=True, exist_ok=True)
        clear_parts(self.path, below=True)
        # First of all: with it, a run that is killed in the next moment can be resumed.
        text = f"# Made by posegen train.\n{tomli_w.dumps(config.tree())}"
        write_atomically(self.path / CONFIG, text.encode())
        for folder in (self.checkpoints, self.samples):
            folder.mkdir(exist_ok=True)
        if not (self.path / "environment.json").exists():
            write_json(self.path / "environment.json", environment())

    @classmethod
    def open(cls, path: Path) -> Run:
        """Open an existing run; nothing in it is changed before `begin`.

        Raises:
            ConfigError: where there is none.
        """
        if not (path / CONFIG).is_file():
            raise ConfigError(f"{path}: no run to continue (no {CONFIG} in it).")
        return cls(path)

    def config(self, overrides: list[str] | None = None) -> ExperimentConfig:
        """Read the configuration, with `key=value` texts on top."""
        return experiment(read_toml(self.path / CONFIG), overrides=overrides or [])


def default_path(config: ExperimentConfig, root: Path = Path("runs")) -> Path:
    """Make a new, empty folder that no other process has, and return it: title, preset, time."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    title = title_of(config.model, config.preset, config.generator.name).replace(" with ", "-")
    name = "-".join(part for part in (title, config.preset, stamp) if part)
    root.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        path = root / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:  # another run of this second
            continue
        return path
    raise AssertionError


def check_resumed(before: ExperimentConfig, now: ExperimentConfig, run: Path) -> None:
    """Refuse to go on with what would make it another run.

    Where the data lies may change, and how it is read.

    Raises:
        ConfigError: naming what has changed.
    """
    old, new = before.model_dump(mode="json"), now.model_dump(mode="json")
    changed = [key for key in ("model", "seed", "encoder") if old[key] != new[key]]
    mine, theirs = (
        {k: v for k, v in tree["data"].items() if k not in _MOVABLE} for tree in (old, new)
    )
    changed += [f"data.{k}" for k in sorted({*mine, *theirs}) if mine.get(k) != theirs.get(k)]
    if changed:
        raise ConfigError(
            f"{run}: {' and '.join(changed)} cannot be changed with --resume; leave it out, or "
            f"start a new run from this one's weights: --init {run}."
        )


#: Of the data: where it is, and how it is read.
_MOVABLE = ("root", "cache", "cache_mib", "skip_bad")


def latest(root: Path = Path("runs")) -> Path:
    """Return the run that was started or resumed last.

    Raises:
        ConfigError: where there is none.
    """
    found = list(root.glob(f"*/{CONFIG}"))
    if not found:
        raise ConfigError(f"no run below {root}/; name the run's folder.")
    return max(found, key=lambda path: path.stat().st_mtime).parent


def environment() -> dict[str, Any]:
    """Describe what a run ran on, for whoever wants to repeat it."""
    wanted = ("torch", "torchvision", "numpy")
    packages = {
        dist.name: dist.version
        for dist in distributions()
        if dist.name.startswith("posegen") or dist.name in wanted
    }
    return {
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "started": datetime.now().astimezone().isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": dict(sorted(packages.items())),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "threads": torch.get_num_threads(),
    }

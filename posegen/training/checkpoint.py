"""Checkpoints: everything that a run needs to go on exactly, in safetensors and JSON, no pickle.

    checkpoints/step-00000500/
        state.json                      step, loss scales, sha256 of each other file; written last
        network-<name>.safetensors      weights and buffers
        optimizer-<name>.safetensors    the moments of its optimiser
        average-<name>.safetensors      its average, where there is one
        buffers-<rank>.safetensors      of several processes, what the others have of their own:
                                        running statistics and image pools

A checkpoint is written under a temporary name and renamed when complete, so one that has its name
is whole, whatever the moment at which the process was killed. What happens to its files afterwards
is found by their digests: a damaged one is put aside, and an older one taken.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posegen.compute.process import Process
from posegen.core.errors import WeightsError
from posegen.core.files import read_regular
from posegen.core.pretrained import read_tensors
from posegen.core.writing import new_folder, write_json
from posegen.training.stepper import Stepper
from posegen.weights.bundle import file_digest, is_safe
from posegen.weights.files import write_tensors
from posegen.weights.folder import fill

_PREFIX = "step-"


def save(folder: Path, stepper: Stepper, keep: int) -> Path:
    """Write a checkpoint of the stepper's state below `folder`, and delete all but the last `keep`.

    Every process calls this; the first one writes.

    Returns:
        The checkpoint's folder.
    """
    process = stepper.process
    final = folder / f"{_PREFIX}{stepper.index:08d}"
    if process.agree(final in complete(folder)):
        return final
    others = process.gather(_buffers(stepper))[1:] if process.distributed else []
    if process.is_main:
        with new_folder(final) as made:
            _write(made, stepper)
            for rank, buffers in enumerate(others, start=1):
                if buffers:
                    write_tensors(made / f"buffers-{rank}.safetensors", buffers)
            _write_state(made, stepper)
            shutil.rmtree(final, ignore_errors=True)  # what is left of one that is not whole
        _sync_folder(folder)
        for old in complete(folder)[:-keep]:
            shutil.rmtree(old, ignore_errors=True)
    return final


def _write(folder: Path, stepper: Stepper) -> None:
    for name, network in stepper.method.networks.items():
        write_tensors(folder / f"network-{name}.safetensors", network.state_dict())
    for name, optimizer in stepper.optimizers.items():
        moments = _flatten(optimizer.state_dict()["state"])
        write_tensors(folder / f"optimizer-{name}.safetensors", moments)
    for name, average in stepper.averages.items():
        write_tensors(folder / f"average-{name}.safetensors", average.state_dict())


def _write_state(folder: Path, stepper: Stepper) -> None:
    scalers = {phase: scaler.state_dict() for phase, scaler in stepper.scalers.items()}
    files = {file.name: file_digest(file) for file in sorted(folder.iterdir())}
    state = {"schema": 3, "step": stepper.index, "scalers": scalers, "files": files}
    write_json(folder / "state.json", state)


def _buffers(stepper: Stepper) -> dict[str, Tensor]:
    """Return what a process has of its own, by network and name."""
    found = {}
    for name, network in stepper.method.networks.items():
        trained = {key for key, _ in network.named_parameters()}
        kept = {key: value for key, value in network.state_dict().items() if key not in trained}
        found.update({f"{name}.{key}": value.cpu() for key, value in kept.items()})
    return found


def complete(folder: Path) -> list[Path]:
    """Return the whole checkpoints below `folder`, oldest first."""
    return sorted(path for path in folder.glob(f"{_PREFIX}*") if (path / "state.json").is_file())


def newest(folder: Path, process: Process) -> tuple[Path | None, list[str]]:
    """Return the newest sound checkpoint, and a sentence for each newer one, which is put aside.

    Every process calls this, and gets the same.

    Raises:
        WeightsError: where there are checkpoints, and none is sound.
    """
    found: Path | None = None
    damaged: list[tuple[Path, str]] = []
    if process.is_main:
        for path in reversed(complete(folder)):
            try:
                read_state(path)
            except WeightsError as error:
                damaged.append((path, str(error)))
            else:
                found = path
                break
    found, damaged = process.agree((found, damaged))
    if found is None and damaged:
        raise WeightsError(f"{damaged[0][1]} There is no older checkpoint; start a new run.")
    notes = []
    for path, reason in damaged:
        aside = path.with_name(f"damaged-{path.name}")
        notes.append(f"{reason} Put aside as {aside.name}; going on from {found and found.name}.")
        if process.is_main:
            shutil.rmtree(aside, ignore_errors=True)
            path.rename(aside)
    return found, notes


def read_state(path: Path) -> dict[str, Any]:
    """Read a checkpoint's state, and compare its files with it.

    Raises:
        WeightsError: where a file is missing or has changed, or the state is not one.
    """
    file = path / "state.json"
    try:
        state = json.loads(read_regular(file, 2**20))
        step, schema, files = state["step"], state.get("schema"), state.get("files", {})
        if schema not in (1, 2, 3) or not isinstance(state["scalers"], dict):
            raise ValueError("of no schema that this posegen reads")
        if not isinstance(step, int) or path.name != f"{_PREFIX}{step:08d}":
            raise ValueError(f"its step {step!r} is not that of the folder's name")
        if schema == 3 and not files:
            raise ValueError("names no file")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsError(f"{file}: damaged ({type(error).__name__}: {error}).") from None
    for name, digest in files.items():
        if not is_safe(name) or not (path / name).is_file():
            raise WeightsError(f"{path / name}: missing.")
        if file_digest(path / name) != digest:
            raise WeightsError(f"{path / name}: damaged, or altered since it was saved.")
    return state  # type: ignore[no-any-return]


def load(path: Path, stepper: Stepper) -> None:
    """Put the state of a checkpoint into a stepper of the same configuration.

    Raises:
        WeightsError: where a file is missing, damaged, or of another configuration.
    """
    state = read_state(path)
    for name, network in stepper.method.networks.items():
        file = path / f"network-{name}.safetensors"
        fill(network, read_tensors(file), file)
    own = path / f"buffers-{stepper.process.rank}.safetensors"
    if own.is_file():  # else this process goes on with those of the first one
        _fill_buffers(stepper, read_tensors(own))
    for name, optimizer in stepper.optimizers.items():
        groups = optimizer.state_dict()["param_groups"]  # options are the configuration's
        parameters = [each for group in optimizer.param_groups for each in group["params"]]
        try:
            tensors = read_tensors(path / f"optimizer-{name}.safetensors")
            moments = _unflatten(tensors, parameters)
            optimizer.load_state_dict({"state": moments, "param_groups": groups})
        except (ValueError, IndexError, RuntimeError) as error:
            raise WeightsError(
                f"{path}: the optimiser of {name!r} does not fit: {error}."
            ) from None
    for phase, scaler in stepper.scalers.items():
        scaler.load_state_dict(state["scalers"][phase])
    for name, average in stepper.averages.items():
        file = path / f"average-{name}.safetensors"
        if state.get("schema") == 1:  # when there was one network to average
            file = path / "average.safetensors"
        fill(average, read_tensors(file), file)
    stepper.index = int(state["step"])


def _fill_buffers(stepper: Stepper, tensors: dict[str, Tensor]) -> None:
    for name, network in stepper.method.networks.items():
        mine = {k.partition(".")[2]: v for k, v in tensors.items() if k.startswith(f"{name}.")}
        network.load_state_dict(mine, strict=False)


def _flatten(state: dict[int, dict[str, Tensor]]) -> dict[str, Tensor]:
    return {
        f"{number}.{name}": torch.as_tensor(value)
        for number, values in state.items()
        for name, value in values.items()
    }


def _unflatten(
    tensors: dict[str, Tensor], parameters: list[Tensor]
) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        if value.dim() > 0:
            # In the parameter's own memory format: the fused Adam walks both side by side.
            value = torch.empty_like(parameters[int(number)]).copy_(value)
        state.setdefault(int(number), {})[name] = value
    return state


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Checkpoints: everything that a run needs to go on exactly, in safetensors and JSON, no pickle.

    checkpoints/step-00000500/
        state.json                      step and loss scales; written last
        network-<name>.safetensors      weights and buffers
        optimizer-<name>.safetensors    the moments of its optimiser
        average-<name>.safetensors      its average, where there is one
        buffers-<rank>.safetensors      of several processes, what the others have of their own:
                                        running statistics and image pools

A checkpoint is written under a temporary name and renamed when complete, so one that has its name
is whole, whatever the moment at which the process was killed.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import torch
from torch import Tensor

from posegen.core.errors import WeightsError
from posegen.core.pretrained import read_tensors
from posegen.training.stepper import Stepper
from posegen.weights.files import write_json, write_tensors
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
    if process.agree(final.exists()):
        return final
    others = process.gather(_buffers(stepper))[1:] if process.distributed else []
    if process.is_main:
        temporary = folder / f".{final.name}.{os.getpid()}.tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        _write(temporary, stepper)
        for rank, buffers in enumerate(others, start=1):
            if buffers:
                write_tensors(temporary / f"buffers-{rank}.safetensors", buffers)
        temporary.rename(final)
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
    scalers = {phase: scaler.state_dict() for phase, scaler in stepper.scalers.items()}
    write_json(folder / "state.json", {"schema": 2, "step": stepper.index, "scalers": scalers})


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


def load(path: Path, stepper: Stepper) -> None:
    """Put the state of a checkpoint into a stepper of the same configuration.

    Raises:
        WeightsError: where a file is missing, damaged, or of another configuration.
    """
    try:
        state = json.loads((path / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path / 'state.json'}: not readable ({error}).") from None
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

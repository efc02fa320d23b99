"""A shared model is a folder: `model.safetensors` and `config.json`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from posegen.core.errors import WeightsError
from posegen.core.pretrained import read_tensors
from posegen.weights.description import (
    CONFIG,
    DIGEST_KEY,
    TENSORS,
    WeightsConfig,
    digest,
    read_config,
    schema_of,
    tensors_of,
)
from posegen.weights.files import write_description, write_tensors

#: What a network's floating-point tensors may be stored as; it computes in its own type.
_STORED = (torch.float32, torch.float16, torch.bfloat16)


def save_weights(folder: Path, config: WeightsConfig, tensors: Mapping[str, Tensor]) -> None:
    """Write the folder; each file atomically, the description last."""
    folder.mkdir(parents=True, exist_ok=True)
    tree = config.tree()
    write_tensors(folder / TENSORS, tensors, {**tree, DIGEST_KEY: digest(tree)})
    write_description(folder / CONFIG, tree)


def open_weights(path: Path) -> tuple[WeightsConfig, dict[str, Tensor]]:
    """Read a folder of weights, or a `.safetensors` file alone: the one door for weights.

    Everything is checked here that can be without the network: header, description, the two
    against each other, and that every number is finite.

    Raises:
        WeightsError: naming the file and what is wrong.
    """
    config = read_config(path)
    file = tensors_of(path)
    tensors = read_tensors(file)
    if schema_of(path) < 3:  # when the generator was the only network
        tensors = {f"generator.{name}": tensor for name, tensor in tensors.items()}
    check_finite(tensors, file)
    return config, tensors


def check_finite(tensors: Mapping[str, Tensor], file: Path) -> None:
    """Raise WeightsError where a tensor of a file has a number that is not finite."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise WeightsError(
                f"{file}: {name!r} has values that are not finite, so the training that made it "
                "went wrong, or the file is damaged; take an earlier checkpoint."
            )


def join(networks: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Return the tensors of networks as a folder of weights names them: `network.tensor`."""
    return nn.ModuleDict(dict(networks)).state_dict()


def fill(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Put tensors into a network; see `check_tensors` for errors.

    Floating-point tensors may be stored at half precision; the network keeps its own type.
    """
    check_tensors(network, tensors, path)
    network.load_state_dict(dict(tensors))


def check_tensors(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Check that every name, shape and type is the network's, which may be on the meta device.

    Raises:
        WeightsError: naming the first one that is not.
    """
    wanted = network.state_dict()
    for name, tensor in wanted.items():
        if name not in tensors:
            raise WeightsError(f"{path}: the tensor {name!r} is missing; it is of another network.")
        given = tensors[name]
        if given.shape != tensor.shape:
            raise WeightsError(
                f"{path}: {name!r} has shape {tuple(given.shape)} and the network's has "
                f"{tuple(tensor.shape)}; it is of another configuration."
            )
        if given.dtype != tensor.dtype and {given.dtype, tensor.dtype} - {*_STORED}:
            raise WeightsError(
                f"{path}: {name!r} is of type {given.dtype} and the network's of {tensor.dtype}; "
                "it is of another network."
            )
    extra = sorted(set(tensors) - set(wanted))
    if extra:
        raise WeightsError(f"{path}: holds {extra[0]!r}, which the network does not have.")


def shared_digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the sha256 of a model's tensors, by which scores know whose they are.

    Of a generator alone it is that of its own tensors, as it was when there was nothing else.

    Args:
        tensors: named `network.tensor`.
    """
    if all(name.startswith("generator.") for name in tensors):
        tensors = {name.removeprefix("generator."): value for name, value in tensors.items()}
    return weights_digest(tensors)


def weights_digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the sha256 of a network's tensors, names and types included, wherever they are."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()

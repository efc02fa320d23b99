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
    check_pair,
    digest,
    packages_of,
    read_config,
)
from posegen.weights.files import write_description, write_tensors

__all__ = [
    "CONFIG",
    "TENSORS",
    "WeightsConfig",
    "fill",
    "open_weights",
    "packages_of",
    "read_config",
    "save_weights",
    "weights_digest",
]

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
    file = path / TENSORS if path.is_dir() else path
    tensors = read_tensors(file)
    if path.is_dir():
        check_pair(path)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise WeightsError(
                f"{file}: {name!r} has values that are not finite, so the training that made it "
                "went wrong, or the file is damaged."
            )
    return config, tensors


def fill(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Put tensors into a network; every name, shape and type must match.

    Floating-point tensors may be stored at half precision; the network keeps its own type.

    Raises:
        WeightsError: naming the first one that does not.
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
    network.load_state_dict(dict(tensors))


def weights_digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the sha256 of a network's tensors, names and types included, wherever they are."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()

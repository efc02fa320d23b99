"""From weights to networks that make pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from posegen.config.parts import build_encoder, check_fit, method_from
from posegen.core.batches import TaskInfo
from posegen.core.contracts import Generator, PoseEncoder
from posegen.core.errors import WeightsError
from posegen.core.methods import Method
from posegen.weights.description import WeightsConfig, tensors_of, versions_named
from posegen.weights.folder import check_tensors, fill, open_weights

#: How many times the file's parameters, and how many numbers beside them, networks may have that
#: are built for it: a method may have more of them than it shares.
_TIMES, _MORE = 4, 10**6


def rebuild(path: Path) -> tuple[WeightsConfig, Method, PoseEncoder]:
    """Build the method with its networks, and the encoder, of a folder or a `.safetensors` file.

    Raises:
        WeightsError: where they are damaged, or of another network.
        PluginError, ConfigError: where what is installed cannot build it; the message says which
            versions it was made with.
    """
    config, tensors = open_weights(path)
    with versions_named(config):
        return config, *assemble(config, tensors, tensors_of(path))


def assemble(
    config: WeightsConfig, tensors: Mapping[str, Tensor], file: Path
) -> tuple[Method, PoseEncoder]:
    """Build what a description names, and put tensors into it; see `rebuild`."""
    encoder = build_encoder(config.encoder)
    task = task_of_weights(config, encoder)
    with _bounded(tensors, file):
        try:
            with torch.device("meta"):  # shapes alone; what does not fit never takes memory
                empty = method_from(config.method, config.generator, task)
                check_tensors(_shared(empty, config, file), tensors, file)
        except (RuntimeError, NotImplementedError, ValueError, TypeError):
            pass  # a network that looks at its numbers while it is built
        method = method_from(config.method, config.generator, task)
    generator: Generator = method.networks["generator"]  # type: ignore[assignment]
    check_fit(encoder, config.skeleton, config.image_size, generator.size_multiple)
    fill(_shared(method, config, file), tensors, file)
    return method, encoder


def _shared(method: Method, config: WeightsConfig, file: Path) -> nn.Module:
    """Return the networks that weights are of; WeightsError where they are of others."""
    if set(method.shared) != set(config.networks):
        raise WeightsError(
            f"{file}: holds {', '.join(config.networks)}, and the method {config.method.name!r} "
            f"shares {', '.join(method.shared)}; they are of another version of it."
        )
    return nn.ModuleDict({name: method.networks[name] for name in method.shared})


@contextmanager
def _bounded(tensors: Mapping[str, Tensor], file: Path) -> Iterator[None]:
    """End the building of networks that are far larger than the file: a few bytes can ask for any.

    Raises:
        WeightsError: from within.
    """
    limit = _TIMES * sum(tensor.numel() for tensor in tensors.values()) + _MORE
    most = _TIMES * len(tensors) + 1000
    numbers = count = 0

    def register(module: nn.Module, name: str, parameter: Tensor | None) -> None:
        nonlocal numbers, count
        count, numbers = count + 1, numbers + (0 if parameter is None else parameter.numel())
        if numbers > limit or count > most:
            raise WeightsError(
                f"{file}: its description asks for a network that is far larger than its tensors; "
                "it is of another configuration."
            )

    hook = register_module_parameter_registration_hook(register)
    try:
        yield
    finally:
        hook.remove()


def task_of_weights(config: WeightsConfig, encoder: PoseEncoder) -> TaskInfo:
    """Return what the networks of weights were built for."""
    return TaskInfo(config.image_size, encoder.channels, config.skeleton, config.fields)

"""From weights to networks that make pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from posegen.config.parts import build_encoder, check_fit, method_from
from posegen.core.batches import TaskInfo
from posegen.core.contracts import Generator, PoseEncoder
from posegen.core.errors import WeightsError
from posegen.core.methods import Method
from posegen.weights.description import WeightsConfig, tensors_of, versions_named
from posegen.weights.folder import fill, open_weights


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
    method = method_from(config.method, config.generator, task)
    generator: Generator = method.networks["generator"]  # type: ignore[assignment]
    check_fit(encoder, config.skeleton, config.image_size, generator.size_multiple)
    if set(method.shared) != set(config.networks):
        raise WeightsError(
            f"{file}: holds {', '.join(config.networks)}, and the method {config.method.name!r} "
            f"shares {', '.join(method.shared)}; they are of another version of it."
        )
    shared = {name: method.networks[name] for name in method.shared}
    fill(nn.ModuleDict(shared), tensors, file)
    return method, encoder


def task_of_weights(config: WeightsConfig, encoder: PoseEncoder) -> TaskInfo:
    """Return what the networks of weights were built for."""
    return TaskInfo(config.image_size, encoder.channels, config.skeleton, config.fields)

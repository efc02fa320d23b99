"""From weights to a network that computes with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from posegen.config.parts import build_encoder, build_generator, check_fit
from posegen.core.batches import TaskInfo
from posegen.core.contracts import Generator, PoseEncoder
from posegen.weights.description import TENSORS, WeightsConfig, versions_named
from posegen.weights.folder import fill, open_weights


def rebuild(path: Path) -> tuple[WeightsConfig, Generator, PoseEncoder]:
    """Build the generator and the encoder of a folder of weights or a `.safetensors` file.

    Raises:
        WeightsError: where they are damaged, or of another network.
        PluginError, ConfigError: where what is installed cannot build it; the message says which
            versions it was made with.
    """
    config, tensors = open_weights(path)
    file = path / TENSORS if path.is_dir() else path
    with versions_named(config):
        return config, *assemble(config, tensors, file)


def assemble(
    config: WeightsConfig, tensors: Mapping[str, Tensor], file: Path
) -> tuple[Generator, PoseEncoder]:
    """Build what a description names, and put tensors into it; see `rebuild`."""
    encoder = build_encoder(config.encoder)
    generator = build_generator(config.generator, TaskInfo(config.image_size, encoder.channels))
    check_fit(encoder, config.layout, config.image_size, generator.size_multiple)
    fill(generator, tensors, file)
    return generator, encoder

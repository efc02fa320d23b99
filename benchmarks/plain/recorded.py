"""The numbers that were recorded from the published code, and what they were recorded with.

A recording is a JSON file with a safetensors file of the same name (`tests/data/golden`): three
training steps at nine blocks without dropout and pool. Weights and inputs follow a formula.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from plain.step import Options, PlainStep


class Recording:
    """A recorded run.

    Attributes:
        facts: the JSON file: size, width, options, the losses of each step, and the norm of every
            tensor after the last.
        images: what netG made: `generator.eval` and `generator.train` before the first step, and
            `generator.after` the last, in evaluation mode.
    """

    def __init__(self, path: Path) -> None:
        self.facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        self.images = load_file(path.with_suffix(".safetensors"))

    def plain(self) -> PlainStep:
        """Return the plain step with the recorded weights."""
        given = self.facts["options"]
        options = Options(
            norm=given["norm"],
            cross_entropy=given["no_lsgan"],
            lambda_a=given["lambda_A"],
            lambda_b=given["lambda_B"],
            lambda_gan=given["lambda_GAN"],
            pool=0,
            dropout=0.0,
        )
        step = PlainStep(options, self.facts["ngf"])
        for name, network in step.networks.items():
            network.load_state_dict(_weights(f"{name}.", network))
        step.vgg.load_state_dict(_weights("", step.vgg))
        return step

    def inputs(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return source image, target image, source maps, target maps."""
        size = (self.facts["height"], self.facts["width"])

        def draw(number: int, channels: int, low: float) -> Tensor:
            random = np.random.default_rng(self.facts["input_seed"] + number)
            values = random.uniform(low, 1, (self.facts["batch"], channels, *size))
            return torch.from_numpy(values.astype(np.float32))

        return draw(0, 3, -1), draw(1, 3, -1), draw(2, 18, 0), draw(3, 18, 0)


def recorded_weight(key: str, shape: Sequence[int]) -> Tensor:
    """Return the weight that the recorded runs had under a key."""
    if key.endswith("num_batches_tracked"):
        return torch.tensor(0)
    z = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape).astype(np.float32)
    if key.endswith("running_var"):
        z = 1 + 0.1 * np.abs(z)
    elif key.endswith("running_mean"):
        z = 0.1 * z
    elif key.endswith("bias"):
        z = 0.02 * z
    elif len(shape) == 1:
        z = 1 + 0.02 * z
    else:
        z = z * np.float32(np.sqrt(2 / np.prod(shape[1:])))
    return torch.from_numpy(z.astype(np.float32))


def _weights(prefix: str, network: torch.nn.Module) -> dict[str, Tensor]:
    return {
        key: recorded_weight(prefix + key, tensor.shape)
        for key, tensor in network.state_dict().items()
    }

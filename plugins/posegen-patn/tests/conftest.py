"""The published networks as facts: key names, shapes, and the weights of the recorded runs.

Written from the published layout, layer by layer, and on purpose not from the converter's tables.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import pytest
import torch
from plain.recorded import recorded_weight
from torch import Tensor

# The recorded runs used AVX2 kernels. oneDNN reads this before its first convolution, and no test
# has run yet; test_published_parity.py says why it matters.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX2")

Shape = tuple[int, ...]
Network = Literal["netG", "netD_PP", "netD_PB"]


@dataclass(frozen=True)
class Published:
    """Published networks of one size.

    Attributes:
        ngf, blocks, norm: the generator's; discriminators have three blocks.
        dropout: whether there are dropout layers, which shift the indices.
    """

    ngf: int = 4
    blocks: int = 3
    norm: Literal["batch", "instance"] = "batch"
    dropout: bool = True

    def shapes(self, network: Network) -> dict[str, Shape]:
        """Key -> shape of the state dict."""
        if network == "netG":
            return dict(self._generator())
        return dict(self._discriminator(6 if network == "netD_PP" else 21))

    def weights(self, network: Network) -> dict[str, Tensor]:
        """Key -> tensor, by the formula of the recorded vectors."""
        return {
            key: recorded_weight(f"{network}.{key}", shape)
            for key, shape in self.shapes(network).items()
        }

    def _conv(
        self, prefix: str, index: int, shape: Shape, outputs: int, normalised: bool = True
    ) -> Iterator[tuple[str, Shape]]:
        yield f"{prefix}.{index}.weight", shape
        if self.norm == "instance":
            yield f"{prefix}.{index}.bias", (outputs,)
        elif normalised:
            for name in ("weight", "bias", "running_mean", "running_var"):
                yield f"{prefix}.{index + 1}.{name}", (outputs,)
            yield f"{prefix}.{index + 1}.num_batches_tracked", ()

    def _stem(self, prefix: str, inputs: int) -> Iterator[tuple[str, Shape]]:
        n = self.ngf
        yield from self._conv(prefix, 1, (n, inputs, 7, 7), n)
        yield from self._conv(prefix, 4, (2 * n, n, 3, 3), 2 * n)
        yield from self._conv(prefix, 7, (4 * n, 2 * n, 3, 3), 4 * n)

    def _pair(
        self, prefix: str, inputs: int, normalised: bool = True
    ) -> Iterator[tuple[str, Shape]]:
        n = 4 * self.ngf
        second = 6 if self.dropout else 5
        yield from self._conv(prefix, 1, (inputs, inputs, 3, 3), inputs)
        yield from self._conv(prefix, second, (n, inputs, 3, 3), n, normalised)

    def _generator(self) -> Iterator[tuple[str, Shape]]:
        n = self.ngf
        yield from self._stem("model.stream1_down", 3)
        yield from self._stem("model.stream2_down", 36)
        for i in range(self.blocks):
            yield from self._pair(f"model.att.{i}.conv_block_stream1", 4 * n)
            inputs = 4 * n if i == 0 else 8 * n
            yield from self._pair(f"model.att.{i}.conv_block_stream2", inputs, normalised=False)
        yield from self._conv("model.stream1_up", 0, (4 * n, 2 * n, 3, 3), 2 * n)
        yield from self._conv("model.stream1_up", 3, (2 * n, n, 3, 3), n)
        yield "model.stream1_up.7.weight", (3, n, 7, 7)
        yield "model.stream1_up.7.bias", (3,)

    def _discriminator(self, inputs: int) -> Iterator[tuple[str, Shape]]:
        yield from self._stem("model", inputs)
        for i in range(10, 13):
            yield from self._pair(f"model.{i}.conv_block", 4 * self.ngf)


@pytest.fixture(scope="session")
def published() -> type[Published]:
    return Published


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The tensors here are so small that threads only wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)

"""Pretrained networks of metrics: loaded exactly, shared, never copied and never random.

Several metrics score with one network, and each metric is copied for every row of a table. A
`Frozen` network is in memory once for all of them, as long as one of them needs it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor, nn

from posegen.core.errors import WeightsError
from posegen.core.pretrained import PretrainedFile


class Frozen:
    """A network in evaluation mode and without gradients.

    It is no `nn.Module`, so that a metric's `to`, `train` and `state_dict` leave it alone; copying
    a metric copies a reference; and it goes to the device of the images that it gets.

    Attributes:
        network: the network.
        weights: the name of its file, for reports; with the digest where it is not the published
            file.
        sha256: the digest of that file.
    """

    def __init__(self, network: nn.Module, weights: str = "", sha256: str = "") -> None:
        self.network = network.eval().requires_grad_(False)
        self.weights, self.sha256 = weights, sha256
        self._place: torch.device | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Frozen:
        return self

    def __call__(self, *images: Tensor) -> Any:
        """Return what the network returns for tensors (B, C, H, W), in full float32."""
        device = images[0].device
        # Channels-last convolutions of float32 are three times as fast on a CPU, not on a GPU.
        fast = torch.channels_last if device.type == "cpu" else torch.contiguous_format
        if device != self._place:
            self.network.to(device, memory_format=fast)  # type: ignore[call-overload]
            self._place = device
        # By default convolutions on an NVIDIA GPU round to 10 bits (TF32), which moves scores.
        with torch.no_grad(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return self.network(*(image.contiguous(memory_format=fast) for image in images))


_alive: WeakValueDictionary[Hashable, Frozen] = WeakValueDictionary()


def shared(
    name: str,
    published: PretrainedFile,
    local: Path | None,
    option: str,
    build: Callable[[Mapping[str, Tensor]], nn.Module],
) -> Frozen:
    """Return a network: the one in memory, or a new one from its file.

    Args:
        name: of the network, for telling apart two that are built from one file.
        published: the file of its weights.
        local: the user's copy of it, or None; see `PretrainedFile.find`.
        option: how the user names a local copy.
        build: makes the network from the file's tensors; see `fill`.

    Raises:
        posegen.core.WeightsError: where the weights cannot be had, or do not fit.
    """
    file = published.find(local, option)
    key = (name, file.sha256)
    network = _alive.get(key)
    if network is None:
        label = published.filename
        if not published.is_published(file):
            label = f"{file.path.name}, sha256 {file.sha256[:8]}…"
        try:
            network = Frozen(build(file.tensors()), label, file.sha256)
        except RuntimeError as error:  # of `load_state_dict`
            reason = textwrap.shorten(" ".join(str(error).splitlines()[1:]).rstrip(". "), 200)
            raise WeightsError(
                f"{file.path}: not {published.title}: {reason}; give {published.filename} with "
                f"`{option}`."
            ) from None
        _alive[key] = network
    return network


def fill(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Give a network without storage ("meta") exactly these weights, as float32.

    Raises:
        RuntimeError: where names or shapes are not the network's.
    """
    floats = {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}
    network.load_state_dict(floats, assign=True)


def without_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin so, under the rest of their names."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

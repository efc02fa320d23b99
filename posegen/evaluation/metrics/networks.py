"""Pretrained networks of metrics: loaded exactly, shared, never copied and never random.

Several metrics score with one network, and each metric is copied for every row of a table. A
`Frozen` network is in memory once for all of them, as long as one of them needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import Tensor, nn

from posegen.core.errors import WeightsError
from posegen.core.pretrained import PretrainedFile, WeightsFile


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
        layout = torch.channels_last if device.type == "cpu" else torch.contiguous_format
        if device != self._place:
            self.network.to(device, memory_format=layout)  # type: ignore[call-overload]
            self._place = device
        # By default convolutions on an NVIDIA GPU round to 10 bits (TF32), which moves scores.
        with torch.no_grad(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return self.network(*(image.contiguous(memory_format=layout) for image in images))


@dataclass(frozen=True)
class Source:
    """Where a network's weights are from, for messages.

    Attributes:
        published: the file that is needed.
        file: the file that was found.
        option: how the user names another one.
    """

    published: PretrainedFile
    file: WeightsFile
    option: str

    def complain(self, reason: str) -> WeightsError:
        """Return the error for a file that does not fit."""
        return WeightsError(
            f"{self.file.path}: not {self.published.title}: {reason}; "
            f"give {self.published.filename} with `{self.option}`."
        )

    @property
    def label(self) -> str:
        """The published file's name, or the file's own and the beginning of its digest."""
        if self.published.is_published(self.file):
            return self.published.filename
        return f"{self.file.path.name}, sha256 {self.file.sha256[:8]}…"


_alive: WeakValueDictionary[Hashable, Frozen] = WeakValueDictionary()


def shared(
    name: str,
    published: PretrainedFile,
    local: Path | None,
    option: str,
    build: Callable[[Mapping[str, Tensor], Source], nn.Module],
) -> Frozen:
    """Return a network: the one in memory, or a new one from its file.

    Args:
        name: of the network, for telling apart two that are built from one file.
        published: the file of its weights.
        local: the user's copy of it, or None; see `PretrainedFile.find`.
        option: how the user names a local copy.
        build: makes the network from the file's tensors; see `fit`.

    Raises:
        posegen.core.WeightsError: where the weights cannot be had, or do not fit.
    """
    source = Source(published, published.find(local, option), option)
    key = (name, source.file.sha256)
    network = _alive.get(key)
    if network is None:
        network = Frozen(build(source.file.tensors(), source), source.label, source.file.sha256)
        _alive[key] = network
    return network


def fit(
    wanted: Mapping[str, Tensor], given: Mapping[str, Tensor], source: Source
) -> dict[str, Tensor]:
    """Return the tensors of a file for a network; both must have the same names and shapes.

    Batch normalisation's `num_batches_tracked`, which some files lack, plays no part in evaluation
    and becomes 0.

    Args:
        wanted: the network's tensors under the names of the file; may be without storage.
        given: the file's tensors.
        source: where they are from.

    Returns:
        Name -> tensor of the wanted type, for `load_state_dict(…, assign=True)`.

    Raises:
        posegen.core.WeightsError: naming the first tensor that does not fit.
    """
    extra = sorted(name for name in given if name not in wanted)
    if extra:
        raise source.complain(f"it also has {extra[0]!r}")
    fitted = {}
    for name, tensor in wanted.items():
        if name.endswith("num_batches_tracked"):
            fitted[name] = torch.zeros((), dtype=tensor.dtype)
            continue
        if name not in given:
            raise source.complain(f"it has no {name!r}")
        if given[name].shape != tensor.shape:
            sizes = f"{_times(given[name].shape)} and must be {_times(tensor.shape)}"
            raise source.complain(f"{name!r} is {sizes}")
        fitted[name] = given[name].to(tensor.dtype)
    return fitted


def _times(shape: torch.Size) -> str:
    return "×".join(str(size) for size in shape) or "one number"

"""Reads the checkpoints of the published PATN code.

Published keys are numbers of layers in lists, which shift by one where there is a dropout layer.
Both layouts are written down here once, convolution by convolution, beside our names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from posegen.core import TaskInfo, WeightsConverter, WeightsError
from posegen_patn.config import Condition, Norm, PATNConfig, ResnetDiscriminatorConfig
from posegen_patn.discriminator import ResnetDiscriminator
from posegen_patn.generator import PATNGenerator

_GENERATOR_MARK = "model.stream1_down.1.weight"
_DISCRIMINATOR_MARK = "model.1.weight"

#: Input channels of a published discriminator (image and condition) -> what the condition is.
_CONDITIONS: dict[int, tuple[Condition, ...]] = {6: ("source",), 21: ("target_pose",)}

#: What a checkpoint does not say: it goes with the data set, and so does the normalisation of the
#: published networks. Batch norm is the Market-1501 network, trained on Gaussian maps of 128×64
#: images; instance norm is DeepFashion's, trained on maps that were stored as integers (one pixel
#: per joint) of 256×176 images.
_DATA: dict[Norm, dict[str, Any]] = {
    "batch": {"encoder": {"name": "gaussian", "sigma": 6.0}, "image_size": [128, 64]},
    "instance": {"encoder": {"name": "one-hot"}, "image_size": [256, 176]},
}

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@dataclass(frozen=True)
class _Unit:
    """A convolution and its normalisation: where they are in a published list, and with us."""

    published: str
    conv: int
    ours: str

    def rename(self, key: str) -> str:
        """Translate one of our keys that begins with `ours` into the published one."""
        part, _, rest = key.removeprefix(f"{self.ours}.").partition(".")
        return f"{self.published}.{self.conv + (part == 'norm')}.{rest}"


class PATNOfficial(WeightsConverter):
    """Converts netG, netD_PP and netD_PB of github.com/tengteng95/Pose-Transfer.

    Read from the tensors: width, number of blocks, normalisation, whether there is a dropout
    layer, and a discriminator's condition. A `module.` before all keys (DataParallel) is accepted,
    and the statistics that PyTorch 0.3 saved for instance norm, which nothing uses, are dropped.
    """

    files: ClassVar[Mapping[str, str]] = {
        "latest_net_netG.pth": "generator",
        "latest_net_netD_PP.pth": "appearance",
        "latest_net_netD_PB.pth": "shape",
    }

    def convert(
        self, tensors: Mapping[str, Tensor], path: Path
    ) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Translate one network's state dict; see the contract.

        Returns:
            For netG, `{"generator", "encoder", "image_size"}`; for a discriminator,
            `{"discriminator"}`; and the tensors.

        Raises:
            WeightsError: naming the first key that is missing, unexpected or of another shape.
        """
        tensors = _without_prefix(tensors)
        if _GENERATOR_MARK in tensors:
            return _generator(tensors, path)
        if _DISCRIMINATOR_MARK in tensors:
            return _discriminator(tensors, path)
        raise WeightsError(
            f"{path}: not a network of the published PATN code, neither {_GENERATOR_MARK!r} nor "
            f"{_DISCRIMINATOR_MARK!r} is in it."
        )


def _generator(
    tensors: Mapping[str, Tensor], path: Path
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    norm = _norm(tensors, "model.stream1_down", path)
    options: dict[str, Any] = {
        "ngf": _size(tensors, _GENERATOR_MARK, 0),
        "blocks": max(_count(tensors, r"model\.att\.(\d+)\."), 1),
        "norm": norm,
        "dropout": _dropout(tensors, "model.att.0.conv_block_stream1"),
    }
    units = [
        *_encoder_units("model.stream1_down", "image_encoder"),
        *_encoder_units("model.stream2_down", "pose_encoder"),
        *_branch_units(options["blocks"], options["dropout"]),
        _Unit("model.stream1_up", 0, "decoder.up1"),
        _Unit("model.stream1_up", 3, "decoder.up2"),
        _Unit("model.stream1_up", 7, "decoder.head"),
    ]
    pose_channels = max(_size(tensors, "model.stream2_down.1.weight", 1) // 2, 1)
    with torch.device("meta"):
        network = PATNGenerator(PATNConfig(**options), TaskInfo((128, 64), pose_channels))
    tree = {"generator": {"name": "patn", **options}, **_DATA[norm]}
    return tree, _translate(tensors, network, units, norm, path)


def _discriminator(
    tensors: Mapping[str, Tensor], path: Path
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    channels = _size(tensors, _DISCRIMINATOR_MARK, 1)
    if channels not in _CONDITIONS:
        raise WeightsError(
            f"{path}: {_DISCRIMINATOR_MARK!r} takes {channels} channels, where the published "
            "discriminators take 6 (two images) or 21 (an image and a pose)."
        )
    norm = _norm(tensors, "model", path)
    options: dict[str, Any] = {
        "conditions": list(_CONDITIONS[channels]),
        "ngf": _size(tensors, _DISCRIMINATOR_MARK, 0),
        "blocks": _count(tensors, r"model\.(\d+)\.conv_block\."),
        "norm": norm,
        "dropout": _dropout(tensors, "model.10.conv_block"),
    }
    units = list(_encoder_units("model", "encoder"))
    for i in range(options["blocks"]):
        units += _pair(f"model.{10 + i}.conv_block", f"blocks.{i}.branch", options["dropout"])
    with torch.device("meta"):
        config = ResnetDiscriminatorConfig(**options)
        network = ResnetDiscriminator(config, TaskInfo((128, 64), pose_channels=18))
    tree = {"discriminator": {"name": "patn-resnet", **options}}
    return tree, _translate(tensors, network, units, norm, path)


def _encoder_units(published: str, ours: str) -> Iterator[_Unit]:
    for place, name in ((1, "stem"), (4, "down1"), (7, "down2")):
        yield _Unit(published, place, f"{ours}.{name}")


def _pair(published: str, ours: str, dropout: float) -> Iterator[_Unit]:
    yield _Unit(published, 1, f"{ours}.first")
    yield _Unit(published, 6 if dropout else 5, f"{ours}.second")


def _branch_units(blocks: int, dropout: float) -> Iterator[_Unit]:
    for i in range(blocks):
        for stream, name in (("stream1", "image_branch"), ("stream2", "pose_branch")):
            yield from _pair(f"model.att.{i}.conv_block_{stream}", f"blocks.{i}.{name}", dropout)


def _translate(
    tensors: Mapping[str, Tensor],
    network: nn.Module,
    units: list[_Unit],
    norm: Norm,
    path: Path,
) -> dict[str, Tensor]:
    """Return the tensors under our names; check that nothing is missing, left over or misshapen."""
    unit_of = {unit.ours: unit for unit in units}
    translated: dict[str, Tensor] = {}
    rest = dict(tensors)
    for key, expected in network.state_dict().items():
        published = unit_of[key.rsplit(".", 2)[0]].rename(key)
        tensor = rest.pop(published, None)
        if tensor is None and key.endswith("num_batches_tracked"):
            tensor = torch.tensor(0)  # PyTorch 0.3 did not count; only a momentum of None reads it
        if tensor is None:
            raise WeightsError(f"{path}: no {published!r}, which the published network has.")
        if tensor.shape != expected.shape:
            raise WeightsError(
                f"{path}: {published!r} is {tuple(tensor.shape)}, where the published network has "
                f"{tuple(expected.shape)}."
            )
        translated[key] = tensor
    if norm == "instance":
        rest = {key: value for key, value in rest.items() if not key.endswith(_STATISTICS)}
    if rest:
        raise WeightsError(f"{path}: {min(rest)!r} is not in the published network.")
    return translated


def _norm(tensors: Mapping[str, Tensor], stem: str, path: Path) -> Norm:
    """Tell the normalisation by the first one; stale statistics alone are not batch norm."""
    if f"{stem}.2.weight" in tensors:
        return "batch"
    if f"{stem}.1.bias" in tensors:
        return "instance"
    raise WeightsError(
        f"{path}: neither {f'{stem}.2.weight'!r} (batch norm) nor {f'{stem}.1.bias'!r} (instance "
        "norm) is in it, and the published networks have one of the two."
    )


def _dropout(tensors: Mapping[str, Tensor], block: str) -> float:
    """Tell by the second convolution's index: 5 is a padding where a dropout layer comes before."""
    return 0.0 if f"{block}.5.weight" in tensors else 0.5


def _count(tensors: Mapping[str, Tensor], pattern: str) -> int:
    return len({match[1] for key in tensors if (match := re.match(pattern, key))})


def _size(tensors: Mapping[str, Tensor], key: str, dimension: int) -> int:
    """Return a size, or 1 where there is none; then the check of all shapes names the tensor."""
    shape = tensors[key].shape if key in tensors else ()
    return shape[dimension] if len(shape) > dimension and shape[dimension] > 0 else 1


def _without_prefix(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    prefix = "module." if all(key.startswith("module.") for key in tensors) else ""
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items()}

"""Reads the checkpoints of the published PATN code.

Published keys are numbers of layers in lists, which shift by one where there is a dropout layer.
Both numberings are written down here once, beside our names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from posegen.core import TaskInfo, WeightsConverter, WeightsError
from posegen_patn.config import Norm, PATNConfig, ResnetDiscriminatorConfig
from posegen_patn.discriminator import ResnetDiscriminator
from posegen_patn.generator import PATNGenerator

#: Part of one of our networks -> the published list of layers.
_LISTS = {
    "image_encoder": "model.stream1_down",
    "pose_encoder": "model.stream2_down",
    "image_branch": "model.att.{block}.conv_block_stream1",
    "pose_branch": "model.att.{block}.conv_block_stream2",
    "decoder": "model.stream1_up",
    "encoder": "model",  # a discriminator is one list, with its blocks after the encoder
    "branch": "model.{after_encoder}.conv_block",
}
#: The place of a convolution in its list, with a dropout layer before the second of a block; the
#: normalisation is in the next place.
_PLACES = {
    "stem": 1,
    "down1": 4,
    "down2": 7,
    "up1": 0,
    "up2": 3,
    "head": 7,
    "first": 1,
    "second": 6,
}
#: What is before the blocks in the list of a discriminator.
_ENCODER_LAYERS = 10

_GENERATOR_MARK = "model.stream1_down.1.weight"
_DISCRIMINATOR_MARK = "model.1.weight"

#: Input channels of a published discriminator (image and condition) -> what the condition is.
_CONDITIONS: dict[int, tuple[str, ...]] = {6: ("source",), 21: ("target_pose",)}

#: What a checkpoint does not say: it goes with the data set, and so does the normalisation of the
#: published networks. Batch norm is the Market-1501 network, trained on Gaussian maps of 128×64
#: images; instance norm is DeepFashion's, trained on maps that were stored as integers (one pixel
#: per joint) of 256×176 images.
_DATA: dict[Norm, dict[str, Any]] = {
    "batch": {"encoder": {"name": "gaussian", "sigma": 6.0}, "image_size": [128, 64]},
    "instance": {"encoder": {"name": "one-hot"}, "image_size": [256, 176]},
}

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


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
    pose_channels = max(_size(tensors, "model.stream2_down.1.weight", 1) // 2, 1)
    with torch.device("meta"):
        network = PATNGenerator(PATNConfig(**options), TaskInfo((128, 64), pose_channels))
    tree = {"generator": {"name": "patn", **options}, **_DATA[norm]}
    return tree, _translate(tensors, network, options, path)


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
        "dropout": _dropout(tensors, f"model.{_ENCODER_LAYERS}.conv_block"),
    }
    with torch.device("meta"):
        config = ResnetDiscriminatorConfig(**options)
        network = ResnetDiscriminator(config, TaskInfo((128, 64), pose_channels=18))
    tree = {"discriminator": {"name": "patn-resnet", **options}}
    return tree, _translate(tensors, network, options, path)


def _published(key: str, dropout: float) -> str:
    """Translate one of our keys, such as `blocks.2.pose_branch.first.norm.weight`."""
    *block, part, unit, layer, tensor = key.split(".")
    number = int(block[1]) if block else 0
    layers = _LISTS[part].format(block=number, after_encoder=_ENCODER_LAYERS + number)
    place = _PLACES[unit] - (unit == "second" and not dropout) + (layer == "norm")
    return f"{layers}.{place}.{tensor}"


def _translate(
    tensors: Mapping[str, Tensor], network: nn.Module, options: Mapping[str, Any], path: Path
) -> dict[str, Tensor]:
    """Return the tensors under our names; check that nothing is missing, left over or misshapen."""
    translated: dict[str, Tensor] = {}
    rest = dict(tensors)
    for key, expected in network.state_dict().items():
        published = _published(key, options["dropout"])
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
    if options["norm"] == "instance":
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

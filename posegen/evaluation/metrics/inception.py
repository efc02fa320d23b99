"""The two Inception-v3 networks that published scores are made with.

They differ in weights, in how a picture is brought to 299×299, and in the average pools inside, and
so does every score made with them: FID under one cannot be compared with FID under the other.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from posegen.core.batches import Batch
from posegen.core.metrics import ReferenceImages
from posegen.core.pretrained import PretrainedFile
from posegen.evaluation.metrics.networks import fill, shared

Network = Literal["tf", "torchvision"]
Resize = Literal["tf1", "bilinear", "antialias"]

#: How a user names a local copy of the TensorFlow network's file, for all metrics that use it.
TF_OPTION = "--inception-weights FILE"

#: Channels of pool3, and classes of the TensorFlow network.
FEATURES, CLASSES = 2048, 1008
#: The side of the square that the networks see, in pixels.
SIDE = 299
#: Pictures per call of the network: activations of a whole batch could fill a device's memory.
CHUNK = 32

PUBLISHED: dict[Network, PretrainedFile] = {
    "tf": PretrainedFile(
        "TensorFlow's Inception of 2015-12-05, as torch-fidelity converted it",
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
        "weights-inception-2015-12-05-6726825d.pth",
        "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    ),
    "torchvision": PretrainedFile(
        "torchvision's ImageNet weights of Inception-v3",
        "https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth",
        "0cc3c7bd75056d25e46cba549dc184522069b81e9787eff6df84f397bd52a5ef",
    ),
}

#: What each network's published programs resize with.
RESIZE: dict[Network, Resize] = {"tf": "tf1", "torchvision": "bilinear"}

#: torchvision's "transform_input" of values in [0, 1]: from ImageNet's mean and standard deviation
#: to 0.5 and 0.5. Only this affine map is applied: the published programs do not normalise before.
_SCALE = tuple(deviation / 0.5 for deviation in (0.229, 0.224, 0.225))
_SHIFT = tuple((mean - 0.5) / 0.5 for mean in (0.485, 0.456, 0.406))


class Inception:
    """An Inception-v3 with its published input, up to its last average pool ("pool3").

    Convention:
        - `tf`: the graph of 2015-12-05 that IS and FID were defined with, converted by
          torch-fidelity, whose blocks are used: average pools inside do not count the border, and
          the last block takes a maximum. Input (x - 128) / 128 after resizing values in [0, 255].
        - `torchvision`: ImageNet weights of torchvision. GFLA's script and its copies (DPTN, PIDM,
          PCDMs, PoCoLD) and CFLD's use it. Input: values in [0, 1], resized, then the affine map of
          torchvision's `transform_input`, x·(σ/0.5) + (μ - 0.5)/0.5, without the normalisation
          that torchvision expects before it. Early copies loaded the file
          `inception_v3_google-1a9a5a14.pth`, which torchvision saved anew under the present name.
        - resize `tf1`: TensorFlow 1's bilinear kernel, which puts the corners of the top-left
          pixels, not the centres, on each other (torch-fidelity's function; the default of `tf`).
        - resize `bilinear`: `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`
          without antialiasing (the default of `torchvision`).
        - resize `antialias`: the same with `antialias=True`, the default of torchmetrics' FID.
        - pytorch-fid is `tf` with `bilinear`, but for its input x / 127.5 - 1; clean-fid resizes
          with Pillow's bicubic kernel. Neither is here.
        - In float32; TF32 is off.

    Args:
        network: which of the two.
        weights: a local copy of its file, or None for torchvision's cache and a download.
        option: how the user names a local copy.
        resize: how pictures are brought to 299×299; None for the network's own way.

    Raises:
        posegen.core.WeightsError: where the weights cannot be had, or are of another network.
    """

    def __init__(
        self, network: Network, weights: Path | None, option: str, resize: Resize | None = None
    ) -> None:
        self.name, self.resize = network, resize or RESIZE[network]
        build = _tensorflow if network == "tf" else _torchvision
        self._network = shared(f"inception-{network}", PUBLISHED[network], weights, option, build)
        #: Tells apart networks whose features of one picture differ.
        self.identity = (self.name, self.resize, self._network.sha256)

    @property
    def description(self) -> str:
        """The network in a few words, with its file."""
        title = {"tf": "TensorFlow Inception", "torchvision": "torchvision Inception-v3"}[self.name]
        kernel = {
            "tf1": "TF1 bilinear",
            "bilinear": "bilinear",
            "antialias": "antialiased bilinear",
        }
        return f"{title} ({self._network.weights}), {kernel[self.resize]} to {SIDE}×{SIDE}"

    def features(self, images: Tensor) -> Tensor:
        """Return pool3 of uint8 RGB pictures (B, 3, H, W): (B, 2048) float32."""
        parts = [self._network(self._input(part)) for part in torch.split(images, CHUNK)]
        return torch.cat(parts)

    def probabilities(self, features: Tensor) -> Tensor:
        """Return the class probabilities of pool3 features, as IS takes them: (B, 1008) float64.

        The softmax of pool3 @ weights without the classifier's bias, which the first script for IS
        left out, and all since. Only the network `tf` has them.
        """
        weight: Tensor = self._network.network.get_buffer("classes")
        return (features @ weight.to(features.device).T).double().softmax(dim=1)

    def of_batch(self, batch: Batch, pictures: Literal["generated", "target"]) -> Tensor:
        """Return the features of a batch's pictures, computed once for all metrics."""
        key = ("inception", *self.identity, pictures)
        return batch.once(
            key, lambda: self.features(getattr(batch, pictures)), of_targets=pictures == "target"
        )

    def of_reference(self, reference: ReferenceImages) -> Iterator[Tensor]:
        """Yield the features of reference images, batch by batch."""
        return map(self.features, reference)

    def _input(self, images: Tensor) -> Tensor:
        values = images.float()
        if self.name == "tf":
            return (_resized(values, self.resize) - 128) / 128
        scale, shift = (values.new_tensor(c).view(3, 1, 1) for c in (_SCALE, _SHIFT))
        return _resized(values / 255, self.resize) * scale + shift


def _resized(images: Tensor, kernel: Resize) -> Tensor:
    if kernel == "tf1":
        from torch_fidelity.interpolate_compat_tensorflow import (
            interpolate_bilinear_2d_like_tensorflow1x,
        )

        resized: Tensor = interpolate_bilinear_2d_like_tensorflow1x(
            images, size=(SIDE, SIDE), align_corners=False
        )
        return resized
    return interpolate(
        images, (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=kernel == "antialias"
    )


def _tensorflow(tensors: Mapping[str, Tensor]) -> nn.Module:
    """Build the network of 2015-12-05 out of torch-fidelity's blocks.

    Its class takes a path, unpickles what is there and downloads where there is none; so the blocks
    are put together here. They follow each other in one line up to pool3.
    """
    from torch_fidelity import feature_extractor_inceptionv3 as blocks

    conv = blocks.BasicConv2d
    with torch.device("meta"):  # nothing that no weight was loaded into can take part
        layers = {
            "Conv2d_1a_3x3": conv(3, 32, kernel_size=3, stride=2),
            "Conv2d_2a_3x3": conv(32, 32, kernel_size=3),
            "Conv2d_2b_3x3": conv(32, 64, kernel_size=3, padding=1),
            "MaxPool_1": nn.MaxPool2d(kernel_size=3, stride=2),
            "Conv2d_3b_1x1": conv(64, 80, kernel_size=1),
            "Conv2d_4a_3x3": conv(80, 192, kernel_size=3),
            "MaxPool_2": nn.MaxPool2d(kernel_size=3, stride=2),
            "Mixed_5b": blocks.InceptionA(192, pool_features=32),
            "Mixed_5c": blocks.InceptionA(256, pool_features=64),
            "Mixed_5d": blocks.InceptionA(288, pool_features=64),
            "Mixed_6a": blocks.InceptionB(288),
            "Mixed_6b": blocks.InceptionC(768, channels_7x7=128),
            "Mixed_6c": blocks.InceptionC(768, channels_7x7=160),
            "Mixed_6d": blocks.InceptionC(768, channels_7x7=160),
            "Mixed_6e": blocks.InceptionC(768, channels_7x7=192),
            "Mixed_7a": blocks.InceptionD(768),
            "Mixed_7b": blocks.InceptionE_1(1280),
            "Mixed_7c": blocks.InceptionE_2(2048),
            "fc": nn.Linear(FEATURES, CLASSES),
        }
    whole = nn.Sequential(OrderedDict(layers))
    fill(whole, tensors)
    *trunk, classifier = whole.children()
    network = _pooled(trunk)
    network.register_buffer("classes", classifier.get_parameter("weight").detach())
    return network


def _torchvision(tensors: Mapping[str, Tensor]) -> nn.Module:
    """Build torchvision's network without its classifiers."""
    from torchvision.models import inception_v3

    with torch.device("meta"):
        whole = inception_v3(weights=None, init_weights=False)
    fill(whole, tensors)
    left_out = ("AuxLogits", "avgpool", "dropout", "fc")
    return _pooled([layer for name, layer in whole.named_children() if name not in left_out])


def _pooled(layers: Iterable[nn.Module]) -> nn.Sequential:
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())

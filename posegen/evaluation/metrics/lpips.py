"""LPIPS: the `lpips` package's network on a trunk whose weights are known.

The package would fetch the trunk by itself through torchvision's deprecated arguments, or leave it
random. Here it is built without storage for its weights (torch's "meta" device), so that a weight
which nothing was loaded into cannot take part in a score: using it is an error.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posegen.core.batches import Batch
from posegen.core.errors import WeightsError
from posegen.core.metrics import PerImageMetric
from posegen.core.pretrained import PretrainedFile, read_tensors
from posegen.evaluation.metrics.config import LPIPSConfig
from posegen.evaluation.metrics.networks import fill, shared, without_prefix

#: How a user names a local copy of the trunk's weights.
OPTION = "--lpips-weights FILE"
#: What can be had at once where the weights cannot.
INSTEAD = (
    "Or score with `--metrics st-lpips` (package posegen-stlpips), which needs no file; it is "
    "another measure, and its values are not LPIPS'."
)

TRUNKS = {
    net: PretrainedFile(
        f"{title}'s ImageNet weights for lpips",
        f"https://download.pytorch.org/models/{file}",
        digest,
    )
    for net, title, file, digest in (
        (
            "alex",
            "AlexNet",
            "alexnet-owt-7be5be79.pth",
            "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        ),
        (
            "vgg",
            "VGG-16",
            "vgg16-397923af.pth",
            "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        ),
        (
            "squeeze",
            "SqueezeNet 1.1",
            "squeezenet1_1-b8a52dc0.pth",
            "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
        ),
    )
}


class LPIPS(PerImageMetric):
    """Learned perceptual image patch similarity (Zhang et al. 2018), ≥ 0; 0 for equal images.

    Convention:
        - Version 0.1 of the linear heads, from the `lpips` package; ImageNet trunk as the option
          `net` says (AlexNet by default, the one that the paper's authors advise for scores).
        - Images scaled to [-1, 1], in float32, at their own size (no resizing).
        - Reduction: per layer mean over places, sum over layers, mean over images.
        - lpips: `lpips.LPIPS(net=…)(a, b)` on images in [-1, 1]. torchmetrics' class of that name
          takes the same network.
        - The PATN paper gives no LPIPS; later papers on the same data do, mostly with AlexNet.

    Raises:
        posegen.core.WeightsError: on construction, where the trunk's weights cannot be had, or are
            not those of this network.
    """

    def __init__(self, config: LPIPSConfig) -> None:
        super().__init__(config)
        self.net = config.net
        try:
            self.network = shared(
                f"lpips-{config.net}",
                TRUNKS[config.net],
                config.weights,
                OPTION,
                partial(_build, config.net),
            )
        except WeightsError as error:
            if config.weights is not None:
                raise
            raise WeightsError(f"{error} {INSTEAD}") from error

    def score(self, batch: Batch) -> Tensor:
        """Return one value per image: (B,)."""
        generated, target = (image.float() / 127.5 - 1 for image in (batch.generated, batch.target))
        distance: Tensor = self.network(generated, target)
        return distance.flatten()

    def describe(self) -> str:
        """Return the protocol, with the trunk that is in use."""
        return (
            f"lpips 0.1 linear heads on {self.net} ({self.network.weights}), 8-bit RGB scaled to "
            "[-1, 1], own size, mean over images"
        )


def _build(net: str, tensors: Mapping[str, Tensor]) -> Any:
    """Return `lpips.LPIPS` with the published heads and a trunk of the given weights."""
    import lpips  # takes seconds: it imports scipy and its own training code

    with warnings.catch_warnings(), torch.device("meta"):
        # lpips 0.1.4 names torchvision's weights in a way that is deprecated since 0.13.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"torchvision\.models")
        # Without dropout layers nothing depends on train() and eval().
        network = lpips.LPIPS(
            net=net, pretrained=False, pnet_rand=True, use_dropout=False, verbose=False
        )
    # torchvision's `features.{i}.*` are lpips's `slice{k}.{i}.*`.
    names = {name.partition(".")[2]: name for name in network.net.state_dict()}
    given = without_prefix(tensors, "features.")
    fill(network.net, {names.get(name, name): tensor for name, tensor in given.items()})
    heads = read_tensors(Path(lpips.__file__).parent / "weights" / "v0.1" / f"{net}.pth")
    # Published heads are `lin{k}.model.1.weight`: here no dropout layer comes before.
    renamed = {key.replace(".model.1.", ".model.0."): tensor for key, tensor in heads.items()}
    network.load_state_dict(renamed, strict=False, assign=True)
    left = [name for name, tensor in network.state_dict().items() if tensor.is_meta]
    assert not left, f"weights of lpips that nothing was loaded into: {left}"
    return network

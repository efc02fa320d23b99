"""DISTS: torchmetrics' network on a trunk whose weights are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torchmetrics.functional.image import dists

from posegen.core.batches import Batch
from posegen.core.metrics import PerImageMetric
from posegen.core.pretrained import read_tensors
from posegen.evaluation.metrics.config import DISTSConfig
from posegen.evaluation.metrics.lpips import TRUNKS
from posegen.evaluation.metrics.networks import fill, shared, without_prefix

#: How a user names a local copy of the trunk's weights.
OPTION = "--set dists.weights=FILE"

PUBLISHED = replace(TRUNKS["vgg"], title="VGG-16's ImageNet weights for dists")

#: The trunk's five stages, from layer to layer; the max pools between them are left out.
_STAGES = ((0, 4), (5, 9), (10, 16), (17, 23), (24, 30))


class DISTS(PerImageMetric):
    """Deep image structure and texture similarity (Ding et al. 2020); 0 for equal images.

    Convention:
        - The authors' weights of the channels (in the torchmetrics package), on torchvision's
          VGG-16 with L2 pools (Hann window, 3×3) in place of its max pools.
        - Images in [0, 1], in float32, at their own size, as the authors' function and torchmetrics
          take them. The authors' command line first shrinks pictures whose shorter side is longer
          than 256 pixels, so it agrees with this up to 256×256.
        - Reduction: mean over images.
        - torchmetrics ≥ 1.7: `deep_image_structure_and_texture_similarity(a, b)`.

    Raises:
        posegen.core.WeightsError: on construction, where the trunk's weights cannot be had, or are
            not those of this network.
    """

    def __init__(self, config: DISTSConfig) -> None:
        super().__init__(config)
        self.network = shared("dists", PUBLISHED, config.weights, OPTION, _Network)

    def score(self, batch: Batch) -> Tensor:
        """Return one value per image: (B,)."""
        images = (image.float() / 255 for image in (batch.generated, batch.target))
        distances: Tensor = self.network(*images)
        return distances.reshape(len(batch))  # the network squeezes a single one

    def describe(self) -> str:
        """Return the protocol, with the trunk that is in use."""
        return (
            f"torchmetrics' network on VGG-16 ({self.network.weights}), 8-bit RGB scaled to "
            "[0, 1], own size, mean over images"
        )


class _Network(dists.DISTSNetwork):  # type: ignore[misc]
    """torchmetrics' network, whose own constructor downloads the trunk."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        from torchvision.models import vgg16

        nn.Module.__init__(self)
        with torch.device("meta"):  # nothing that no weight was loaded into can take part
            layers = vgg16(weights=None, init_weights=False).features
        fill(layers, without_prefix(tensors, "features."))
        for number, (start, end) in enumerate(_STAGES, 1):
            stage = list(layers[start:end])
            if number > 1:  # in the place of the max pool
                stage.insert(0, dists.L2pooling(channels=stage[0].in_channels))
            self.add_module(f"stage{number}", nn.Sequential(*stage))
        for name, values in (("mean", (0.485, 0.456, 0.406)), ("std", (0.229, 0.224, 0.225))):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1))
        self.chns = [3, 64, 128, 256, 512, 512]
        weights = read_tensors(dists._PATH_WEIGHT_DISTS)
        self.alpha, self.beta = (nn.Parameter(weights[name]) for name in ("alpha", "beta"))

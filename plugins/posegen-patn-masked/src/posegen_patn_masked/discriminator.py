"""The discriminator's branches: one network each, a model has both."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from posegen.core import Discriminator, TaskInfo
from posegen_patn_masked.config import BranchConfig
from posegen_patn_masked.layers import SLOPE, down

#: What the generator says it made; the method gives it to discriminators that ask.
MASK = "generated_mask"


class Branch(Discriminator):
    """Scores every place of a picture, or of its generated region, beside the wanted pose.

    Convolutions of stride 2 and one to a single channel. The local branch gets picture and
    conditions multiplied by the mask; a real picture is masked by the mask of the generated one
    that stands beside it in the batch, so that the mask's outline gives nothing away.
    """

    def __init__(self, config: BranchConfig, task: TaskInfo) -> None:
        super().__init__(config, task)
        self.conditions, self.masked = config.conditions, config.region == "generated"
        self.inputs = (*self.conditions, MASK) if self.masked else self.conditions
        widths = [min(config.width * 2**n, 8 * config.width) for n in range(config.layers)]
        first = nn.Conv2d(3 + task.channels(self.conditions), widths[0], 4, 2, 1)
        self.layers = nn.Sequential(
            first,
            nn.LeakyReLU(SLOPE, inplace=True),
            *(down(a, b, config.norm) for a, b in pairwise(widths)),
            # Padded by two, so that the small maps of small pictures have room for the kernel.
            nn.Conv2d(widths[-1], 1, 4, padding=2),
        )

    def forward(self, image: Tensor, **inputs: Tensor) -> Tensor:
        """Return raw scores (B, 1, h, w) of an image (B, 3, H, W)."""
        joined = torch.cat([image, *(inputs[name] for name in self.conditions)], dim=1)
        if self.masked:
            joined = joined * inputs[MASK].to(joined.dtype)
        scores: Tensor = self.layers(joined)
        return scores

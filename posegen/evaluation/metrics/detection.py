"""The detection score: how sure a detector is that there is a person in the picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from posegen.core.batches import Batch
from posegen.core.metrics import PerImageMetric
from posegen.core.pretrained import PretrainedFile
from posegen.evaluation.metrics.config import DetectionScoreConfig
from posegen.evaluation.metrics.networks import fill, shared

#: How a user names a local copy of the detector's weights.
OPTION = "--set ds.weights=FILE"

PUBLISHED = PretrainedFile(
    "torchvision's COCO weights of SSD-300 for ds",
    "https://download.pytorch.org/models/ssd300_vgg16_coco-b556d3b4.pth",
    "b556d3b43ab6c3f63d81bfb8835fe8756ac22da664357da100dccf96b6a6b42d",
)

#: The label "person" among COCO's.
PERSON = 1
#: Pictures per call of the network.
CHUNK = 32


class DetectionScore(PerImageMetric):
    """Confidence of the surest person that a detector finds in a generated picture, in [0, 1].

    Convention:
        - torchvision's SSD-300 with VGG-16, trained on COCO: the highest score of a detection with
          the label "person", 0 where none is above 0.01. Mean over pictures.
        - The published script takes a Caffe SSD-300 trained on VOC07+12 (20 classes, 120,000
          iterations, pixels minus (104, 117, 123) in BGR) in the same way. Its weights exist for
          Caffe only. The two detectors' confidences differ, so published numbers cannot be
          compared with this one; real pictures on the same scale can.

    Raises:
        posegen.core.WeightsError: on construction, where the weights cannot be had.
    """

    def __init__(self, config: DetectionScoreConfig) -> None:
        super().__init__(config)
        self.network = shared("ssd300", PUBLISHED, config.weights, OPTION, _build)

    def score(self, batch: Batch) -> Tensor:
        """Return one value per image: (B,)."""
        images = batch.generated.float() / 255
        people = [
            one["scores"][one["labels"] == PERSON]
            for part in torch.split(images, CHUNK)
            for one in self.network(part)
        ]
        return torch.stack([s.max() if len(s) else s.new_zeros(()) for s in people])

    def describe(self) -> str:
        """Return the protocol, and how far it is from the published one."""
        return (
            f"highest person confidence of torchvision's SSD-300 ({self.network.weights}, trained "
            "on COCO), mean over images; the published scores are of a Caffe SSD-300 trained on "
            "VOC07+12 and cannot be compared"
        )


def _build(tensors: Mapping[str, Tensor]) -> Any:
    """Return torchvision's SSD-300 with the given weights, all of which must be there."""
    from torchvision.models.detection import ssd300_vgg16
    from torchvision.models.detection.anchor_utils import DefaultBoxGenerator

    with torch.device("meta"):  # nothing that no weight was loaded into can take part
        network: Any = ssd300_vgg16(weights=None, weights_backbone=None)
    # Its default boxes are no weights, but numbers that it computes when it is made.
    boxes = network.anchor_generator
    network.anchor_generator = DefaultBoxGenerator(
        boxes.aspect_ratios, scales=boxes.scales, steps=boxes.steps, clip=boxes.clip
    )
    fill(network, tensors)
    return network

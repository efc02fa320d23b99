"""torchvision's keypoint R-CNN (ResNet-50, FPN, trained on COCO's people) as a pose detector."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from posegen.core.contracts import PoseDetector
from posegen.core.errors import WeightsError
from posegen.core.pretrained import PretrainedFile
from posegen.poses.config import KeypointRCNNConfig

#: How a user names a local copy of the weights.
OPTION = "--set detector.weights=FILE"

WEIGHTS = PretrainedFile(
    "torchvision's keypoint R-CNN",
    "https://download.pytorch.org/models/keypointrcnn_resnet50_fpn_coco-fc266e95.pth",
    "fc266e95",
)


class KeypointRCNN(PoseDetector):
    """COCO's 17 joints of each person, by He et al. 2017 (arXiv:1703.06870).

    Convention:
        - The network runs on the device of the pictures that it is given, in float32.
        - People come in order of box score times box area, so that the person whom a picture is of
          precedes passers-by whom the network is as sure of.
        - A joint's confidence is 1 where its score is at least `joint_score`, and 0 (missing)
          below. The score is the largest value of the joint's heat map, a logit without an upper
          limit. 2 is where Detectron's drawings leave joints out. The network was trained on
          hidden joints too, and does not tell them from seen ones.
        - The network's coordinates count from the picture's edge; half a pixel is subtracted.

    Raises:
        posegen.core.WeightsError: on construction, where the weights cannot be had or are not
            those of this network.
    """

    skeleton = "coco17"

    def __init__(self, config: KeypointRCNNConfig) -> None:
        self.config = config
        self.network = _network(config)

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> list[Tensor]:
        """See `PoseDetector`."""
        network = self.network.to(images.device)
        return [self._people(people) for people in network([i.float() / 255 for i in images])]

    def _people(self, people: dict[str, Tensor]) -> Tensor:
        keypoints = people["keypoints"][..., :2] - 0.5
        seen = (people["keypoints_scores"] >= self.config.joint_score).to(keypoints.dtype)
        sides = people["boxes"][:, 2:] - people["boxes"][:, :2]
        order = (sides.prod(-1) * people["scores"]).argsort(descending=True, stable=True)
        return torch.cat([keypoints, seen[..., None]], dim=-1)[order]


def _network(config: KeypointRCNNConfig) -> Any:
    """Return torchvision's network with its published weights, on the CPU, in evaluation mode."""
    tensors = WEIGHTS.load(config.weights, OPTION)
    # Takes a second, and nothing else here needs it.
    from torchvision.models.detection import KeypointRCNN as Network
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
    from torchvision.ops.misc import FrozenBatchNorm2d

    with torch.device("meta"):  # no storage: a weight that nothing is loaded into cannot be used
        network = Network(
            resnet_fpn_backbone(backbone_name="resnet50", weights=None),
            num_classes=2,
            num_keypoints=17,
            min_size=config.min_size,
            max_size=config.max_size,
            box_score_thresh=config.person_score,
        )
    for module in network.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = 0.0  # torchvision's own value for these weights
    try:
        network.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split("\n", 1)[-1].split())[:120]
        raise WeightsError(
            f"{config.weights or WEIGHTS.filename}: not {WEIGHTS.title} ({reason}…); "
            f"give {WEIGHTS.filename} (its sha256 begins with {WEIGHTS.sha256}) with `{OPTION}`."
        ) from None
    return network.eval().requires_grad_(False)

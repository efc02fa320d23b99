"""PCKh: whether the generated person stands as the target does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from posegen.core.batches import Batch
from posegen.core.contracts import PoseDetector
from posegen.core.errors import ConfigError, DataError
from posegen.core.metrics import Metric
from posegen.core.skeletons import OPENPOSE18
from posegen.core.specs import Kind
from posegen.evaluation.metrics.config import PCKhConfig
from posegen.evaluation.metrics.masks import target_keypoints
from posegen.evaluation.metrics.tables import KeypointTable
from posegen.plugins import build, component_config, registry
from posegen.poses import DEFAULT_DETECTOR
from posegen.poses.people import detect_people

#: The joints whose bounding box is the head: nose, neck, eyes, ears.
HEAD = (0, 1, 14, 15, 16, 17)


class PCKh(Metric):
    """Part of the joints found near where the target's are, by the size of the head, in [0, 1].

    Convention, with the options' defaults (PATN's tool/calPCKH_*.py):
        - Keypoints of the generated image: from a file, or of its best person by a pose detector,
          by default posegen's; against the target's keypoints of the data set.
        - Head box: of those of the target's joints 0, 1 and 14 to 17 that are there; with less than
          two of them the image is left out.
        - A joint is right where |Δx| < 0.5·width and |Δy| < 0.5·height of the head box: a box, and
          not a circle as in other PCKh. A joint that was not found is wrong.
        - Reduction: all right joints over all joints of the targets, and not the mean of a value
          per image: so there is none per image.
        - Published values are from keypoints found in pictures that had been JPEG twice, by a Keras
          port of OpenPose; other detectors give other values.

    Raises:
        posegen.core.ConfigError: on construction, with keypoints and detector; in `update`, where
            targets have no keypoints.
        posegen.core.DataError: for a file of keypoints that is malformed or lacks a pair.
        posegen.core.PluginError: on construction, for a detector that is not installed.
    """

    correct: Tensor
    valid: Tensor

    def __init__(self, config: PCKhConfig) -> None:
        super().__init__(config)
        self.config = config
        self.find = _finder(config)
        for name in ("correct", "valid"):
            self.add_state(name, torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, batch: Batch) -> None:
        """Take a batch in."""
        target = target_keypoints(batch, "pckh")
        correct, valid = count_joints(self.find(batch).to(target), target, self.config.alpha)
        self.correct += correct.sum()
        self.valid += valid.sum()

    def compute(self) -> Tensor:
        """Return the part of right joints."""
        if self.valid == 0:
            raise DataError(
                "no target has two joints of its head (0, 1, 14 to 17); give targets with more of "
                "their keypoints."
            )
        return self.correct.double() / self.valid

    def describe(self) -> str:
        """Return how the number is computed under these options."""
        if self.config.keypoints is not None:
            origin = f"keypoints of {self.config.keypoints.name}"
        else:
            origin = f"keypoints by {self.config.detector or DEFAULT_DETECTOR}"
        return (
            f"{origin}, α {self.config.alpha:g} of the head's width and height, right of all joints"
        )


def count_joints(predicted: Tensor, target: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Count the joints that are right, and those that there are.

    Args:
        predicted: (B, 18, 3): x, y, visibility, in the order of openpose18; 0 for a missing joint.
        target: (B, 18, 3), likewise.
        alpha: how far a joint may be off, as a part of the head box.

    Returns:
        Two tensors (B,) int64; 0 of 0 for an image without a head box.
    """
    size, has_head = head_boxes(target)
    there = (target[..., 2] > 0) & has_head.unsqueeze(1)
    off = (predicted[..., :2].double() - target[..., :2].double()).abs()
    near = (off < alpha * size.unsqueeze(1)).all(-1)
    return (near & there & (predicted[..., 2] > 0)).sum(1), there.sum(1)


def head_boxes(keypoints: Tensor) -> tuple[Tensor, Tensor]:
    """Return the size of the box around the joints of the head.

    Args:
        keypoints: (B, 18, 3): x, y, visibility, in the order of openpose18.

    Returns:
        Width and height of the boxes (B, 2) float64, and whether there is one (B,): for it two of
        the six joints are needed.
    """
    head = keypoints[:, HEAD].double()
    there = head[..., 2] > 0
    least = head[..., :2].masked_fill(~there.unsqueeze(-1), torch.inf).amin(1)
    greatest = head[..., :2].masked_fill(~there.unsqueeze(-1), -torch.inf).amax(1)
    return greatest - least, there.sum(1) >= 2


def _finder(config: PCKhConfig) -> Callable[[Batch], Tensor]:
    """Return what finds the keypoints of generated images: (B, 18, 3)."""
    if config.keypoints is not None and config.detector is not None:
        raise ConfigError(
            "pckh takes the keypoints of the generated images from a file or a detector and not "
            "both; leave out `--set pckh.keypoints=…` or `--set pckh.detector=…`."
        )
    if config.keypoints is not None:
        return KeypointTable(config.keypoints)
    return FromDetector(config.detector or DEFAULT_DETECTOR, config.detector_options)


class FromDetector(torch.nn.Module):
    """The keypoints of generated images, found in them; a module for what the detector holds."""

    def __init__(self, name: str, options: dict[str, Any]) -> None:
        super().__init__()
        known = registry()
        config = component_config(known, Kind.DETECTOR, name, options, "pckh.detector_options")
        self.detector: PoseDetector = build(known, Kind.DETECTOR, name, config)

    def forward(self, batch: Batch) -> Tensor:
        """Return the keypoints of the best person in each generated image: (B, 18, 3)."""
        images = batch.generated.round().to(torch.uint8)
        nobody = torch.zeros(len(OPENPOSE18), 3, device=images.device)
        people = detect_people(self.detector, images, OPENPOSE18.name)
        return torch.stack([some[0].to(nobody) if len(some) else nobody for some in people])

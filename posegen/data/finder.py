"""A pose detector for the pictures of a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from posegen.data.posing import build_detector
from posegen.poses.detection import detect_people
from posegen.poses.layouts import OPENPOSE18


class PeopleFinder:
    """A detector by name, whose people have `openpose18` keypoints.

    Attributes:
        name: the detector's.
        options: the options that were given.

    Args:
        name: the name of a detector.
        options: its options.
        device: where the pictures are moved first.

    Raises:
        PluginError: where there is no such detector.
        ConfigError: for a wrong option.
        WeightsError: where its weights cannot be had.
    """

    def __init__(self, name: str, options: Mapping[str, Any], device: torch.device) -> None:
        self.name, self.options = name, dict(options)
        self._detector, self._device = build_detector(name, options), device

    def __call__(self, images: Sequence[Tensor]) -> list[Tensor]:
        """Find the people in pictures (3, H, W) uint8 of one size: for each (N, 18, 3), best first.

        See `posegen.poses.detection.detect_people`.
        """
        batch = torch.stack(list(images)).to(self._device)
        return detect_people(self._detector, batch, OPENPOSE18.name)

    def best(self, images: Sequence[Tensor]) -> list[Tensor]:
        """Find the best person in each picture: (18, 3), all zeros where there is nobody."""
        nobody = torch.zeros(len(OPENPOSE18), 3)
        return [people[0] if len(people) else nobody for people in self(images)]

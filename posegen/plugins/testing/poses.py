"""What pose encoders and pose detectors promise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from posegen.core import SKELETONS, Kind, skeleton
from posegen.plugins.testing.component import Case
from posegen.plugins.testing.functions import FunctionCase
from posegen.plugins.testing.inputs import Inputs, Size, eight_bits, images, keypoints, masks
from posegen.plugins.testing.promises import Broken, NotApplicable, promise, require


def known_skeleton(component: Any) -> int:
    """Return how many joints a component's skeleton has.

    Raises:
        Broken: where it is none of posegen's.
    """
    name = getattr(component, "skeleton", None)
    require(name in SKELETONS, f"`skeleton` is {name!r}, none of {', '.join(SKELETONS)}")
    return len(skeleton(str(name)))


@dataclass(kw_only=True)
class EncoderCase(FunctionCase):
    """An encoder, and how to feed it."""

    def example(
        self, component: Any, size: Size | None = None, count: int = 2, seed: int = 0
    ) -> Inputs:
        joints = known_skeleton(component)
        return {"keypoints": keypoints(count, joints, size or self.sizes[0], seed)}

    def run(self, component: Any, inputs: Inputs) -> Tensor:
        maps: Tensor = component(inputs["keypoints"], self.sizes[0])
        return maps

    def posed(self, count: int, size: Size | None = None) -> tuple[Any, Tensor]:
        """Return an encoder, and joints."""
        encoder = self.build()
        return encoder, self.example(encoder, size, count)["keypoints"]


@promise(Kind.ENCODER, Kind.DETECTOR)
def declares(case: Case) -> None:
    """`skeleton` is the name of one of posegen's, and an encoder's `channels` counts its maps."""
    component = case.build()
    known_skeleton(component)
    if case.spec.kind is Kind.ENCODER:
        channels = getattr(component, "channels", None)
        good = isinstance(channels, int) and channels >= 1
        require(good, f"`channels` is {channels!r}")


@promise(Kind.ENCODER, where="PoseEncoder.__call__")
def shape(case: EncoderCase) -> None:
    """(B, C, H, W) for every size and batch size, of the dtype of the keypoints."""
    for encoder, size, inputs, what in case.variants():
        for kind in (torch.float32, torch.float64):
            maps = encoder(inputs["keypoints"].to(kind), size)
            expected = (len(inputs["keypoints"]), encoder.channels, *size)
            require(tuple(maps.shape) == expected, f"{what} maps are {tuple(maps.shape)}")
            require(maps.dtype == kind, f"for keypoints of {kind} maps are {maps.dtype}")


@promise(Kind.ENCODER, where="PoseEncoder.__call__")
def _range(case: EncoderCase) -> None:
    """Maps are in [0, 1]."""
    encoder, points = case.posed(4)
    points[1, :, 2] = 0  # nobody
    points[2, :, :2] += 1000  # outside
    points[3, :, :2] = -0.4  # at the border
    maps = encoder(points, case.sizes[0])
    for what, made in zip(("", "nobody", "joints outside", "the border"), maps, strict=True):
        require(made.isfinite().all(), f"values are not finite{what and ' for ' + what}")
        good = made.min() >= 0 and made.max() <= 1
        require(good, f"values reach from {made.min():.3g} to {made.max():.3g}")
    require(maps[0].any(), "maps of a pose are empty")


@promise(Kind.ENCODER, where="PoseEncoder.__call__")
def missing(case: EncoderCase) -> None:
    """A joint of visibility 0 is missing: its x and y mean nothing."""
    encoder, points = case.posed(1)
    points[:, ::3, 2] = 0
    maps = encoder(points, case.sizes[0])
    for place in (-1, 1e6):
        points[:, ::3, :2] = place
        good = torch.equal(maps, encoder(points, case.sizes[0]))
        require(good, "maps depend on x and y of missing joints")


@promise(Kind.ENCODER, where="PoseEncoder.__call__")
def position(case: EncoderCase) -> None:
    """x is the column, y the row, with the centre of the top-left pixel at (0, 0)."""
    height, width = case.sizes[-1]
    encoder, left = case.posed(1, (height // 4, width // 4))
    right, low = left.clone(), left.clone()
    right[..., 0] += width / 2
    low[..., 1] += height / 2
    maps = encoder(torch.cat([left, right, low]), (height, width)).sum(dim=1)  # (3, H, W)
    total = maps.sum(dim=(1, 2))
    if not (total > 0).all():
        raise NotApplicable("the maps of a small pose are empty")
    x = (maps.sum(dim=1) * torch.arange(width)).sum(dim=1) / total
    y = (maps.sum(dim=2) * torch.arange(height)).sum(dim=1) / total
    require(x[1] > x[0], "a pose moved to the right does not move to the right in the maps")
    require(y[2] > y[0], "a pose moved down does not move down in the maps")


@dataclass(kw_only=True)
class DetectorCase(FunctionCase):
    """A detector, and how to feed it.

    Attributes:
        pictures: (B, 3, H, W) uint8 of people, B at least 2: with them more is tested, for a good
            detector finds nobody in the kit's own.
    """

    pictures: Tensor | None = None

    def example(
        self, component: Any, size: Size | None = None, count: int = 2, seed: int = 0
    ) -> Inputs:
        if self.pictures is not None and size is None:
            return {"images": self.pictures.clone()}
        size = size or self.sizes[0]
        inside = masks(count, size, seed)
        return {"images": eight_bits(inside * images(count, size, seed + 1) - (1 - inside))}

    def run(self, component: Any, inputs: Inputs) -> list[Tensor]:
        people: list[Tensor] = component(inputs["images"])
        return people


@promise(Kind.DETECTOR, where="PoseDetector.__call__")
def people(case: DetectorCase) -> None:
    """For each picture a tensor (N, K, 3) of finite x, y in pixels, and visibility or confidence in
    [0, 1]."""
    detector = case.build()
    joints = known_skeleton(detector)
    shown = [case.example(detector)["images"]]
    shown += [eight_bits(images(count, size)) for size in case.sizes for count in (1, 3)]
    shown += [torch.full((1, 3, *case.sizes[0]), value, dtype=torch.uint8) for value in (0, 255)]
    for pictures in shown:
        made = detector(pictures)
        what = f"for pictures of {tuple(pictures.shape)}"
        if not isinstance(made, list) or len(made) != len(pictures):
            raise Broken(f"{what} it does not return a list of {len(pictures)}")
        for poses in made:
            good = poses.dim() == 3 and tuple(poses.shape[1:]) == (joints, 3)
            require(good, f"{what} and {joints} joints, people are {tuple(poses.shape)}")
            require(poses.isfinite().all(), f"{what} a joint is not at a finite place")
            good = ((poses[..., 2] >= 0) & (poses[..., 2] <= 1)).all()
            require(good, f"{what} a confidence is not in [0, 1]")

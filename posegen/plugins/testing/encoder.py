"""`check_encoder`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from posegen.core import EncoderSpec, Kind, PoseEncoder
from posegen.plugins.testing.inputs import SIZES, Size, differs, joints_of, keypoints
from posegen.plugins.testing.report import Check, NotApplicable, Report, check
from posegen.plugins.testing.subject import Subject, examine


def check_encoder(
    component: str | EncoderSpec,
    *,
    options: Mapping[str, Any] | None = None,
    joints: int | None = None,
    sizes: Sequence[Size] = SIZES,
    skip: Mapping[str, str] | None = None,
) -> Report:
    """Test a pose encoder against its contract.

    Args:
        component: its name among the installed plugins, or its spec.
        options: its options; by default the example that its configuration class gives, else the
            defaults.
        joints: how many joints its layout has; by default the number at the end of the layout's
            name, as posegen's own layouts have it (`openpose18`, `coco17`).
        sizes: (H, W) of the maps.
        skip: name of a check -> why it is left out.
    """
    subject = Subject(Kind.ENCODER, component, options)
    case = EncoderCase(subject, joints, sizes)
    return examine(subject, subject.build, case, ENCODER, skip)


@dataclass(frozen=True)
class EncoderCase:
    """An encoder, and how to feed it."""

    subject: Subject
    given: int | None
    sizes: Sequence[Size]

    def build(self) -> PoseEncoder:
        """Build it."""
        encoder: PoseEncoder = self.subject.build()
        return encoder

    def points(self, count: int, size: Size, seed: int = 0) -> Tensor:
        """Return joints of its layout: (count, K, 3)."""
        joints = self.given or joints_of(self.build().layout)
        return keypoints(count, joints, size, seed)


@check(
    "declares",
    asks="`layout` names the layout of the keypoints that it reads, `channels` counts its maps",
    where="posegen.core.PoseEncoder",
)
def declares(case: EncoderCase) -> str | None:
    """Layout and channels are there."""
    encoder = case.build()
    layout, channels = getattr(encoder, "layout", None), getattr(encoder, "channels", None)
    if not (isinstance(layout, str) and layout):
        return f"`layout` is {layout!r}"
    return None if isinstance(channels, int) and channels >= 1 else f"`channels` is {channels!r}"


@check(
    "shape",
    asks="(B, C, H, W) for every size and batch size, of the dtype of the keypoints",
    where="posegen.core.PoseEncoder.__call__",
)
def shape(case: EncoderCase) -> str | None:
    """The maps have the size that is asked for."""
    encoder = case.build()
    for size in case.sizes:
        for count in (1, 3):
            for kind in (torch.float32, torch.float64):
                maps = encoder(case.points(count, size).to(kind), size)
                if tuple(maps.shape) != (count, encoder.channels, *size):
                    return (
                        f"for {count} poses, {encoder.channels} channels and the size {size} "
                        f"maps are {tuple(maps.shape)}"
                    )
                if maps.dtype != kind:
                    return f"for keypoints of {kind} maps are {maps.dtype}"
    return None


@check("range", asks="maps are in [0, 1]", where="posegen.core.PoseEncoder.__call__")
def value_range(case: EncoderCase) -> str | None:
    """Whatever the pose, values stay in the range."""
    encoder, size = case.build(), case.sizes[0]
    points = case.points(4, size)
    points[1, :, 2] = 0  # nobody
    points[2, :, :2] += 1000  # outside
    points[3, :, :2] = -0.4  # at the border
    maps = encoder(points, size)
    for what, made in zip(("", "nobody", "joints outside", "the border"), maps, strict=True):
        if not made.isfinite().all():
            return f"values are not finite{what and ' for ' + what}"
        if made.min() < 0 or made.max() > 1:
            return f"values reach from {made.min():.3g} to {made.max():.3g}"
    return "maps of a pose are empty" if not maps[0].any() else None


@check(
    "missing",
    asks="a joint of visibility 0 is missing: its x and y mean nothing",
    where="posegen.core.PoseEncoder.__call__",
)
def missing(case: EncoderCase) -> str | None:
    """Where a missing joint is said to be changes nothing."""
    encoder, size = case.build(), case.sizes[0]
    points = case.points(1, size)
    points[:, ::3, 2] = 0
    elsewhere = points.clone()
    elsewhere[:, ::3, :2] = -1
    far = points.clone()
    far[:, ::3, :2] = 1e6
    maps = encoder(points, size)
    for other in (elsewhere, far):
        if not torch.equal(maps, encoder(other, size)):
            return "maps depend on x and y of missing joints"
    return None


@check(
    "independent",
    asks="the maps of one pose do not depend on the others in the batch, nor on earlier calls",
    where="posegen.core.PoseEncoder.__call__",
)
def independent(case: EncoderCase) -> str | None:
    """A pose alone gives what it gives among others, every time."""
    encoder, size = case.build(), case.sizes[0]
    points = case.points(3, size)
    points[1, :, 2] = 0
    whole = encoder(points, size)
    for index in (2, 1, 0):
        if differs(whole[index : index + 1], encoder(points[index : index + 1], size), 1e-5):
            return "alone, a pose gives other maps than in a batch"
    return None


@check(
    "position",
    asks="x is the column, y the row, with the centre of the top-left pixel at (0, 0)",
    where="posegen.core.PoseEncoder.__call__",
)
def position(case: EncoderCase) -> str | None:
    """Poses in the left half give maps whose mass lies left of those in the right half."""
    encoder, (height, width) = case.build(), case.sizes[-1]
    left = case.points(1, (height // 4, width // 4))
    right, low = left.clone(), left.clone()
    right[..., 0] += width / 2
    low[..., 1] += height / 2
    maps = encoder(torch.cat([left, right, low]), (height, width)).sum(dim=1)  # (3, H, W)
    if not (maps > 0).any(dim=2).any(dim=1).all():
        raise NotApplicable("the maps of a small pose are empty")
    total = maps.sum(dim=(1, 2))
    x = (maps.sum(dim=1) * torch.arange(width)).sum(dim=1) / total
    y = (maps.sum(dim=2) * torch.arange(height)).sum(dim=1) / total
    if not x[1] > x[0]:
        return "a pose moved to the right does not move to the right in the maps"
    return None if y[2] > y[0] else "a pose moved down does not move down in the maps"


@check("inputs", asks="keypoints stay as they are", where="posegen.core.Batch")
def inputs_unchanged(case: EncoderCase) -> str | None:
    """Nothing is written into the keypoints."""
    points = case.points(2, case.sizes[0])
    before = points.clone()
    case.build()(points, case.sizes[0])
    return None if torch.equal(points, before) else "it writes into its keypoints"


@check(
    "device",
    asks="maps are made on the keypoints' own device",
    where="posegen.core.PoseEncoder.__call__",
)
def device(case: EncoderCase) -> str | None:
    """Works on the device "meta", which every machine has."""
    try:
        maps = case.build()(case.points(2, case.sizes[0]).to("meta"), case.sizes[0])
    except (RuntimeError, NotImplementedError) as error:
        if "not on the expected device" in str(error):
            return "a tensor that it makes is on the CPU"
        raise NotApplicable(
            "it reads values of tensors, so only a machine with an accelerator can tell"
        ) from None
    return None if maps.device.type == "meta" else f"maps are on {maps.device}"


ENCODER: tuple[Check[EncoderCase], ...] = (
    declares,
    shape,
    value_range,
    missing,
    independent,
    position,
    inputs_unchanged,
    device,
)

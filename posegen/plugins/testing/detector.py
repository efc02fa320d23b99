"""`check_detector`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from posegen.core import DetectorSpec, Kind, PoseDetector
from posegen.plugins.testing.inputs import (
    SIZES,
    Size,
    differs,
    eight_bits,
    images,
    joints_of,
    masks,
)
from posegen.plugins.testing.report import Check, Report, check
from posegen.plugins.testing.subject import Subject, examine


def check_detector(
    component: str | DetectorSpec,
    *,
    options: Mapping[str, Any] | None = None,
    joints: int | None = None,
    sizes: Sequence[Size] = SIZES,
    pictures: Tensor | None = None,
    skip: Mapping[str, str] | None = None,
) -> Report:
    """Test a pose detector against its contract.

    Args:
        component: its name among the installed plugins, or its spec.
        options: its options; by default the example that its configuration class gives, else the
            defaults.
        joints: how many joints its layout has; by default the number at the end of the layout's
            name.
        sizes: (H, W) of the pictures.
        pictures: (B, 3, H, W) uint8 of people, B at least 2: with them more is tested, for a good
            detector finds nobody in the kit's own.
        skip: name of a check -> why it is left out.
    """
    subject = Subject(Kind.DETECTOR, component, options)
    case = DetectorCase(subject, joints, sizes, pictures)
    return examine(subject, subject.build, case, DETECTOR, skip)


@dataclass(frozen=True)
class DetectorCase:
    """A detector, and how to feed it."""

    subject: Subject
    given: int | None
    sizes: Sequence[Size]
    pictures: Tensor | None

    def build(self) -> PoseDetector:
        """Build it."""
        detector: PoseDetector = self.subject.build()
        return detector

    def shown(self) -> Tensor:
        """Return the pictures of people, or ellipses before a background."""
        if self.pictures is not None:
            return self.pictures
        size = self.sizes[0]
        inside = masks(2, size)
        return eight_bits(inside * images(2, size, 1) - (1 - inside))


@check(
    "declares",
    asks="`layout` names the layout of what it returns",
    where="posegen.core.PoseDetector",
)
def declares(case: DetectorCase) -> str | None:
    """The layout is there."""
    layout = getattr(case.build(), "layout", None)
    return None if isinstance(layout, str) and layout else f"`layout` is {layout!r}"


@check(
    "people",
    asks="for each picture a tensor (N, K, 3) of finite x, y in pixels, and visibility or "
    "confidence in [0, 1]",
    where="posegen.core.PoseDetector.__call__",
)
def people(case: DetectorCase) -> str | None:
    """Every picture has its list of people, which may be empty."""
    detector = case.build()
    joints = case.given or joints_of(detector.layout)
    pictures = [eight_bits(images(count, size)) for size in case.sizes for count in (1, 3)]
    blank = [torch.full((1, 3, *case.sizes[0]), value, dtype=torch.uint8) for value in (0, 255)]
    for shown in (case.shown(), *pictures, *blank):
        found = detector(shown)
        what = f"for pictures of {tuple(shown.shape)}"
        if not isinstance(found, list) or len(found) != len(shown):
            return f"{what} it does not return a list of {len(shown)}"
        for poses in found:
            if poses.dim() != 3 or tuple(poses.shape[1:]) != (joints, 3):
                return f"{what} and {joints} joints, people are {tuple(poses.shape)}"
            if not poses.isfinite().all():
                return f"{what} a joint is not at a finite place"
            if ((poses[..., 2] < 0) | (poses[..., 2] > 1)).any():
                return f"{what} a confidence is not in [0, 1]"
    return None


@check(
    "independent",
    asks="what is found in one picture does not depend on the others in the batch, nor on earlier "
    "calls",
    where="posegen.core.PoseDetector.__call__",
)
def independent(case: DetectorCase) -> str | None:
    """A picture alone gives what it gives among others."""
    detector, pictures = case.build(), case.shown()
    whole = detector(pictures)
    for index, found in enumerate(whole):
        (alone,) = detector(pictures[index : index + 1])
        if alone.shape != found.shape or (len(found) and differs(found, alone)):
            return "alone, a picture gives other people than in a batch"
    return None


@check("inputs", asks="pictures stay as they are", where="posegen.core.PoseDetector")
def inputs_unchanged(case: DetectorCase) -> str | None:
    """Nothing is written into the pictures."""
    pictures = case.shown()
    before = pictures.clone()
    case.build()(pictures)
    return None if torch.equal(pictures, before) else "it writes into the pictures"


DETECTOR: tuple[Check[DetectorCase], ...] = (declares, people, independent, inputs_unchanged)

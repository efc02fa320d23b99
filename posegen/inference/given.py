"""What users give: pictures and poses in every usual form, and what is said of any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from posegen.core.errors import DataError
from posegen.core.skeletons import skeleton
from posegen.data.image_files import as_picture, cannot
from posegen.data.pictures import as_rgb, load, read_bytes
from posegen.inference.pose_files import Pose, pose_from, read_pose
from posegen.poses.people import inside

PictureLike = str | Path | Image.Image | Tensor | NDArray[np.uint8]
PoseLike = str | Path | Tensor | Pose | Mapping[str, Any] | Sequence[Sequence[float]]

#: What is taken, for messages.
_PICTURES = (
    "give one file, PIL image, array (H, W, 3) of uint8, or tensor (3, H, W) of uint8 or of "
    "numbers from 0 to 1."
)
_POSES = "give a file, (K, 3) numbers, or what a pose file holds."


def pose_of(pose: PoseLike, layout: str, own_size: tuple[int, int]) -> Pose:
    """Read a pose in any form.

    Args:
        pose: a file, what is in one, or (K, 3) or (K, 2) numbers.
        layout: name of its skeleton.
        own_size: (H, W) of the picture that its pixels count in, where it does not tell.

    Raises:
        DataError: where it is no pose, nobody is in it, or most of it is outside its picture.
    """
    read = _read(pose, layout)
    if not (read.keypoints[:, 2] > 0).any():
        where = f"{pose}: " if isinstance(pose, str | Path) else ""
        raise DataError(f"{where}no joint of this pose is seen; give one with somebody in it.")
    _check_inside(read, own_size, pose)
    return read


def _read(pose: PoseLike, layout: str) -> Pose:
    if isinstance(pose, Pose):
        return pose
    if isinstance(pose, str | Path):
        return read_pose(Path(pose), layout)
    if isinstance(pose, Mapping):
        return pose_from(pose, layout, Path("the pose"))
    try:
        points = torch.as_tensor(pose, dtype=torch.float32)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"a pose that is a {type(pose).__name__}: {error}; {_POSES}") from None
    joints = len(skeleton(layout))
    if points.shape == (joints, 2):
        points = torch.cat([points, torch.ones(joints, 1)], dim=1)
    if points.shape != (joints, 3) or not points.isfinite().all():
        raise DataError(
            f"keypoints of shape {tuple(points.shape)}: finite numbers of shape {(joints, 3)} "
            f"are expected, x, y and visibility of the joints of {layout}."
        )
    return Pose(points)


def _check_inside(pose: Pose, own_size: tuple[int, int], name: object) -> None:
    """Refuse a pose most of whose joints lie outside the picture that its pixels count in.

    Single joints may: detectors guess them beyond an edge.

    Raises:
        DataError: with the remedy.
    """
    size = pose.size or own_size
    seen = pose.keypoints[pose.keypoints[:, 2] > 0]
    outside = int((~inside(seen[:, :2], size)).sum())
    if 2 * outside > len(seen):
        where = f"{name}: " if isinstance(name, str | Path) else ""
        raise DataError(
            f"{where}{outside} of {len(seen)} joints lie outside the picture of "
            f"{size[0]}×{size[1]} (height × width) that they should count pixels in; give the size "
            'of theirs, with --pose-size or as "size" in the file.'
        )


def picture_of(source: PictureLike) -> Image.Image:
    """Return a picture that is given in any form, as RGB.

    Raises:
        DataError: where it is none, or cannot be read.
    """
    if isinstance(source, Image.Image):
        try:
            return as_rgb(source)
        except (ValueError, OSError) as error:  # Pillow decodes a file late
            raise DataError(f"a PIL image of the mode {source.mode}: {error}.") from None
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or source.ndim != 3 or source.shape[2] != 3:
            raise DataError(f"an array of {source.dtype} and shape {source.shape}: {_PICTURES}")
        return Image.fromarray(np.ascontiguousarray(source))
    if isinstance(source, Tensor):
        if source.is_floating_point() and 0 <= float(source.min()) <= float(source.max()) <= 1:
            source = source.mul(255).round().to(torch.uint8)
        if source.dtype != torch.uint8 or source.dim() != 3 or len(source) != 3:
            raise DataError(f"a tensor of {source.dtype} and {tuple(source.shape)}: {_PICTURES}")
        return as_picture(source)
    if isinstance(source, list | tuple):
        raise DataError(
            f"a list of {len(source)} pictures: every model here takes one picture of a person; "
            "give the best one, or ask for each by itself."
        )
    if not isinstance(source, str | Path):
        raise DataError(f"a source that is a {type(source).__name__}: {_PICTURES}")
    try:
        return load(read_bytes(Path(source)))
    except FileNotFoundError:
        raise DataError(f"{source}: no such picture.") from None
    except (ValueError, OSError) as error:
        raise DataError(f"{source}: {cannot(error)}; give another.") from None

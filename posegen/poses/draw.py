"""Pictures of poses, as people look at them: a skeleton on a dark ground, or on its picture."""

from __future__ import annotations

import colorsys

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance
from torch import Tensor

from posegen.core.skeletons import Skeleton

_OVERSAMPLING = 4  # PIL draws without anti-aliasing
_SMALLEST = 512  # longer side in pixels that pictures are enlarged to
_LARGEST = 4096  # canvases are not oversampled beyond this


def draw_pose(
    keypoints: Tensor, size: tuple[int, int], skeleton: Skeleton, scale: int = 1
) -> Image.Image:
    """Draw one person's keypoints.

    Args:
        keypoints: (K, 3): x, y in pixels of an image of `size`, and visibility; joints of
            visibility 0 are left out, hidden ones (below 1) drawn darker.
        size: (H, W) of the image in pixels.
        skeleton: says which joints a limb joins.
        scale: whole factor by which the drawing is larger than the image.

    Returns:
        An RGB picture of `scale`·H by `scale`·W.
    """
    zoom = scale * _OVERSAMPLING
    canvas = Image.new("RGB", (size[1] * zoom, size[0] * zoom), (18, 20, 28))
    _draw_limbs(canvas, keypoints, skeleton, zoom, max(1, round(canvas.height / 48)))
    return canvas.resize((size[1] * scale, size[0] * scale), Image.Resampling.LANCZOS)


def draw_pose_on(picture: Tensor, keypoints: Tensor, skeleton: Skeleton) -> Image.Image:
    """Draw one person's keypoints on their picture, which is dimmed.

    The picture is (3, H, W) uint8 RGB; the drawing is enlarged by a whole factor where it is small.
    """
    height, width = picture.shape[1:]
    scale = max(1, round(_SMALLEST / max(height, width)))
    zoom = scale * max(1, min(_OVERSAMPLING, _LARGEST // (scale * max(height, width))))
    ground = Image.fromarray(picture.permute(1, 2, 0).cpu().contiguous().numpy())
    canvas = ground.resize((width * zoom, height * zoom), Image.Resampling.BICUBIC)
    canvas = ImageEnhance.Brightness(canvas).enhance(0.7)
    _draw_limbs(canvas, keypoints, skeleton, zoom, max(1, round(max(canvas.size) / 160)))
    return canvas.resize((width * scale, height * scale), Image.Resampling.LANCZOS)


def _draw_limbs(
    canvas: Image.Image, keypoints: Tensor, skeleton: Skeleton, zoom: int, thickness: int
) -> None:
    """Draw on a canvas that is `zoom` times as large as the picture that the pixels count in."""
    pen = ImageDraw.Draw(canvas)
    points = np.asarray(keypoints.cpu(), dtype=np.float64)
    places = (points[:, :2] + 0.5) * zoom
    for number, (a, b) in enumerate(skeleton.limbs):
        if points[a, 2] > 0 and points[b, 2] > 0:
            colour = _colour(number / len(skeleton.limbs), min(points[a, 2], points[b, 2]))
            pen.line([tuple(places[a]), tuple(places[b])], fill=colour, width=thickness)
    radius = thickness * 0.75
    for number, (x, y) in enumerate(places):
        if points[number, 2] > 0:
            box = [x - radius, y - radius, x + radius, y + radius]
            pen.ellipse(box, fill=_colour(number / len(places), points[number, 2]))


def _colour(hue: float, visibility: float) -> tuple[int, int, int]:
    value = 1.0 if visibility >= 1 else 0.6
    red, green, blue = colorsys.hsv_to_rgb(hue * 0.85, 0.75, value)
    return round(red * 255), round(green * 255), round(blue * 255)

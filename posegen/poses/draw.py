"""Pictures of poses: a skeleton on a dark ground, as people look at them."""

from __future__ import annotations

import colorsys

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from posegen.poses.layouts import Layout

_OVERSAMPLING = 4  # PIL draws without anti-aliasing


def draw_pose(
    keypoints: Tensor, size: tuple[int, int], layout: Layout, scale: int = 1
) -> Image.Image:
    """Draw one person's keypoints.

    Args:
        keypoints: (K, 3): x, y in pixels of an image of `size`, and visibility; joints of
            visibility 0 are left out, hidden ones (below 1) drawn darker.
        size: (H, W) of the image in pixels.
        layout: says which joints a limb joins.
        scale: whole factor by which the drawing is larger than the image.

    Returns:
        An RGB picture of `scale`·H by `scale`·W.
    """
    zoom = scale * _OVERSAMPLING
    height, width = size
    canvas = Image.new("RGB", (width * zoom, height * zoom), (18, 20, 28))
    pen = ImageDraw.Draw(canvas)
    points = np.asarray(keypoints.cpu(), dtype=np.float64)
    places = (points[:, :2] + 0.5) * zoom
    thickness = max(1, round(height * zoom / 48))
    for number, (a, b) in enumerate(layout.limbs):
        if points[a, 2] > 0 and points[b, 2] > 0:
            colour = _colour(number / len(layout.limbs), min(points[a, 2], points[b, 2]))
            pen.line([tuple(places[a]), tuple(places[b])], fill=colour, width=thickness)
    radius = thickness * 0.75
    for number, (x, y) in enumerate(places):
        if points[number, 2] > 0:
            box = [x - radius, y - radius, x + radius, y + radius]
            pen.ellipse(box, fill=_colour(number / len(places), points[number, 2]))
    return canvas.resize((width * scale, height * scale), Image.Resampling.LANCZOS)


def _colour(hue: float, visibility: float) -> tuple[int, int, int]:
    value = 1.0 if visibility >= 1 else 0.6
    red, green, blue = colorsys.hsv_to_rgb(hue * 0.85, 0.75, value)
    return round(red * 255), round(green * 255), round(blue * 255)

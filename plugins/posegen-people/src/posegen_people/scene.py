"""Camera, light and surroundings: where points fall in the picture and what lies behind.

The surroundings belong to the person: a wall and a floor in metres, seen by each picture's camera.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posegen_people.bones import SIDES, Bones, People
from posegen_people.geometry import smoothstep
from posegen_people.noise import fractal

#: From the camera to the person, metres.
DISTANCE = 5.5

#: Windows, doors, pictures: soft boxes on the wall.
SHAPES = 4

# Bones that throw the floor shadow: ends and radius in metres.
_CASTERS = (
    ("waist", "neck", 0.15),
    ("waist", "pelvis", 0.16),
    ("head", "head", 0.11),
    *(
        (side + a, side + b, radius)
        for side in SIDES
        for a, b, radius in (
            ("hip", "knee", 0.085),
            ("knee", "ankle", 0.06),
            ("shoulder", "elbow", 0.05),
            ("elbow", "wrist", 0.045),
        )
    ),
)


def draw_scene(rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Draw one person's surroundings: a studio, a room or a street; colours are linear RGB."""

    def colour(saturation: float, value: float, hue: float | None = None) -> NDArray[np.float64]:
        hue = rng.random() if hue is None else hue
        return np.square(colorsys.hsv_to_rgb(hue, saturation, min(value, 1.0)))

    kind = int(rng.choice(3, p=(0.3, 0.4, 0.3)))
    hue, value = rng.random(), rng.uniform(0.55, 0.92)
    if kind == 0:  # studio: one sheet of paper bending into the floor
        low, depth, blur = colour(rng.uniform(0.02, 0.22), value, hue), 1.6, 0.35
        high, floor, opacity = low * rng.uniform(0.65, 0.95), low * rng.uniform(0.92, 1.08), 0.12
    elif kind == 1:  # room
        low, depth, blur = colour(rng.uniform(0.05, 0.35), value, hue), rng.uniform(1.0, 1.8), 0.012
        high, opacity = low * rng.uniform(0.9, 1.1), 0.75
        floor = colour(rng.uniform(0.2, 0.45), rng.uniform(0.4, 0.7), rng.uniform(0.05, 0.11))
    else:  # street
        low, depth, blur = colour(0.12, rng.uniform(0.6, 0.8), hue), rng.uniform(3.0, 6.0), 0.05
        high, opacity = colour(rng.uniform(0.1, 0.3), 0.92, 0.58), 0.6
        floor = colour(0.05, rng.uniform(0.42, 0.65), 0.1)
    shapes = []
    for _ in range(SHAPES):
        half_width = rng.uniform(0.25, 0.8)
        half_height = rng.uniform(0.3, 0.8) if kind == 1 else rng.uniform(0.7, 1.6)
        middle = rng.uniform(0.9, 2.0) if kind == 1 else half_height * rng.uniform(0.5, 1.0)
        soft = rng.uniform(0.02, 0.05) if kind == 1 else rng.uniform(0.15, 0.5)
        shapes.append((rng.uniform(-1.6, 1.6), middle, half_width, half_height, soft))
    azimuth = rng.uniform(0.25, 0.9) * rng.choice((-1, 1))
    light = np.array((np.sin(azimuth), rng.uniform(0.75, 1.3), np.cos(azimuth)))
    warm = rng.uniform(-0.06, 0.08)
    values = {
        "wall_low": low,
        "wall_high": high,
        "floor": floor,
        "wall_depth": depth,
        "wall_blur": blur,
        "shapes": shapes,
        "shape_colours": [colour(rng.uniform(0.1, 0.5), rng.uniform(0.35, 0.95)) for _ in shapes],
        "shape_opacity": opacity * rng.uniform(0.5, 1.0, SHAPES),
        "light": light,
        "light_colour": (1 + warm, 1.0, 1 - 1.3 * warm),
        "shadow": rng.uniform(0.35, 0.6),
    }
    return {name: np.asarray(value, dtype=np.float32) for name, value in values.items()}


@dataclass(frozen=True)
class Camera:
    """A perspective camera, a little above the person and looking down: scale (B,) pixels per
    metre at the person, column and row (B,) of the target in pixels, target height (B,) metres,
    cosine and sine (B,) of the tilt.
    """

    scale: Tensor
    column: Tensor
    row: Tensor
    target: Tensor
    cosine: Tensor
    sine: Tensor

    def view(self, points: Tensor) -> Tensor:
        """World points (B, N, 3) to right, up (metres at the person's distance) and nearness."""
        x, y, z = points.unbind(-1)
        y = y - self.target[:, None]
        c, s = self.cosine[:, None], self.sine[:, None]
        near = DISTANCE / (DISTANCE - (y * s + z * c))
        return torch.stack((x * near, (y * c - z * s) * near, near), -1)

    def project(self, points: Tensor) -> Tensor:
        """World points (B, N, 3) to x, y in pixels and nearness (1 at the target, linear)."""
        x, y, near = self.view(points).unbind(-1)
        scale = self.scale[:, None]
        return torch.stack(
            (self.column[:, None] + x * scale, self.row[:, None] - y * scale, near), -1
        )

    def rays(self, height: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Pixel rays: x, y, z (B, H or 1, W or 1) of the direction, world axes, and the eye (B, 2)
        as height and distance in front of the person.
        """
        scale = self.scale[:, None, None]
        x = (torch.arange(width) - self.column[:, None, None]) / scale
        y = (self.row[:, None, None] - torch.arange(height)[:, None]) / scale
        c, s = self.cosine[:, None, None], self.sine[:, None, None]
        eye = torch.stack((self.target + DISTANCE * self.sine, DISTANCE * self.cosine), -1)
        return x, y * c - DISTANCE * s, -y * s - DISTANCE * c, eye


def fit_camera(
    points: Tensor, stature: Tensor, settings: Tensor, height: int, width: int
) -> Camera:
    """Frame the person: points (B, V, 3) world, stature (B,) metres, settings (B, 7) of a Shot.

    An upright person fills settings' share of the height; whoever is too wide or too tall is
    scaled down to fit, and at last everybody by the settings' zoom: who is then too tall is cropped
    below.
    """
    fill, right, up, cosine, sine, zoom, above = settings.unbind(1)
    one = torch.ones_like(fill)
    camera = Camera(one, one * 0, one * 0, stature * 0.5, cosine, sine)
    seen = camera.view(points)
    x_low, y_low, _ = seen.amin(1).unbind(-1)
    x_high, y_high, _ = seen.amax(1).unbind(-1)
    scale = fill * height / stature
    scale = torch.minimum(scale, 0.92 * width / (x_high - x_low))
    scale = torch.minimum(scale, 0.94 * height / (y_high - y_low)) * zoom
    slack_x = width - (x_high - x_low) * scale
    slack_y = height - (y_high - y_low) * scale
    column = (width - 1) / 2 - (x_low + x_high) * 0.5 * scale
    column = column + right * (slack_x * 0.8).clamp(min=-0.12 * width, max=0.12 * width)
    floor = torch.minimum(slack_y * 0.5, (0.02 + 0.06 * up) * height)
    row = height - 0.5 - floor + y_low * scale
    row = torch.where(zoom > 1, above * height + y_high * scale, row)
    return Camera(scale, column, row, stature * 0.5, cosine, sine)


def backdrop(
    scene: People,
    camera: Camera,
    bones: Bones,
    light: Tensor,
    height: int,
    width: int,
) -> Tensor:
    """Wall and floor with the person's soft shadow, (B, 3, height, width) linear RGB."""

    def value(name: str) -> Tensor:
        return scene[name].reshape(*scene[name].shape, 1, 1)

    dx, dy, dz, eye = camera.rays(height, width)
    eye_y, eye_z = eye[:, :1, None], eye[:, 1:, None]
    to_wall = (-value("wall_depth") - eye_z) / dz
    wall_x, wall_y = dx * to_wall, eye_y + dy * to_wall
    to_floor = eye_y / (-dy).clamp(min=1e-3)
    floor_x, floor_z = dx * to_floor, eye_z + dz * to_floor

    clutter, size = value("clutter")[:, None], value("clutter_size")
    climb = (wall_y / 2.4).clamp(0, 1)[:, None]
    wall = value("wall_low") + (value("wall_high") - value("wall_low")) * climb
    wall = wall.expand(-1, -1, -1, width)
    for i in range(SHAPES):
        x, y, half_width, half_height, soft = (
            v[:, None, None] for v in scene["shapes"][:, i].unbind(1)
        )
        across = smoothstep((wall_x - x).abs() - half_width, soft, -soft)
        along = smoothstep((wall_y - y).abs() - half_height, soft, -soft)
        share = across * along * scene["shape_opacity"][:, i, None, None]
        wall = wall + (value("shape_colours")[:, i] - wall) * share[:, None]
    wall = wall * (1 + clutter * _mottled(wall_x / size, wall_y / size, scene)).clamp(min=0)
    fade = 1 - 0.16 * (floor_z.clamp(-2, 2) * -0.5).clamp(0, 1)
    floor = value("floor") * fade[:, None]
    floor = floor * (1 + clutter * _mottled(floor_x / size, floor_z / size, scene)).clamp(min=0)
    floor = floor * (
        1 - value("shadow")[:, None] * _shadow(bones, light, floor_x, floor_z)[:, None]
    )
    on_floor = smoothstep(wall_y, value("wall_blur"), -value("wall_blur"))[:, None]
    return wall + (floor - wall) * on_floor


def _mottled(x: Tensor, y: Tensor, scene: People) -> Tensor:
    """Noise of the surroundings at x and y, (B, 3, H, W) about 0; nothing where nobody has any."""
    if not bool(scene["clutter"].any()):
        return torch.zeros(())
    seed = scene["texture_seed"][:, None, None]
    shared = fractal(x, y, seed, octaves=4)
    own = [fractal(x, y, seed + 10 * colour, octaves=3) for colour in (1, 2, 3)]
    return 1.8 * (shared[:, None] + 0.25 * torch.stack(own, 1))


def _shadow(bones: Bones, light: Tensor, x: Tensor, z: Tensor) -> Tensor:
    """Darkness (B, H, W) in [0, 1] of the shadow at floor points x (B, H, W), z (B, H, 1)."""
    lit: Tensor | None = None
    slope_x, slope_z = light[:, 0] / light[:, 1], light[:, 2] / light[:, 1]
    for start, end, radius in _CASTERS:
        ends = []
        for name in (start, end):
            px, py, pz = bones.joints[name].unbind(1)
            ends.append((px - slope_x * py, pz - slope_z * py, py))
        (ax, az, ay), (bx, bz, by) = ends
        ux, uz = bx - ax, bz - az
        length = (ux * ux + uz * uz).clamp(min=1e-6)
        rx, rz = x - ax[:, None, None], z - az[:, None, None]
        t = (rx * (ux / length)[:, None, None] + rz * (uz / length)[:, None, None]).clamp(0, 1)
        rx, rz = rx - t * ux[:, None, None], rz - t * uz[:, None, None]
        blur = 0.03 + 0.16 * (ay[:, None, None] + t * (by - ay)[:, None, None])
        near = ((rx * rx + rz * rz).sqrt() - radius) / blur
        cover = (0.5 - 0.5 * near).clamp(0, 1)
        clear = 1 - cover * cover * (3 - 2 * cover) * (radius / (radius + 0.5 * blur))
        lit = clear if lit is None else lit * clear
    assert lit is not None
    return 1 - lit

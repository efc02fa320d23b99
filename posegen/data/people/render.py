"""Pictures of the embedded people: from numbers to images, masks and keypoints.

Random numbers are drawn on the CPU per (seed, identity) and (seed, identity, picture) alone, and
all arithmetic on images is exactly rounded and element-wise (see `geometry`), so a picture does
not depend on the batch it is rendered in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from posegen.data.people.body import body_parts
from posegen.data.people.garments import garment_parts
from posegen.data.people.geometry import normalise
from posegen.data.people.head import head_parts
from posegen.data.people.mesh import join_parts
from posegen.data.people.paint import PARTS
from posegen.data.people.picture import Picture, draw_picture
from posegen.data.people.raster import rasterise
from posegen.data.people.scene import DISTANCE, Camera, backdrop, draw_scene, fit_camera
from posegen.data.people.shade import Lighting, shade
from posegen.data.people.skeleton import KEYPOINTS, Skeleton, forward_kinematics
from posegen.data.people.wardrobe import Row, draw_person

__all__ = ["Rendered", "render_people"]

SUPERSAMPLING = 2
"""Samples per pixel, along x and along y."""
SAMPLES_PER_CHUNK = 1_500_000
NEAREST, DEPTH_RANGE = 1.5, 1.25
"""Nearness of the depth buffer's 0, and its span down to 1."""
GOLDEN = 0.6180339887498949
"""A person's views follow the golden ratio, so that few pictures already cover all sides."""


# How far inside the body (metres) a seen keypoint may lie behind the surface, and where the face's
# keypoints look (right and ahead in the head's frame).
_MARGIN = {
    "nose": 0.07,
    "eye": 0.06,
    "ear": 0.07,
    "neck": 0.16,
    "shoulder": 0.13,
    "elbow": 0.09,
    "wrist": 0.08,
    "hip": 0.2,
    "knee": 0.12,
    "ankle": 0.11,
}
_FACING = {
    "nose": (0.0, 1.0),
    "r_eye": (-0.45, 0.9),
    "l_eye": (0.45, 0.9),
    "r_ear": (-1.0, 0.2),
    "l_ear": (1.0, 0.2),
}


@dataclass(frozen=True)
class Rendered:
    """A batch of pictures.

    images: (B, 3, H, W) uint8, RGB. masks: (B, 1, H, W) uint8, 255 where the person (clothes, hair
    and bag included, shadow and stool not) covers at least half of the pixel, else 0. keypoints:
    (B, 18, 3) float32, OpenPose's 18: x and y in pixels, pixel centres at integers, then
    visibility: 1 seen, 0.5 hidden (position still exact), 0 outside the picture.
    """

    images: Tensor
    masks: Tensor
    keypoints: Tensor


@lru_cache(maxsize=4096)
def _person(seed: int, identity: int) -> tuple[Row, float]:
    """An identity's row with its scene, and the start of its sequence of views."""
    rng = np.random.default_rng((seed, identity))
    row = draw_person(rng)
    return row | draw_scene(rng), float(rng.random())


def _picture(seed: int, identity: int, picture: int, start: float) -> Picture:
    rng = np.random.default_rng((seed, identity, picture, 1))
    return draw_picture(rng, (start + picture * GOLDEN) % 1.0)


def _stack(arrays: Sequence[np.ndarray], device: torch.device) -> Tensor:
    return torch.from_numpy(np.stack(arrays)).to(device)


def _keypoints(
    skeleton: Skeleton, camera: Camera, metres: Tensor, scale: Tensor, step: int
) -> Tensor:
    """Project the keypoints and compare their depths with the surface in front of them."""
    height, width = metres.shape[1:]
    points = camera.project(skeleton.keypoints())
    x, y, near = points.unbind(-1)
    column = ((x + 0.5) * step - 0.5).round().long()
    row = ((y + 0.5) * step - 0.5).round().long()
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    image = torch.arange(len(x), device=x.device)[:, None]
    surface = metres[image, row.clamp(0, height - 1), column.clamp(0, width - 1)]
    margin = x.new_tensor([_MARGIN[name.split("_")[-1]] for name in KEYPOINTS]) * scale[:, None]
    seen = surface - (DISTANCE - DISTANCE / near) < margin
    head = skeleton.frames["head"]
    for place, name in enumerate(KEYPOINTS):
        if name in _FACING:
            left, ahead = _FACING[name]
            seen[:, place] &= head[:, 2, 0] * left + head[:, 2, 2] * ahead > -0.05
    visibility = torch.where(inside, torch.where(seen, 1.0, 0.5), 0.0)
    return torch.stack((x, y, visibility), -1)


def _render_chunk(
    rows: Sequence[Row], pictures: Sequence[Picture], size: tuple[int, int], device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    height, width = size
    step = SUPERSAMPLING
    person = {key: _stack([row[key] for row in rows], device) for key in rows[0]}
    rotations = _stack([p.rotations for p in pictures], device)
    settings = _stack([p.camera for p in pictures], device)
    change = _stack([p.light for p in pictures], device)
    seated = torch.tensor([float(p.seated) for p in pictures], device=device)
    light = normalise(person["light"] + change[:, :3])

    skeleton = forward_kinematics(person, rotations)
    parts = [
        *body_parts(person, skeleton),
        *head_parts(person, skeleton),
        *garment_parts(person, skeleton, seated),
    ]
    mesh = join_parts(parts, skeleton.joints["pelvis"])
    camera = fit_camera(mesh.vertices, person["scale"] * 1.78, settings, height, width)
    x, y, near = camera.project(mesh.vertices).unbind(-1)
    points = torch.stack(
        ((x + 0.5) * step - 0.5, (y + 0.5) * step - 0.5, (NEAREST - near) / DEPTH_RANGE), -1
    )
    hits = rasterise(points, mesh.triangles, height * step, width * step)
    metres = DISTANCE - DISTANCE / (NEAREST - hits.depth * DEPTH_RANGE).clamp(min=0.5)
    lighting = Lighting(light, person["light_colour"], change[:, 3])
    reach = camera.scale * 0.028 * step
    colour, kind = shade(person, lighting, mesh, hits, metres, reach)

    def pool(values: Tensor) -> Tensor:
        """Sum samples (N, C) into pixels (B, C, H, W)."""
        grid = values.new_zeros(len(rows) * height * width * step * step, values.shape[1])
        grid[hits.sample] = values
        grid = grid.reshape(len(rows), height, step, width, step, -1)
        total = grid[:, :, 0, :, 0]
        for i in range(1, step * step):
            total = total + grid[:, :, i // step, :, i % step]
        return total.permute(0, 3, 1, 2)

    body = (kind != PARTS.index("stool")).float()
    sums = pool(torch.cat((colour, torch.ones_like(body)[:, None], body[:, None]), 1)) / step**2
    behind = backdrop(person, camera, skeleton, light, height, width)
    picture = sums[:, :3] + behind * (1 - sums[:, 3:4])
    images = (picture.clamp(0, 1).sqrt() * 255).round().to(torch.uint8)
    masks = (sums[:, 4:] >= 0.5 - 1e-4).to(torch.uint8) * 255
    return images, masks, _keypoints(skeleton, camera, metres, person["scale"], step)


@torch.no_grad()
def render_people(
    identities: Sequence[int],
    pictures: Sequence[int],
    size: tuple[int, int],
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Rendered:
    """Render one picture per pair of identity and picture number.

    identities chooses the persons (build, clothes, surroundings), pictures the pose, view and
    camera among that person's pictures; all numbers >= 0. size: (height, width) in pixels, each
    >= 8. The same (seed, identity, picture, size) gives the same bits in every batch. Raises
    ValueError for unequal lengths, an empty batch, negative numbers or a size below 8.
    """
    if len(identities) != len(pictures) or not len(identities):
        raise ValueError("identities and pictures must be of equal length, at least 1")
    if min(size) < 8:
        raise ValueError(f"size must be at least 8 x 8, not {size}")
    if min(*identities, *pictures, seed) < 0:
        raise ValueError("seed, identities and pictures must be >= 0")
    device = torch.device(device)
    chunk = max(1, min(32, SAMPLES_PER_CHUNK // (size[0] * size[1] * SUPERSAMPLING**2)))
    people = [_person(seed, int(i)) for i in identities]
    drawn = [
        _picture(seed, int(i), int(p), start)
        for i, p, (_, start) in zip(identities, pictures, people, strict=True)
    ]
    done = [
        _render_chunk(
            [row for row, _ in people[at : at + chunk]], drawn[at : at + chunk], size, device
        )
        for at in range(0, len(drawn), chunk)
    ]
    images, masks, keypoints = (torch.cat(parts) for parts in zip(*done, strict=True))
    return Rendered(images, masks, keypoints)

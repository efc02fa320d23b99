"""Pictures of the embedded people: from numbers to images, masks and keypoints.

Random numbers are drawn per (seed, identity) and (seed, identity, picture) alone, and all
arithmetic on images is exactly rounded and element-wise (see `geometry`), so a picture does not
depend on the batch it is rendered in.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from posegen_people.body import body_parts
from posegen_people.bones import SKELETON, Bones, pose
from posegen_people.config import Look
from posegen_people.garments import garment_parts
from posegen_people.geometry import constant, normalise
from posegen_people.head import head_parts
from posegen_people.paint import PARTS
from posegen_people.photograph import develop, expose
from posegen_people.poses import Shot, draw_shot
from posegen_people.raster import Hits, join_parts, rasterise
from posegen_people.scene import DISTANCE, Camera, backdrop, draw_scene, fit_camera
from posegen_people.shade import shade
from posegen_people.variety import plain_look, vary_person, vary_shot
from posegen_people.wardrobe import Row, draw_person

#: Samples per pixel, along x and along y.
SUPERSAMPLING = 2
SAMPLES_PER_CHUNK = 1_500_000
#: Nearness of the depth buffer's 0, and its span down to 1.
NEAREST, DEPTH_RANGE = 1.5, 1.25
#: A person's views follow the golden ratio, so that few pictures already cover all sides.
GOLDEN = 0.6180339887498949

#: How far inside the body (metres) a seen keypoint may lie behind the surface.
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
#: Where the face's keypoints look: left and ahead in the head's frame.
_FACING = {
    "nose": (0.0, 1.0),
    "right_eye": (-0.45, 0.9),
    "left_eye": (0.45, 0.9),
    "right_ear": (-1.0, 0.2),
    "left_ear": (1.0, 0.2),
}


class Rendered(NamedTuple):
    """One picture, or several with a first dimension B.

    Attributes:
        image: (3, H, W) uint8, RGB.
        mask: (1, H, W) uint8, 255 where the person (clothes, hair and bag included, shadow and
            stool not) covers at least half of the pixel, else 0.
        keypoints: (18, 3) float32, OpenPose's 18: x and y in pixels, pixel centres at integers,
            and visibility: 1 seen, 0.5 hidden (position still exact), 0 outside the picture.
    """

    image: Tensor
    mask: Tensor
    keypoints: Tensor


@torch.no_grad()
def render_people(
    identities: Sequence[int],
    pictures: Sequence[int],
    size: tuple[int, int],
    *,
    seed: int = 0,
    look: Look = "plain",
) -> Rendered:
    """Render one picture per pair of identity and picture number.

    The same (seed, identity, picture, size, look) gives the same bits in every batch.

    Args:
        identities: B numbers >= 0 that choose the persons: build, clothes, surroundings.
        pictures: B numbers >= 0 that choose pose, view and camera among that person's pictures.
        size: (H, W) in pixels, each >= 8.
        seed: chooses another population.
        look: `plain`, or `varied`: see `variety`.
    """
    chunk = max(1, min(32, SAMPLES_PER_CHUNK // (size[0] * size[1] * SUPERSAMPLING**2)))
    people = [_person(seed, identity, look) for identity in identities]
    shots = [
        _shot(seed, identity, picture, start, look)
        for identity, picture, (_, start) in zip(identities, pictures, people, strict=True)
    ]
    done = [
        _render_chunk([row for row, _ in people[at : at + chunk]], shots[at : at + chunk], size)
        for at in range(0, len(shots), chunk)
    ]
    return Rendered(*(torch.cat(tensors) for tensors in zip(*done, strict=True)))


@lru_cache(maxsize=4096)
def _person(seed: int, identity: int, look: Look) -> tuple[Row, float]:
    """An identity's row with its scene, and the start of its sequence of views."""
    rng = np.random.default_rng((seed, identity))
    row = draw_person(rng)
    row, start = row | draw_scene(rng), float(rng.random())
    if look == "plain":
        return plain_look(row), start
    return vary_person(row, np.random.default_rng((seed, identity, 0, 2))), start


def _shot(seed: int, identity: int, picture: int, start: float, look: Look) -> Shot:
    rng = np.random.default_rng((seed, identity, picture, 1))
    shot = draw_shot(rng, (start + picture * GOLDEN) % 1.0)
    if look == "plain":
        return shot
    whole, own = (np.random.default_rng((seed, identity, n, 3)) for n in (0, picture + 1))
    return vary_shot(shot, whole, own)


def _stack(arrays: Sequence[NDArray[np.float32]]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))


def _render_chunk(people: Sequence[Row], shots: Sequence[Shot], size: tuple[int, int]) -> Rendered:
    height, width = size
    step = SUPERSAMPLING
    person = {key: _stack([row[key] for row in people]) for key in people[0]}
    change = _stack([shot.light for shot in shots])
    seated = torch.tensor([float(shot.seated) for shot in shots])
    light = normalise(person["light"] + change[:, :3])

    bones = pose(person, _stack([shot.rotations for shot in shots]))
    parts = [
        *body_parts(person, bones),
        *head_parts(person, bones),
        *garment_parts(person, bones, seated),
    ]
    mesh = join_parts(parts, bones.joints["pelvis"])
    stature, settings = person["scale"] * 1.78, _stack([shot.camera for shot in shots])
    camera = fit_camera(mesh.vertices, stature, settings, height, width)
    x, y, near = camera.project(mesh.vertices).unbind(-1)
    points = torch.stack(
        ((x + 0.5) * step - 0.5, (y + 0.5) * step - 0.5, (NEAREST - near) / DEPTH_RANGE), -1
    )
    hits = rasterise(points, mesh.triangles, height * step, width * step)
    metres = DISTANCE - DISTANCE / (NEAREST - hits.depth * DEPTH_RANGE).clamp(min=0.5)
    reach = camera.scale * 0.028 * step
    colour, kind = shade(
        person, mesh, hits, light=light, gain=change[:, 3], metres=metres, reach=reach
    )

    body = (kind != PARTS.index("stool")).float()
    samples = torch.cat((colour, torch.ones_like(body)[:, None], body[:, None]), 1)
    pixels = _pool(samples, hits) / step**2
    behind = backdrop(person, camera, bones, light, height, width)
    picture = pixels[:, :3] + behind * (1 - pixels[:, 3:4])
    grain = torch.tensor([shot.grain for shot in shots])
    return Rendered(
        develop(expose(picture, person), person, grain),
        (pixels[:, 4:] >= 0.5 - 1e-4).to(torch.uint8) * 255,
        _keypoints(bones, camera, metres, person["scale"]),
    )


def _pool(samples: Tensor, hits: Hits) -> Tensor:
    """Sum samples (N, C) into pixels (B, C, H, W)."""
    step = SUPERSAMPLING
    images, height, width = hits.depth.shape
    grid = samples.new_zeros(hits.depth.numel(), samples.shape[1])
    grid[hits.sample] = samples
    grid = grid.reshape(images, height // step, step, width // step, step, -1)
    total = grid[:, :, 0, :, 0]
    for i in range(1, step * step):
        total = total + grid[:, :, i // step, :, i % step]
    return total.permute(0, 3, 1, 2)


def _keypoints(bones: Bones, camera: Camera, metres: Tensor, scale: Tensor) -> Tensor:
    """Project the keypoints and compare their depths with the surface in front of them."""
    height, width = metres.shape[1:]
    x, y, near = camera.project(bones.keypoints()).unbind(-1)
    column = ((x + 0.5) * SUPERSAMPLING - 0.5).round().long()
    row = ((y + 0.5) * SUPERSAMPLING - 0.5).round().long()
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    image = torch.arange(len(x))[:, None]
    surface = metres[image, row.clamp(0, height - 1), column.clamp(0, width - 1)]
    margin = constant(*(_MARGIN[joint.split("_")[-1]] for joint in SKELETON.joints))
    seen = surface - (DISTANCE - DISTANCE / near) < margin * scale[:, None]
    head = bones.frames["head"]
    for joint, (left, ahead) in _FACING.items():
        turned = head[:, 2, 0] * left + head[:, 2, 2] * ahead > -0.05
        seen[:, SKELETON.joints.index(joint)] &= turned
    visibility = torch.where(inside, torch.where(seen, 1.0, 0.5), 0.0)
    return torch.stack((x, y, visibility), -1)

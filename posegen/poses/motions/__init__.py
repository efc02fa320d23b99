"""The library of motions: loops of poses in three dimensions, made by scripts/make_motions.py."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import torch
from torch import Tensor

from posegen.core.errors import ConfigError, suggest
from posegen.core.skeletons import skeleton

#: Numbers in the files are thousandths of the stature.
_SCALE = 1000.0
#: A joint of the face is hidden where it lies so far behind the ears' middle, in statures.
_BEHIND = 0.005
_FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")


@dataclass(frozen=True)
class Motion:
    """A loop of poses of one person, seen by a camera that stands still.

    Attributes:
        name, summary: what it is.
        fps: frames a second.
        skeleton: name of the joints' skeleton.
        points: (F, K, 3): right, up and towards the camera, from the place on the floor below the
            hips; 1 is the person's stature.
    """

    name: str
    summary: str
    fps: float
    skeleton: str
    points: Tensor

    def __len__(self) -> int:
        return len(self.points)

    @property
    def track(self) -> Tensor:
        """(F, K, 3): x, y (downwards from the floor, 1 is the stature) and visibility.

        As in the embedded people, a hidden joint of the face has .5, and all others 1.
        """
        x, y, near = self.points.unbind(-1)
        visibility = torch.ones_like(x)
        names = skeleton(self.skeleton).joints
        face = [names.index(joint) for joint in _FACE]
        ears = near[:, face[-2:]].mean(1, keepdim=True)
        visibility[:, face] = torch.where(near[:, face] < ears - _BEHIND, 0.5, 1.0)
        return torch.stack([x, -y, visibility], -1)

    def placed(self, size: tuple[int, int]) -> Tensor:
        """(F, K, 3): in pixels of a picture (H, W), as large as the whole motion has room in it."""
        track = self.track.clone()
        low, high = track[..., :2].flatten(0, 1).aminmax(dim=0)
        room = torch.tensor([size[1], size[0]]) * 0.9
        scale = (room / (high - low)).min()
        track[..., :2] = (track[..., :2] - (low + high) / 2) * scale + room / 1.8
        return track

    @property
    def depth(self) -> Tensor:
        """(F, K): towards the camera, 1 is the stature."""
        return self.points[..., 2]


@cache
def motion_names() -> list[str]:
    """Return the names of the library's motions, sorted."""
    folder = files(__package__)
    return sorted(
        f.name.removesuffix(".json") for f in folder.iterdir() if f.name.endswith(".json")
    )


@cache
def motion(name: str) -> Motion:
    """Return a motion of the library.

    Raises:
        ConfigError: where there is none of that name, with the nearest ones.
    """
    if name not in motion_names():
        raise ConfigError(f"{name}: no such motion; {suggest(name, motion_names())}")
    tree = json.loads((files(__package__) / f"{name}.json").read_text(encoding="utf-8"))
    points = torch.tensor(tree["frames"], dtype=torch.float32) / _SCALE
    return Motion(name, tree["summary"], tree["fps"], tree["skeleton"], points)

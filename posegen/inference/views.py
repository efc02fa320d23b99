"""How a picture of any shape becomes one of a model's, and its poses with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from PIL import Image
from torch import Tensor

from posegen.data.framing import Frame, frame_around
from posegen.data.image_files import as_picture
from posegen.inference.grids import as_tensor
from posegen.inference.pose_files import Pose
from posegen.poses.people import drop_outside

#: Shapes that differ by less are one: sizes are whole pixels.
_ALIKE = 0.02


@dataclass(frozen=True)
class View:
    """What a model sees of a picture: all of it where it has the model's shape, else its person.

    Nothing is distorted. Attributes:
        picture: of any size.
        pose: the person's, in its pixels where it does not tell a size.
        size: (H, W) of the model.
    """

    picture: Image.Image
    pose: Pose
    size: tuple[int, int]

    @property
    def own_size(self) -> tuple[int, int]:
        """(H, W) of the picture."""
        return self.picture.height, self.picture.width

    @cached_property
    def _frame(self) -> Frame | None:
        if alike(self.own_size, self.size):
            return None
        keypoints = self.pose.scaled_to(self.own_size, self.own_size)
        return frame_around(keypoints, self.own_size, self.size)

    @cached_property
    def seen(self) -> Image.Image:
        """The picture as the model gets it."""
        if self._frame is not None:
            return as_picture(self._frame.cut(as_tensor(self.picture)))
        if self.own_size == self.size:
            return self.picture
        return self.picture.resize(self.size[::-1], Image.Resampling.BICUBIC)

    def place(self, pose: Pose) -> Tensor:
        """Return keypoints (K, 3) in the model's pixels, of this picture's pose or a wanted one.

        One that tells no size, or a size of this picture's shape, moves with it. One of a picture
        of the model's shape is scaled, and one of any other shape is framed as a source would be.
        """
        theirs = pose.size or self.own_size
        if alike(theirs, self.own_size) and self._frame is not None:
            moved = self._frame.move(pose.scaled_to(self.own_size, self.own_size))
            return drop_outside(moved, self.size)
        if alike(theirs, self.size):
            return pose.scaled_to(self.size, self.own_size)
        frame = frame_around(pose.keypoints, theirs, self.size)
        return drop_outside(frame.move(pose.keypoints), self.size)


def alike(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes have the same shape: one can be scaled to the other."""
    return abs(one[1] * other[0] / (one[0] * other[1]) - 1) < _ALIKE

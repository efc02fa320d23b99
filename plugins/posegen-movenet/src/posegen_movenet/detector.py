"""MoveNet as a `posegen.core.PoseDetector`."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from posegen.core import PoseDetector
from posegen_movenet.config import MoveNetConfig
from posegen_movenet.network import decode, load_network

_SHOULDERS, _HIPS = slice(5, 7), slice(11, 13)  # COCO's numbers

#: The square around a person, as Google's tutorial on MoveNet has it: from the middle of the hips
#: it reaches so many times as far as the shoulders and hips do, and so many times as far as any
#: joint of this score does.
_TORSO, _BODY, _SURE = 1.9, 1.2, 0.2
#: Two poses are one person's where their joints are this near, as a part of the person's height.
_SAME = 0.1


class MoveNet(PoseDetector):
    """MoveNet: COCO's 17 joints of a picture's most central person, or of several.

    Convention:
        - Pictures are padded to a square with black. Where the person fills little of it, the
          square around the person is looked at again, larger: `passes`.
        - A joint's confidence is the network's score, the height of its heat map; below
          `joint_score` it is 0 (missing). The network gives hidden joints a place too, of a lower
          score.
        - A person's score is the network's for there being a person's middle. It was made for one
          person; more of them, with `people`, are further peaks of that map.
        - The most central and largest person comes first.
        - The network's coordinates count from the picture's edge; half a pixel is subtracted.
        - It runs on the device of the pictures that it is given, in float32.

    Raises:
        posegen.core.WeightsError: on construction, where the weights cannot be read or are not
            those of this network.
    """

    skeleton = "coco17"

    def __init__(self, config: MoveNetConfig) -> None:
        self.config = config
        self.network = load_network(config.weights)

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> list[Tensor]:
        """See `posegen.core.PoseDetector`."""
        size = (images.shape[-2], images.shape[-1])
        owners = torch.arange(len(images))
        whole = whole_square(size)
        squares = whole.repeat(len(images), 1)
        people, scores = self._look(images, owners, squares, self.config.people)
        there = scores >= self.config.person_score
        people, owners = people[there], owners[:, None].expand_as(there)[there]
        for _ in range(self.config.passes - 1):
            squares = person_squares(people, size)
            nearer = (squares != whole).any(1)
            if nearer.any():
                found, _ = self._look(images, owners[nearer], squares[nearer])
                people[nearer] = found[:, 0]
        people[..., 2] *= people[..., 2] >= self.config.joint_score
        everybody = (people[owners == number] for number in range(len(images)))
        return [without_twins(some).to(images.device) for some in everybody]

    def _look(
        self, images: Tensor, owners: Tensor, squares: Tensor, people: int = 1
    ) -> tuple[Tensor, Tensor]:
        """Find people in squares of pictures.

        Args:
            images: (B, 3, H, W) uint8 RGB.
            owners: (N,), of which picture each square is.
            squares: (N, 3): left, top and side in pixels.
            people: how many to look for in each.

        Returns:
            (N, people, 17, 3): x and y in pixels of the picture, and score; and the people's scores
            (N, people); both on the CPU.
        """
        network = self.network.to(images.device)
        side = network.variant.size
        seen = [
            cut(images[owner], square, side)
            for owner, square in zip(owners.tolist(), squares.tolist(), strict=True)
        ]
        inputs = torch.stack(seen).contiguous(memory_format=torch.channels_last)
        joints, scores = (made.cpu() for made in decode(network(inputs), people))
        corner, length = squares[:, None, None, :2], squares[:, None, None, 2:]
        joints[..., :2] = joints[..., :2] * length + corner - 0.5
        return joints, scores


def cut(image: Tensor, square: tuple[int, int, int], side: int) -> Tensor:
    """Return a square of a picture (3, H, W) in another size: (3, side, side) float32 in [0, 255].

    Outside the picture it is black.
    """
    (left, top, length), (height, width) = square, image.shape[-2:]
    around = (-left, left + length - width, -top, top + length - height)
    square_image = functional.pad(image.float(), around)
    return functional.interpolate(
        square_image[None], (side, side), mode="bilinear", antialias=True
    )[0]


def whole_square(size: tuple[int, int]) -> Tensor:
    """Return the square around a picture of `size` (H, W): left, top and side in pixels (3,)."""
    height, width = size
    side = max(height, width)
    return torch.tensor(((width - side) // 2, (height - side) // 2, side))


def person_squares(people: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the squares around people: (N, 3), left, top and side in pixels.

    Where no shoulder or no hip was found, or the square would be larger than the picture, it is the
    square around the picture.

    Args:
        people: (N, 17, 3): x and y in pixels, and score.
        size: (H, W) of the picture.
    """
    height, width = size
    places, sure = people[..., :2] + 0.5, people[..., 2] > _SURE
    sides = torch.tensor((width, height))
    middle = places[:, _HIPS].mean(1).clamp(torch.zeros(2), sides)  # (N, 2)
    off = (places - middle[:, None]).abs().amax(-1)  # (N, 17)
    torso = off[:, [5, 6, 11, 12]].amax(1) * _TORSO
    body = (off * sure).amax(1) * _BODY
    reach = torch.maximum(torso, body)
    reach = reach.minimum(torch.cat([middle, sides - middle], dim=1).amax(1)).clamp_min(1)
    there = sure[:, _SHOULDERS].any(1) & sure[:, _HIPS].any(1) & (reach <= max(size) / 2)
    corner = (middle - reach[:, None]).round().long()
    side = (2 * reach).round().long()
    squares = torch.cat([corner, side[:, None]], dim=1)
    return torch.where(there[:, None], squares, whole_square(size))


def without_twins(people: Tensor) -> Tensor:
    """Leave out who was found before: whose joints are, on average, at an earlier one's places.

    Args:
        people: (N, 17, 3): x and y in pixels, and score.
    """
    places, kept = people[..., :2], list[int]()
    heights = places[..., 1].amax(1) - places[..., 1].amin(1)
    for number in range(len(people)):
        off = (places[kept] - places[number]).norm(dim=-1).mean(1)
        if not (off < _SAME * heights[kept]).any():
            kept.append(number)
    return people[kept]

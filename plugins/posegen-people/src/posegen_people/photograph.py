"""What a camera and a file do to a picture: exposure, contrast, blur, grain, JPEG."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.io import decode_jpeg, encode_jpeg

from posegen_people.bones import People
from posegen_people.noise import value_noise


def expose(picture: Tensor, person: People) -> Tensor:
    """Linear light (B, 3, H, W) to display values, about [0, 1]."""
    display = (picture * person["gain"][..., None, None]).clamp(0, 1).sqrt()
    # A curve through 0, ½ and 1 without a power, which processors round in various ways.
    bend = 1.5 * person["contrast"][:, None, None, None]
    return display + bend * display * (1 - display) * (2 * display - 1)


def develop(picture: Tensor, person: People, pictures: Tensor) -> Tensor:
    """Blur, grain and JPEG of display values (B, 3, H, W); returns uint8.

    pictures: (B,) numbers that the grain depends on.
    """
    # What nobody has changes no bit, and is left out: the plain look has neither.
    if bool(person["blur"].any()):
        picture = _blurred(picture, person["blur"])
    if bool(person["grain"].any()):
        picture = picture + _grain(picture, person["grain"], pictures)
    values = (picture.clamp(0, 1) * 255).round().to(torch.uint8)
    return torch.stack([_filed(v, float(q)) for v, q in zip(values, person["jpeg"], strict=True)])


def _blurred(picture: Tensor, blur: Tensor) -> Tensor:
    sigma = (blur * (picture.shape[2] / 128))[:, None, None, None]
    weight = (sigma * sigma / 4).clamp(max=0.25)  # twice [w, 1 - 2 w, w] has the variance 4 w
    for dim in (2, 3, 2, 3):
        picture = _smoothed(picture, weight, dim)
    return picture


def _grain(picture: Tensor, grain: Tensor, pictures: Tensor) -> Tensor:
    height, width = picture.shape[2:]
    x, y = torch.arange(width) * 1.0, torch.arange(height)[:, None] * 1.0
    seed = (pictures[:, None] * 3 + torch.arange(3))[..., None, None]
    return (value_noise(x, y, seed) - 0.5) * (grain / 128)[:, None, None, None]


def _smoothed(picture: Tensor, weight: Tensor, dim: int) -> Tensor:
    last = picture.shape[dim] - 1
    after = torch.cat([picture.narrow(dim, 1, last), picture.narrow(dim, last, 1)], dim)
    before = torch.cat([picture.narrow(dim, 0, 1), picture.narrow(dim, 0, last)], dim)
    return picture + weight * (after + before - 2 * picture)


def _filed(picture: Tensor, quality: float) -> Tensor:
    return picture if quality >= 100 else decode_jpeg(encode_jpeg(picture, round(quality)))

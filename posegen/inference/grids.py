"""Sample grids: source | source pose | target | target pose | generated | attention | masks | flow.

Of the last three, those that the generator gives.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional

from posegen.core.batches import Batch, GeneratorOutput
from posegen.core.skeletons import Skeleton
from posegen.data.image_files import as_picture
from posegen.data.loading import to_uint8
from posegen.poses.draw import draw_pose

_CELL_HEIGHT = 192  # pixels; smaller images are enlarged by a whole factor to about this
_GAP, _HEADER = 6, 22
_PAPER, _INK = (250, 250, 250), (40, 40, 48)
# Dark blue over magenta and orange to light yellow, evenly growing in brightness.
_HEAT = np.array(
    [(4, 4, 22), (66, 12, 104), (147, 38, 103), (221, 81, 58), (252, 165, 10), (252, 255, 164)],
    dtype=np.float64,
)


def sample_grid(
    batch: Batch, output: GeneratorOutput, skeleton: Skeleton, *, target: bool = True
) -> Image.Image:
    """Draw one row per pair of a batch, with headings.

    The attention column, where the generator gives `aux["attention"]`, is the mean over its blocks,
    each picture scaled to its own range; `aux["masks"]` has a column for each block, from 0 (dark)
    to 1; for `aux["flow"]` see `flow_maps`. `target=False` is for batches whose target is unknown.
    """
    size = (batch.source.shape[-2], batch.source.shape[-1])
    scale = max(1, round(_CELL_HEIGHT / size[0]))
    columns = _pair_columns(batch, skeleton, size, scale)
    if not target:
        del columns["target"]
    columns["generated"] = pictures(output.image, scale)
    if "attention" in output.aux:
        columns["attention"] = heat_maps(output.aux["attention"], size, scale)
    if "masks" in output.aux:
        for number, block in enumerate(output.aux["masks"].unbind(1), 1):
            columns[f"block {number}"] = heat_maps(block[:, None], size, scale, limits=(0.0, 1.0))
    if "flow" in output.aux:
        columns["flow"] = flow_maps(output.aux["flow"], size, scale)
    return lay_out(list(columns), list(columns.values()))


def pair_grid(batch: Batch, skeleton: Skeleton) -> Image.Image:
    """Draw the pairs of a batch with their poses."""
    size = (batch.source.shape[-2], batch.source.shape[-1])
    columns = _pair_columns(batch, skeleton, size, max(1, round(_CELL_HEIGHT / size[0])))
    return lay_out(list(columns), list(columns.values()))


def _pair_columns(
    batch: Batch, skeleton: Skeleton, size: tuple[int, int], scale: int
) -> dict[str, list[Image.Image]]:
    return {
        "source": pictures(batch.source, scale),
        "source pose": [draw_pose(k, size, skeleton, scale) for k in batch.source_keypoints],
        "target": pictures(batch.target, scale),
        "target pose": [draw_pose(k, size, skeleton, scale) for k in batch.target_keypoints],
    }


def pictures(images: Tensor, scale: int = 1) -> list[Image.Image]:
    """Turn images (B, 3, H, W) in [-1, 1] into pictures, enlarged by a whole factor."""
    values = to_uint8(images.detach()).cpu()
    return [
        as_picture(image).resize(
            (image.shape[2] * scale, image.shape[1] * scale), Image.Resampling.NEAREST
        )
        for image in values
    ]


def heat_maps(
    maps: Tensor,
    size: tuple[int, int],
    scale: int = 1,
    limits: tuple[float, float] | None = None,
) -> list[Image.Image]:
    """Turn the means of maps (B, N, h, w) over N into coloured pictures of `scale`·`size`.

    The darkest colour is the first of the limits and the brightest the second; without limits,
    each picture's own least and greatest value.
    """
    mean = maps.detach().float().cpu().mean(dim=1, keepdim=True)
    target = (size[0] * scale, size[1] * scale)
    mean = functional.interpolate(mean, target, mode="bilinear", align_corners=False)[:, 0]
    low = mean.amin((1, 2), keepdim=True)
    spread = (mean.amax((1, 2), keepdim=True) - low).clamp_min(1e-6)
    if limits is not None:
        low, spread = torch.tensor(limits[0]), torch.tensor(limits[1] - limits[0])
    stops = np.linspace(0, 1, len(_HEAT))
    result = []
    for values in ((mean - low) / spread).numpy():
        channels = [np.interp(values, stops, _HEAT[:, channel]) for channel in range(3)]
        result.append(Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8)))
    return result


def flow_maps(flow: Tensor, size: tuple[int, int], scale: int = 1) -> list[Image.Image]:
    """Turn flows (B, 2, h, w), x and y, into pictures of `scale`·`size`.

    The hue is the direction, and the saturation the length, as a part of the picture's longest:
    white does not move.
    """
    x, y = flow.detach().float().cpu().unbind(1)
    length = torch.hypot(x, y)
    longest = length.amax((1, 2), keepdim=True).clamp_min(1e-6)
    hue = torch.atan2(y, x).div(2 * torch.pi).remainder(1)
    values = torch.stack([hue, length / longest, torch.ones_like(hue)], dim=-1)
    return [
        Image.fromarray(each.mul(255).round().byte().numpy(), "HSV")
        .convert("RGB")
        .resize((size[1] * scale, size[0] * scale), Image.Resampling.NEAREST)
        for each in values
    ]


def lay_out(titles: Sequence[str], columns: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Put columns of equally large pictures side by side under their titles."""
    width, height = columns[0][0].size
    font = ImageFont.load_default(size=13)
    wide = max(width, *(int(font.getlength(title)) + 4 for title in titles))
    rows = len(columns[0])
    sheet = Image.new(
        "RGB",
        (_GAP + len(columns) * (wide + _GAP), _HEADER + rows * (height + _GAP)),
        _PAPER,
    )
    pen = ImageDraw.Draw(sheet)
    for number, (title, column) in enumerate(zip(titles, columns, strict=True)):
        left = _GAP + number * (wide + _GAP)
        pen.text((left + wide / 2, _HEADER / 2), title, fill=_INK, font=font, anchor="mm")
        for row, picture in enumerate(column):
            sheet.paste(picture, (left + (wide - width) // 2, _HEADER + row * (height + _GAP)))
    return sheet


def as_tensor(picture: Image.Image) -> Tensor:
    """Turn a picture into (3, H, W) uint8."""
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)

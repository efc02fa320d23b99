"""Picture files to tensors: each picture of a data set is read here."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg

from posegen.core.errors import DataError
from posegen.data.problems import Problem

ImageFormat = Literal["jpg", "png"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")

UNREADABLE = "pictures that cannot be decoded"
OTHER_SIZE = "pictures of another size"

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def is_picture(name: str) -> bool:
    """Whether a file is a picture, by its name."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def decode(data: bytes) -> Tensor:
    """Decode a picture to (3, H, W) uint8 RGB.

    JPEG goes through torchvision, which is twice as fast as Pillow and gives the same pixels. All
    else goes through Pillow: torchvision's PNG reader ends the process (seen in 0.29) where a
    file's checksum is wrong.

    Raises:
        ValueError: where the bytes are no picture, or only a part of one.
    """
    try:
        if data[:3] == b"\xff\xd8\xff":
            jpeg: Tensor = decode_jpeg(
                torch.frombuffer(bytearray(data), dtype=torch.uint8), mode=ImageReadMode.RGB
            )
            return jpeg
        with Image.open(io.BytesIO(data)) as picture:
            return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1).contiguous()
    except (RuntimeError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError("not a whole picture") from error


def read_picture(path: Path, size: tuple[int, int] | None = None) -> Tensor:
    """Read (3, H, W) uint8 RGB; DataError where it is no picture, or not of `size` (H, W)."""
    picture = look_at(path, size)
    if isinstance(picture, Problem):
        raise DataError(picture.sentence)
    return picture


def look_at(path: Path, size: tuple[int, int] | None) -> Tensor | Problem:
    """Return a picture, or what is wrong with it, see `read_picture`."""
    try:
        picture = decode(path.read_bytes())
    except (ValueError, OSError):
        return Problem(
            UNREADABLE,
            f"{path}: cannot be decoded as an image; put an intact JPEG or PNG file there, or "
            "delete its pairs.",
        )
    height, width = picture.shape[-2:]
    if size is None or (height, width) == size:
        return picture
    return Problem(
        OTHER_SIZE,
        f"{path}: the image is {height}×{width} (height×width), not {size[0]}×{size[1]}; "
        f"resize it, or where all are so, use `--set data.image_size=[{height},{width}]`.",
    )


def look_at_all(
    folder: Path, names: Iterable[str], size: tuple[int, int] | None
) -> Iterator[Tensor | Problem]:
    """Yield the pictures of a folder, or what is wrong with each, in order; see `look_at`."""
    return in_threads(lambda name: look_at(folder / name, size), names)


def save_picture(path: Path, image: Tensor, format: ImageFormat) -> None:
    """Write (3, H, W) uint8 RGB as JPEG (quality 95, 4:4:4) or as PNG (exact)."""
    picture = Image.fromarray(image.permute(1, 2, 0).contiguous().numpy())
    if format == "jpg":
        picture.save(path, "JPEG", quality=95, subsampling=0)
    else:
        picture.save(path, "PNG")


def first_size(folder: Path, files: Iterable[str]) -> tuple[int, int]:
    """Return the (H, W) of the first picture, by name; DataError where it cannot be read."""
    name = min(filter(is_picture, files), default=None)
    if name is None:
        raise DataError(f"{folder}: holds no picture; put those that the pairs name there.")
    try:
        with Image.open(folder / name) as picture:
            return picture.height, picture.width
    except OSError as error:
        raise DataError(
            f"{folder / name}: is not an image, so its size cannot be read; remove it, or say the "
            "size of the pictures with `--set data.image_size=[H,W]`."
        ) from error


def in_threads(
    function: Callable[[_Item], _Result], items: Iterable[_Item], ahead: int = 64
) -> Iterator[_Result]:
    """Yield `function(item)` in order, computed by a thread per core.

    Decoding and encoding of pictures let other threads run. At most `ahead` results wait.
    """
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        waiting = []
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= ahead:
                yield waiting.pop(0).result()
        for future in waiting:
            yield future.result()

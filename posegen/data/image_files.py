"""Picture files to tensors and back; what a file means is said in `posegen.data.pictures`."""

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
from posegen.core.writing import save_picture as write_picture
from posegen.data.pictures import (
    as_rgb,
    is_picture,
    is_plain,
    opened,
    read_bytes,
    read_header,
)
from posegen.data.problems import Problem

ImageFormat = Literal["jpg", "png"]

UNREADABLE = "pictures that cannot be decoded"
OTHER_SIZE = "pictures of another size"

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def decode(data: bytes) -> Tensor:
    """Decode a picture to (3, H, W) uint8 RGB.

    JPEG goes through torchvision, which is twice as fast as Pillow and gives the same pixels. All
    else goes through Pillow: torchvision's PNG reader ends the process (seen in 0.29) where a
    file's checksum is wrong.

    Raises:
        ValueError: with the reason, where the bytes are no picture, only a part of one, or one that
            is too large.
    """
    with opened(io.BytesIO(data)) as picture:
        if picture.format == "JPEG" and is_plain(picture):
            jpeg: Tensor = decode_jpeg(
                torch.frombuffer(bytearray(data), dtype=torch.uint8), mode=ImageReadMode.RGB
            )
            return jpeg
        return torch.from_numpy(np.array(as_rgb(picture))).permute(2, 0, 1).contiguous()


def read_whole(path: Path, remedy: str) -> Tensor:
    """Read (3, H, W) uint8 RGB.

    Raises:
        DataError: where it cannot be read, with the reason and what to do (`remedy`).
    """
    try:
        return decode(read_bytes(path))
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: {cannot(error)}; {remedy}") from error


def cannot(error: ValueError | OSError) -> str:
    """Say that a picture cannot be read, and why."""
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"cannot be decoded as a picture ({reason})"


def read_picture(path: Path, size: tuple[int, int] | None = None) -> Tensor:
    """Read (3, H, W) uint8 RGB; DataError where it is no picture, or not of `size` (H, W)."""
    picture = look_at(path, size)
    if isinstance(picture, Problem):
        raise DataError(picture.sentence)
    return picture


def look_at(path: Path, size: tuple[int, int] | None) -> Tensor | Problem:
    """Return a picture, or what is wrong with it, see `read_picture`."""
    try:
        picture = decode(read_bytes(path))
    except (ValueError, OSError) as error:
        return Problem(
            UNREADABLE,
            f"{path}: {cannot(error)}; put an intact JPEG or PNG file there, or delete its pairs.",
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


def as_picture(image: Tensor) -> Image.Image:
    """Turn (3, H, W) uint8 RGB into a picture."""
    return Image.fromarray(image.permute(1, 2, 0).cpu().contiguous().numpy())


def save_picture(path: Path, image: Tensor, format: ImageFormat) -> None:
    """Write (3, H, W) uint8 RGB as JPEG (quality 95, 4:4:4) or as PNG (exact)."""
    picture = as_picture(image)
    if format == "jpg":
        write_picture(path, picture, "JPEG", quality=95, subsampling=0)
    else:
        write_picture(path, picture)


def first_size(folder: Path, files: Iterable[str]) -> tuple[int, int]:
    """Return the (H, W) of the first picture, by name; DataError where it cannot be read."""
    name = min(filter(is_picture, files), default=None)
    if name is None:
        raise DataError(f"{folder}: holds no picture; put those that the pairs name there.")
    try:
        return read_header(folder / name).size
    except (ValueError, OSError) as error:
        raise DataError(
            f"{folder / name}: {cannot(error)}; remove it, or say the size of the pictures with "
            "`--set data.image_size=[H,W]`."
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

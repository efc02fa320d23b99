"""Pictures inside a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from PIL import Image, ImageOps

K = TypeVar("K")

#: How a picture is written, from exact to small: Pillow's options for WebP, and the scale.
_STEPS: tuple[tuple[dict[str, Any], float], ...] = (
    ({"lossless": True}, 1.0),
    ({"quality": 90}, 1.0),
    ({"quality": 60}, 1.0),
    ({"quality": 60}, 0.5),
    ({"quality": 40}, 0.25),
)


def embed(pictures: Mapping[K, Image.Image], budget: int) -> tuple[dict[K, str], bool]:
    """Write pictures as `data:` addresses that together stay within a budget.

    All are written in the same way, the most exact one that fits. The last way, a quarter of the
    size, is taken even where it does not.

    Args:
        pictures: key -> picture.
        budget: bytes of text.

    Returns:
        key -> address, and whether the pictures are exact.
    """
    for options, scale in _STEPS:
        encoded = {key: _encoded(picture, options, scale) for key, picture in pictures.items()}
        if sum(map(len, encoded.values())) <= budget:
            break
    return encoded, "lossless" in options


def embed_clip(frames: Sequence[Image.Image], milliseconds: int = 100) -> str:
    """Write frames as the `data:` address of a clip that goes round for ever."""
    file = io.BytesIO()
    first, *rest = frames
    options = {"save_all": True, "append_images": rest, "duration": milliseconds, "loop": 0}
    first.save(file, format="WEBP", quality=80, method=2, **options)
    return _address(file.getvalue())


def _encoded(picture: Image.Image, options: Mapping[str, Any], scale: float) -> str:
    if scale != 1:
        picture = ImageOps.scale(picture, scale, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, format="WEBP", method=2, **options)
    return _address(file.getvalue())


def _address(content: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(content).decode()}"

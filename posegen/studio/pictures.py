"""Pictures from the page and to it: opened with care, sent as PNG in a data URL."""

from __future__ import annotations

import base64
import binascii
import io

from PIL import Image

from posegen.core.errors import DataError
from posegen.data.pictures import as_rgb, opened

#: The most bytes of a photo, and the most pixels that it may have before anything is decoded.
LARGEST_BYTES = 10_000_000
LARGEST_PIXELS = 40_000_000
#: The longer side that a photo is brought to: more is of no use to a detector.
SIDE = 1024
_FORMATS = ("JPEG", "PNG", "WEBP")
_START = "data:image/png;base64,"


def open_photo(data: bytes) -> Image.Image:
    """Open somebody's photo: upright, RGB, no side longer than `SIDE`.

    Raises:
        DataError: where it is no JPEG, PNG or WebP, damaged, or of too many pixels.
    """
    return _opened(data, LARGEST_PIXELS, SIDE)


def from_url(text: str, largest: int = 1024 * 1024) -> Image.Image:
    """Open a picture that the page sends back.

    Raises:
        DataError: where it is none, or has more than `largest` pixels.
    """
    if not text.startswith(_START):
        raise DataError("a picture is to be sent as a PNG in a data URL.")
    try:
        data = base64.b64decode(text[len(_START) :], validate=True)
    except binascii.Error:
        raise DataError("a picture's data URL is not base64.") from None
    return _opened(data, largest, None)


def to_url(picture: Image.Image) -> str:
    """Return a picture as a PNG in a data URL; packed quickly rather than well."""
    return _START + base64.b64encode(png(picture, compress_level=1)).decode("ascii")


def png(picture: Image.Image, compress_level: int = 6) -> bytes:
    """Return a picture as a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=compress_level)
    return buffer.getvalue()


def _opened(data: bytes, largest: int, side: int | None) -> Image.Image:
    try:
        with opened(io.BytesIO(data), _FORMATS) as picture:
            width, height = picture.size  # from the file's head; nothing is decoded yet
            if width * height > largest:
                raise DataError(
                    f"a picture of {width}×{height} pixels: at most {largest:,} are taken; send a "
                    "smaller one."
                )
            if min(width, height) < 8:
                raise DataError(f"a picture of {width}×{height} pixels: nobody can be in it.")
            if side is not None and picture.format == "JPEG":
                picture.draft("RGB", (side, side))  # decode it small, where the format can
            upright = as_rgb(picture)
    except ValueError as error:
        raise DataError(f"not readable as a JPEG, PNG or WebP picture ({error}).") from None
    if side is not None:
        upright.thumbnail((side, side), Image.Resampling.LANCZOS)
    return upright

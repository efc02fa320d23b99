"""The one reader of pictures: of data sets, of what users give, of footage, of results.

Whatever the way in, a file becomes the same pixels: turned as its camera noted, transparent parts
over white, 16 bits scaled to 8. Its header is judged before anything is decoded. Free of torch.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from posegen.core.errors import PosegenError
from posegen.core.files import open_regular, read_regular

#: The endings of what is looked at as a picture.
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif")

#: What is decoded, whatever a name ends in. Never EPS: Pillow starts a program for it, Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")

#: Pixels. While one is decoded there are several copies, which take less than a gigabyte together.
PIXEL_LIMIT = 64_000_000
#: Bytes of a file; 64 million pixels of 16 bits take no more.
_BYTE_LIMIT = 2**29

_ORIENTATION = 0x0112


#: Pictures by their names that are not read: Pillow has no decoder of its own for them.
UNREAD = (".heic", ".heif", ".dng", ".cr2", ".nef", ".arw", ".raw", ".jxl", ".psd")


def unread(names: Iterable[str]) -> str:
    """Say which pictures are passed over, as no reader is here for them; "" where none are."""
    passed = sorted(name for name in names if name.lower().endswith(UNREAD))
    if not passed:
        return ""
    return (
        f"{len(passed)} pictures are passed over, for example {passed[0]}: no reader is here for "
        "them; save them as JPEG or PNG."
    )


def is_picture(name: str) -> bool:
    """Whether a file is a picture, by its name."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


class Header(NamedTuple):
    """What the beginning of a picture's file says.

    Attributes:
        size: (H, W) of the picture, upright.
        mode: Pillow's name of its kind of colours.
    """

    size: tuple[int, int]
    mode: str


def read_bytes(path: Path) -> bytes:
    """Read the file of a picture; OSError where it is none, or too large."""
    return read_regular(path, _BYTE_LIMIT)


def read_header(path: Path) -> Header:
    """Read the header of a picture.

    Raises:
        OSError: where the file cannot be read.
        ValueError: with the reason, where it is no picture, or too large.
    """
    with open_regular(path) as file, opened(file) as picture:
        size = picture.height, picture.width
        return Header(size[::-1] if _orientation(picture) >= 5 else size, picture.mode)


def load(content: bytes) -> Image.Image:
    """Decode a file's content as RGB, see above.

    Raises:
        ValueError: with the reason, where it is no whole picture, or too large.
    """
    with opened(io.BytesIO(content)) as picture:
        return as_rgb(picture)


def as_rgb(picture: Image.Image) -> Image.Image:
    """Return Pillow's picture of any kind as RGB, see above; ValueError for unknown kinds."""
    picture.load()
    if _orientation(picture) > 1:
        picture = ImageOps.exif_transpose(picture)
    if picture.mode == "F":
        raise ValueError("its pixels are fractions, whose range is not known")
    if picture.mode.startswith("I"):
        levels = np.asarray(picture).astype(np.int64)
        if levels.min() < 0 or levels.max() > 65_535:
            raise ValueError("its pixels are of 32 bits, whose range is not known")
        picture = Image.fromarray(((levels + 128) // 257).astype(np.uint8))
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    over = picture if picture.mode in ("RGBA", "LA") else picture.convert("RGBA")
    white = Image.new("RGB", picture.size, (255, 255, 255))
    white.paste(over, mask=over.getchannel("A"))
    return white


def is_plain(picture: Image.Image) -> bool:
    """Whether an opened JPEG needs nothing of what `as_rgb` does: upright, grey or RGB."""
    return picture.mode in ("L", "RGB") and _orientation(picture) <= 1


@contextmanager
def opened(file: BinaryIO, formats: tuple[str, ...] = FORMATS) -> Iterator[Image.Image]:
    """Open a picture of one of the formats whose header is sound; nothing is decoded yet.

    Raises:
        ValueError: with the reason, also from within, where decoding fails.
    """
    try:
        with Image.open(file, formats=formats) as picture:
            if picture.width * picture.height > PIXEL_LIMIT:
                raise ValueError(
                    f"{picture.width:,}×{picture.height:,} pixels, and at most "
                    f"{PIXEL_LIMIT // 10**6} million are decoded"
                )
            yield picture
    except UnidentifiedImageError:
        raise ValueError(f"no picture of a known kind ({', '.join(formats)})") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValueError(
            f"more than the {PIXEL_LIMIT // 10**6} million pixels that are decoded"
        ) from None
    except (ValueError, MemoryError, PosegenError):
        raise
    except Exception as error:  # any of a dozen types, depending on where the damage is
        raise ValueError("cut off or damaged") from error


def _orientation(picture: Image.Image) -> int:
    """Return how the camera was held, as EXIF counts; 1 where that is not known."""
    if picture.format == "TIFF":
        return 1  # Pillow has turned it, and its size
    if picture.format == "PNG" and not {"exif", "Raw profile type exif"} & picture.info.keys():
        return 1  # Pillow would decode it to look for more behind the pixels
    try:
        found = picture.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged EXIF data: the pixels are none the worse
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1

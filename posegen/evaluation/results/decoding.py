"""Pictures of results: checked by their headers, then decoded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

from posegen.core.errors import DataError
from posegen.data.image_files import cannot, read_whole
from posegen.data.pictures import read_header

_REMEDY = "put an intact file there, or delete it."


def one_size(paths: Iterable[Path]) -> tuple[int, int]:
    """Return the (H, W) that all pictures have, from the beginnings of their files.

    Raises:
        DataError: for one that is of another size than the first, or is not 8-bit RGB.
    """
    first, *others = ((path, _header_size(path)) for path in dict.fromkeys(paths))
    for path, size in others:
        if size != first[1]:
            this, other = "{}×{}".format(*size), "{}×{}".format(*first[1])
            raise DataError(
                f"{path}: is {this} (height×width) and {first[0].name} is {other}; bring all "
                "pictures of a folder to one size."
            )
    return first[1]


def read_picture(path: Path, size: tuple[int, int]) -> Tensor:
    """Decode a picture: (3, H, W) uint8.

    Raises:
        DataError: for a picture that is damaged, or not of the size any more.
    """
    picture = read_whole(path, _REMEDY)
    if picture.shape[1:] != size:
        raise DataError(f"{path}: was changed while it was read; score the folder again.")
    return picture


def _header_size(path: Path) -> tuple[int, int]:
    try:
        size, mode = read_header(path)
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: {cannot(error)}; {_REMEDY}") from error
    if mode != "RGB":
        raise DataError(
            f"{path}: its colours are of the kind {mode}, and scores are of 8-bit RGB; save it as "
            "RGB, the way its program shows it, or delete it."
        )
    return size

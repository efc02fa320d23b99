"""The packed cache: all pictures of a split, decoded, in one memory-mapped file.

The file is a safetensors file, written piece by piece (the library would need all of it in memory):

    pictures  (N, 3, H, W) uint8 RGB; the metadata has their `names`, a list in JSON
    good      (N) bool, False where a picture could not be used and was left out

Its name has a hash of the names, sizes and times of change of the pictures' files, so a picture
that was replaced is packed anew. It appears under that name when it is whole.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from posegen.core.errors import DataError
from posegen.core.writing import writing
from posegen.data.config import PublishedConfig, Split
from posegen.data.image_files import look_at, look_at_all
from posegen.data.problems import Problem, Problems
from posegen.data.tables import SplitTables

_VERSION = 2

_log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


class PackedPictures:
    """An open packed file: pictures by their places. Processes share its pages.

    Attributes:
        path: the file.
        good: (N,) bool; False for a picture that was left out.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # `get_tensor` maps the file: nothing is read before it is used.
        with safe_open(path, framework="pt") as file:
            self._pictures: Tensor = file.get_tensor("pictures")
            self.good: Tensor = file.get_tensor("good")

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to other processes as a path, not as gigabytes."""
        return PackedPictures, (self.path,)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, 3, H, W)."""
        return tuple(self._pictures.shape)

    def __getitem__(self, places: Tensor) -> Tensor:
        """Return copies of the pictures at `places` (any number of dimensions)."""
        return self._pictures[places]


def open_packed(
    config: PublishedConfig,
    split: Split,
    tables: SplitTables,
    problems: Problems,
    progress: Progress = lambda done, total: None,
) -> PackedPictures | None:
    """Open the packed pictures of a split, made where they are not there; None without a cache.

    Raises:
        DataError: for a picture that cannot be used, unless problems are collected; or where the
            file cannot be written.
    """
    if config.cache_folder is None:
        return None
    path = config.cache_folder / f"{split}-{_key(tables)}.safetensors"
    packed = _opened(path, len(tables.names), tables.image_size)
    if packed is None:
        _pack(tables, path, problems, progress)
        return PackedPictures(path)
    for place in (~packed.good).nonzero().flatten().tolist():
        picture = look_at(tables.folder / tables.names[place], tables.image_size)
        if isinstance(picture, Problem):  # it is: the file was packed from these pictures
            problems.add(*picture)
    return packed


def _opened(path: Path, count: int, size: tuple[int, int]) -> PackedPictures | None:
    """Return a packed file as it should be; None where there is none, or it is damaged."""
    if not path.exists():
        return None
    try:
        packed = PackedPictures(path)
        if packed.shape != (count, 3, *size) or packed.good.shape != (count,):
            raise ValueError("pictures of another number or size")
    except (SafetensorError, OSError, ValueError) as error:
        _log.warning("%s: damaged (%s); it is packed anew.", path, error)
        return None
    return packed


def _key(tables: SplitTables) -> str:
    facts: list[Any] = [_VERSION, tables.image_size]
    for name in tables.names:
        try:
            state = os.stat(tables.folder / name)
        except OSError:
            raise DataError(f"{tables.folder / name} is not there; put the image there.") from None
        facts.append([name, state.st_size, state.st_mtime_ns])
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=8).hexdigest()


def _pack(tables: SplitTables, path: Path, problems: Problems, progress: Progress) -> None:
    folder, size, names = tables.folder, tables.image_size, tables.names
    good = torch.ones(len(names), dtype=torch.bool)
    try:
        with writing(path) as file:
            file.write(_header(names, size))
            for place, picture in enumerate(look_at_all(folder, names, size)):
                if isinstance(picture, Problem):
                    problems.add(*picture)
                    good[place], picture = False, torch.zeros(3, *size, dtype=torch.uint8)
                file.write(picture.numpy().tobytes())
                progress(place + 1, len(names))
            file.write(good.numpy().tobytes())
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror}); name a folder with room for it with "
            "`--set data.cache=DIR`, or leave that out."
        ) from error


def _header(names: Sequence[str], size: tuple[int, int]) -> bytes:
    """Return what a safetensors file begins with: the length of its JSON, and the JSON."""
    shape = (len(names), 3, *size)
    end = math.prod(shape)
    header = {
        "__metadata__": {"names": json.dumps(names)},
        "pictures": {"dtype": "U8", "shape": shape, "data_offsets": [0, end]},
        "good": {"dtype": "BOOL", "shape": shape[:1], "data_offsets": [end, end + len(names)]},
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text

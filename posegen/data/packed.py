"""The packed cache: all pictures of a split, decoded, in one memory-mapped file.

The file is a safetensors file, written piece by piece (the library would need all of it in memory):

    pictures  (N, 3, H, W) uint8 RGB
    ends      (N + 1) int64, where each name begins and ends in `names`
    names     the pictures' names, UTF-8, one after the other
    good      (N) bool, False where a picture could not be used and was left out

Its name has a hash of the names, sizes and times of change of the pictures' files, so a picture
that was replaced is packed anew. It appears under that name when it is whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch
from safetensors import safe_open
from torch import Tensor

from posegen.core.errors import DataError
from posegen.data.pictures import in_threads, look_at
from posegen.data.problems import Problem, Problems
from posegen.data.texts import Texts

_VERSION = 1

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

    def __getitem__(self, places: Tensor) -> Tensor:
        """Return copies of the pictures at `places` (any number of dimensions)."""
        return self._pictures[places]


def packed_file(
    folder: Path, names: Sequence[str], size: tuple[int, int], cache: Path, split: str
) -> Path:
    """Return the file in `cache` that has the pictures `names` of `folder`, or will have them.

    Raises:
        DataError: where a picture is not there.
    """
    facts: list[Any] = [_VERSION, size]
    for name in names:
        try:
            state = os.stat(folder / name)
        except OSError:
            raise DataError(f"{folder / name} is not there; put the image there.") from None
        facts.append([name, state.st_size, state.st_mtime_ns])
    key = hashlib.blake2b(json.dumps(facts).encode(), digest_size=8).hexdigest()
    return cache / f"{split}-{key}.safetensors"


def pack(
    folder: Path,
    names: Sequence[str],
    size: tuple[int, int],
    path: Path,
    problems: Problems,
    progress: Progress | None = None,
) -> None:
    """Decode pictures into a packed file.

    Args:
        folder: where the pictures are.
        names: their file names.
        size: (H, W) that they must have.
        path: the file to write; its folder is made.
        problems: told of pictures that cannot be used.
        progress: called with (pictures done, pictures).

    Raises:
        DataError: where the file cannot be written.
    """
    partial = path.with_name(f"{path.name}.partial-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            _write(file, folder, names, size, problems, progress)
        partial.replace(path)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be written ({error.strerror}); name a folder with room for it with "
            "`--set data.cache=DIR`, or leave that out."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def _write(
    file: BinaryIO,
    folder: Path,
    names: Sequence[str],
    size: tuple[int, int],
    problems: Problems,
    progress: Progress | None,
) -> None:
    texts, good = Texts(names), torch.ones(len(names), dtype=torch.bool)
    file.write(
        _header(
            _Entry("pictures", (len(names), 3, *size), "U8", 1),
            _Entry("ends", tuple(texts.ends.shape), "I64", 8),
            _Entry("names", tuple(texts.bytes.shape), "U8", 1),
            _Entry("good", tuple(good.shape), "BOOL", 1),
        )
    )
    blank = torch.zeros(3, *size, dtype=torch.uint8)
    for place, picture in enumerate(in_threads(lambda n: look_at(folder / n, size), names)):
        if isinstance(picture, Problem):
            problems.add(*picture)
            good[place], picture = False, blank
        file.write(picture.numpy().tobytes())
        if progress is not None:
            progress(place + 1, len(names))
    for tensor in (texts.ends, texts.bytes, good):
        file.write(tensor.numpy().tobytes())


class _Entry(NamedTuple):
    """A tensor of the file; `width` is the bytes of one number."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    width: int


def _header(*entries: _Entry) -> bytes:
    """Return what a safetensors file begins with: the length of its JSON, and the JSON."""
    header, offset = {}, 0
    for entry in entries:
        end = offset + entry.width * math.prod(entry.shape)
        header[entry.name] = {
            "dtype": entry.dtype,
            "shape": list(entry.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text

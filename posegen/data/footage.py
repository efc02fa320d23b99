"""A user's own pictures: one, a folder of them, or the frames of a video; upright, one by one."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from posegen.core.errors import ConfigError, DataError
from posegen.data.image_files import read_whole
from posegen.data.pictures import SUFFIXES, is_picture, unread

_log = logging.getLogger(__name__)

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm", ".mpg", ".mpeg")


class Picture(NamedTuple):
    """A picture and its name.

    Attributes:
        name: the file's name; below a folder its path in it, with `/`. A frame of `walk.mp4` is
            `walk_000012`, counted from 0.
        image: (3, H, W) uint8 RGB, turned upright as the camera noted.
    """

    name: str
    image: Tensor


class Footage:
    """Pictures of a file or folder, read as they are iterated.

    Args:
        path: a picture, a video, or a folder whose pictures are taken, those in its folders too, by
            name.
        every: of a video, take one frame of so many.

    Attributes:
        names: the pictures' names, or None for a video, whose frames are not counted beforehand.

    Raises:
        DataError: where there is no such file, or no picture in the folder.
        ConfigError: for a video without the package `av`.
    """

    def __init__(self, path: Path, every: int = 1) -> None:
        self.path, self.every = path, every
        self._folder = path if path.is_dir() else path.parent
        self.names: list[str] | None = None
        if path.is_dir():
            files = (file.relative_to(path).as_posix() for file in path.rglob("*"))
            visible = [name for name in files if "/." not in f"/{name}"]
            self.names = sorted(filter(is_picture, visible))
            passed = unread(visible)
            if not self.names:
                raise DataError(
                    f"{path}: holds no picture ({', '.join(SUFFIXES)}). {passed}".strip()
                )
            if passed:
                _log.warning("%s: %s", path, passed)
        elif not path.is_file():
            raise DataError(f"{path}: no such picture, video or folder.")
        elif path.suffix.lower() in VIDEO_SUFFIXES:
            _import_av(path)
        elif is_picture(path.name):
            self.names = [path.name]
        else:
            raise DataError(
                f"{path}: neither a picture ({', '.join(SUFFIXES)}) nor a video "
                f"({', '.join(VIDEO_SUFFIXES)}), by its name; save it as one of these."
            )

    def __len__(self) -> int:
        """Return how many pictures there are, and 0 where that is not known (a video)."""
        return len(self.names or ())

    def read(self, leave_out: Container[str] = ()) -> Iterator[Picture]:
        """Yield the pictures, except those of the names `leave_out`.

        Raises:
            DataError: naming the file that cannot be decoded.
        """
        if self.names is None:
            yield from self._frames(leave_out)
            return
        for name in self.names:
            if name not in leave_out:
                yield Picture(name, read_upright(self._folder / name))

    def count_frames(self) -> int:
        """Return how many frames a video has; they are not decoded.

        Raises:
            DataError: where the file cannot be read.
        """
        av = _import_av(self.path)
        try:
            with av.open(str(self.path)) as container:
                return sum(bool(packet.size) for packet in container.demux(video=0))
        except (av.FFmpegError, IndexError) as error:
            raise DataError(f"{self.path}: cannot be read as a video ({error}).") from error

    def size_of(self, name: str) -> tuple[int, int]:
        """Return the (H, W) of the picture of that name, one of `names`; any, of a video."""
        if self.names is None:
            return self._frame_size
        height, width = read_upright(self._folder / name).shape[1:]
        return height, width

    @cached_property
    def _frame_size(self) -> tuple[int, int]:
        height, width = next(self._frames(())).image.shape[1:]
        return height, width

    def _frames(self, leave_out: Container[str]) -> Iterator[Picture]:
        av = _import_av(self.path)
        try:
            with av.open(str(self.path)) as container:
                for number, frame in enumerate(container.decode(video=0)):
                    name = f"{self.path.stem}_{number:06d}"
                    if number % self.every == 0 and name not in leave_out:
                        pixels = frame.to_ndarray(format="rgb24")
                        # `rotation` is in degrees counterclockwise, as numpy turns pictures.
                        yield Picture(name, _tensor(np.rot90(pixels, round(frame.rotation / 90))))
        except (av.FFmpegError, IndexError) as error:
            raise DataError(f"{self.path}: cannot be read as a video ({error}).") from error


def read_upright(path: Path) -> Tensor:
    """Read a picture as (3, H, W) uint8 RGB; DataError where it cannot be read or decoded."""
    return read_whole(path, "replace it or take it away.")


def _tensor(pixels: Any) -> Tensor:
    return torch.from_numpy(np.array(pixels, copy=True)).permute(2, 0, 1).contiguous()


def _import_av(path: Path) -> Any:
    try:
        import av
    except ImportError:
        raise ConfigError(
            f"{path}: reading a video needs the package av; install it with "
            "`pip install 'posegen[video]'`, or give a folder of its frames."
        ) from None
    return av

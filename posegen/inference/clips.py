"""Clips: pictures one after the other, as a GIF, an animated WebP or PNG, or an MP4."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from posegen.core.errors import ConfigError, DataError, PosegenError
from posegen.core.writing import replacing
from posegen.inference.marks import marked

#: The most that a GIF shows: its clock counts hundredths of a second, and viewers slow down what
#: lasts less than two.
GIF_FPS = 50


def check_clip(path: Path, fps: float) -> None:
    """Check that a clip can be written, before anything is made for it.

    Raises:
        ConfigError: for an ending that is not known, a rate that cannot be had, or an MP4 without
            the package `av`.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITERS:
        raise ConfigError(f"{path}: a clip ends in {', '.join(WRITERS)}.")
    if suffix == ".gif" and fps > GIF_FPS:
        raise ConfigError(
            f"--fps {fps:g}: a GIF shows at most {GIF_FPS} pictures a second; write a .webp."
        )
    if suffix == ".mp4":
        _import_av(path)


def write_clip(path: Path, frames: Iterable[Image.Image], fps: float, mark: str = "") -> None:
    """Write a clip, which comes to its name when it is whole.

    `.webp` and `.apng` are exact and `.gif` has 256 colours in each picture; these keep the
    pictures (not the batches that they came from) in memory until the end. `.mp4` is H.264, in
    which colours are a little blurred, and is written as the pictures come.

    Args:
        path: the file; its ending says the format.
        frames: RGB pictures of one size.
        fps: pictures a second. A GIF counts hundredths of a second, so 30 become 33.
        mark: a text for its metadata; see `posegen.inference.marks`.

    Raises:
        ConfigError: see `check_clip`.
        DataError: where there are no pictures.
        PosegenError: where the encoder fails.
    """
    check_clip(path, fps)
    rest = iter(frames)
    first = next(rest, None)
    if first is None:
        raise DataError(f"{path}: there is no picture to write.")
    with replacing(path) as temporary:
        WRITERS[path.suffix.lower()](temporary, itertools.chain([first], rest), fps, mark)


def larger(frames: Iterable[Image.Image], scale: int) -> Iterator[Image.Image]:
    """Yield pictures enlarged by a whole factor."""
    for frame in frames:
        size = (frame.width * scale, frame.height * scale)
        yield frame if scale == 1 else frame.resize(size, Image.Resampling.LANCZOS)


def _write_pillow(
    path: Path,
    frames: Iterator[Image.Image],
    fps: float,
    mark: str,
    format: str,
    **options: object,
) -> None:
    # Pillow rounds a GIF's milliseconds down to hundredths of a second.
    duration = round(100 / fps) * 10 if format == "GIF" else 1000 / fps
    next(frames).save(
        path,
        format,
        save_all=True,
        append_images=list(frames),
        duration=duration,
        loop=0,
        **options,
        **marked(mark, format),
    )


def _write_mp4(path: Path, frames: Iterator[Image.Image], fps: float, mark: str) -> None:
    av = _import_av(path)
    first = next(frames)
    if first.width % 2 or first.height % 2:
        raise ConfigError(
            f"{path}: H.264 needs pictures of even height and width, and these are "
            f"{first.height}×{first.width}; write a .webp."
        )
    try:
        with av.open(str(path), "w", format="mp4") as container:
            container.metadata["comment"] = mark
            stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
            stream.width, stream.height = first.size
            stream.pix_fmt = "yuv420p"  # what every player shows
            stream.options = {"crf": "16"}
            for picture in itertools.chain([first], frames):
                frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    except av.FFmpegError as error:
        raise PosegenError(f"{path}: the video cannot be encoded ({error}).") from error


#: Ending -> what writes such a clip.
WRITERS: dict[str, Callable[[Path, Iterator[Image.Image], float, str], None]] = {
    ".gif": partial(_write_pillow, format="GIF"),
    ".webp": partial(_write_pillow, format="WEBP", lossless=True),
    ".apng": partial(_write_pillow, format="PNG"),
    ".png": partial(_write_pillow, format="PNG"),
    ".mp4": _write_mp4,
}


def _import_av(path: Path) -> Any:
    try:
        import av
    except ImportError:
        raise ConfigError(
            f"{path}: writing a video needs the package av; install it with "
            "`pip install 'posegen[video]'`, or write a .webp."
        ) from None
    return av

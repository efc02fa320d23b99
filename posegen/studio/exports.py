"""What is made on the page as files, and the command that makes the same files again.

An export works as the command does: it writes the source and the poses as files, and then does with
them what `posegen generate` would do.
"""

from __future__ import annotations

import io
import shlex
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from posegen.core.errors import DataError
from posegen.inference.clips import check_clip, larger, write_clip
from posegen.inference.model import PoseTransfer
from posegen.inference.pose_files import write_pose
from posegen.inference.pose_sequences import PoseSequence
from posegen.inference.results import Results
from posegen.poses.conversions import convert
from posegen.poses.edit import interpolate
from posegen.studio.asked import LONGEST, Export, Timeline, keypoints

SOURCE = "source"
_TYPES = {"webp": "image/webp", "gif": "image/gif", "mp4": "video/mp4"}


class File(NamedTuple):
    """A file for the page to save."""

    name: str
    type: str
    data: bytes


def track_of(timeline: Timeline, layout: str) -> Tensor:
    """Return a timeline's poses (F, K, 3), one per frame from the first key to the last.

    Raises:
        DataError, ConfigError: where keys cannot be used, or are too far apart.
    """
    keys = sorted(timeline.keys, key=lambda key: key.at)
    if keys[-1].at - keys[0].at >= LONGEST:
        raise DataError(f"the keys are over {LONGEST:,} frames apart; move them together.")
    poses = torch.stack([keypoints(key.pose, layout) for key in keys])
    return interpolate(poses, [key.at for key in keys], layout, smooth=timeline.smooth)


def export(
    model: PoseTransfer,
    picture: Image.Image,
    pose: Tensor,
    track: Tensor,
    asked: Export,
    layout: str,
) -> File:
    """Make a file of a timeline.

    Args:
        model: makes the pictures.
        picture, pose: the source.
        track: (F, K, 3), the wanted poses.
        asked: which file.
        layout: the skeleton of all poses.

    Raises:
        ConfigError: where such a clip cannot be written.
    """
    with _written(picture, pose, track, layout, model.skeleton) as folder:
        source, source_pose = folder / f"{SOURCE}.png", folder / f"{SOURCE}.json"
        sequence = PoseSequence(folder / "poses", model.skeleton)
        if asked.format == "json":
            return File("poses.zip", "application/zip", _zipped(folder))
        if asked.format == "png":
            results = Results(model, source, source_pose, folder / "pictures")
            for _ in results.frames(sequence):
                pass
            return File("pictures.zip", "application/zip", _zipped(folder / "pictures"))
        clip = folder / f"clip.{asked.format}"
        check_clip(clip, asked.fps)
        frames = model.frames(source, source_pose, (one for _, one in sequence))
        write_clip(clip, larger(frames, asked.scale), asked.fps, model.mark)
        return File(clip.name, _TYPES[asked.format], clip.read_bytes())


@contextmanager
def _written(
    picture: Image.Image, pose: Tensor, track: Tensor, layout: str, to: str
) -> Iterator[Path]:
    """Yield a folder with the source and the poses as files, which is gone at the end."""
    size = (picture.height, picture.width)
    with TemporaryDirectory(prefix="posegen-studio-") as name:
        folder = Path(name)
        (folder / "poses").mkdir()
        picture.save(folder / f"{SOURCE}.png")
        write_pose(folder / f"{SOURCE}.json", convert(pose, layout, to), size, to)
        for number, wanted in enumerate(convert(track, layout, to)):
            write_pose(folder / "poses" / f"pose_{number:04d}.json", wanted, size, to)
        yield folder


def _zipped(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return buffer.getvalue()


def commands(asked: Export, weights: str) -> dict[str, str]:
    """Return the command line, and the Python, that make an export's file of `poses.zip`."""
    clip = asked.format not in ("png", "json")
    out = f"clip.{asked.format}" if clip else "pictures"
    shell = (
        f"posegen generate --weights {shlex.quote(weights)} --source source.png "
        f"--source-pose source.json --target-poses poses "
    )
    shell += f"--clip {out} --fps {asked.fps:g} --scale {asked.scale}" if clip else f"--out {out}"
    lines = [
        "from pathlib import Path",
        "import posegen",
        "from posegen.inference.pose_sequences import PoseSequence",
        *(["from posegen.inference.clips import larger, write_clip"] if clip else []),
        "",
        f"model = posegen.load_model({weights!r})",
        'poses = (pose for _, pose in PoseSequence(Path("poses"), model.skeleton))',
        'frames = model.frames("source.png", "source.json", poses)',
    ]
    if clip:
        lines.append(
            f'write_clip(Path("{out}"), larger(frames, {asked.scale}), {asked.fps:g}, model.mark)'
        )
    else:
        lines += ["for number, frame in enumerate(frames):", '    frame.save(f"{number:04d}.png")']
    return {"shell": shell, "python": "\n".join(lines) + "\n"}

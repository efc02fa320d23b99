"""Many wanted poses: a folder of pose files, or a file of another program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from posegen.core.errors import DataError
from posegen.core.skeletons import skeleton
from posegen.core.texts import parse_json, read_text
from posegen.inference.pose_files import Pose, read_pose
from posegen.poses.conversions import convert
from posegen.poses.formats import read_poses


class PoseSequence:
    """Poses one after the other, read as they are iterated.

    Args:
        path: a folder of JSON files, each our own pose file or what another program wrote about
            one picture or several; or one file, the published annotation CSV for example. What is
            read: `posegen.inference.pose_files` and `posegen.poses.formats`. Files come in the
            order of their names, where numbers count as numbers: `walk_9` before `walk_10`; what is
            in a file, in the order there.
        layout_name: layout of the keypoints; those of other layouts are converted.
        size: (H, W) of the pictures that the pixels count in, where a file does not tell; by
            default that of the source.

    Attributes:
        empty: names of those that were left out because nobody is in them.

    Raises:
        DataError: where there is no such file, or none in the folder.
    """

    def __init__(self, path: Path, layout_name: str, size: tuple[int, int] | None = None) -> None:
        self.path, self.layout, self.size = path, layout_name, size
        self.files = _files(path)
        self.empty: list[str] = []

    def __iter__(self) -> Iterator[tuple[str, Pose]]:
        """Yield name and pose.

        Raises:
            DataError: naming the file and the entry that cannot be read.
        """
        for file in self.files:
            for name, pose in self._poses(file):
                if pose.keypoints[:, 2].any():
                    yield name, pose
                else:
                    self.empty.append(name)

    def everybody(self) -> Iterator[Tensor]:
        """Yield all people of each pose, (N, K, 3), the most prominent first; N may be 0.

        Raises:
            DataError: as iteration.
        """
        for file in self.files:
            if self._is_ours(file):
                keypoints = read_pose(file, self.layout).keypoints
                yield keypoints[None][keypoints[:, 2].any()[None]]
            else:
                for record in read_poses(file, size_of=lambda _: self.size):
                    yield convert(record.everybody, record.skeleton, self.layout)

    @property
    def ours(self) -> bool:
        """Whether all files are pose files of ours, and not of another program."""
        return all(map(self._is_ours, self.files))

    def _is_ours(self, file: Path) -> bool:
        return _is_ours(file, len(skeleton(self.layout)))

    def _poses(self, file: Path) -> Iterator[tuple[str, Pose]]:
        if self._is_ours(file):
            pose = read_pose(file, self.layout)
            yield file.stem, Pose(pose.keypoints, pose.size or self.size)
            return
        for record in read_poses(file, size_of=lambda _: self.size):
            keypoints = convert(record.keypoints, record.skeleton, self.layout)
            yield Path(record.name).stem, Pose(keypoints, record.size)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"{path}: no such file or folder of poses.")
    inside = sorted(path.iterdir(), key=_natural)
    for suffix in (".json", ".txt"):  # texts beside JSON are notes
        files = [file for file in inside if file.suffix.lower() == suffix]
        if files:
            return files
    raise DataError(f"{path}: holds no .json file; give the folder that does, or a .csv file.")


def _natural(file: Path) -> list[tuple[int, int, str]]:
    """Return the parts of a name, numbers as numbers and before words."""
    parts = re.findall(r"\d+|\D+", file.stem)
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts]


def _is_ours(file: Path, joints: int) -> bool:
    """Whether it is one of our pose files; what cannot be read is left to the other readers."""
    try:
        content = parse_json(read_text(file))
    except (OSError, ValueError):
        return False
    if isinstance(content, list):
        return len(content) == joints and all(row is None or type(row) is list for row in content)
    return isinstance(content, dict) and isinstance(content.get("keypoints"), list)

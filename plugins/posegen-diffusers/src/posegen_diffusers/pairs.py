"""The pairs of a folder in a published layout, as `posegen data export` writes it."""

from __future__ import annotations

import colorsys
import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from posegen.core import SKELETONS, DataError

#: x, y of each joint, None where it is missing; in the order of `openpose18`.
Pose = list[tuple[int, int] | None]


@dataclass(frozen=True)
class Asked:
    """One picture to make.

    Attributes:
        source, target: file names.
        picture: of the person, RGB.
        pose: the wanted one, in pixels of a picture of that size.
    """

    source: str
    target: str
    picture: Image.Image
    pose: Pose

    @property
    def result(self) -> str:
        """The file name of the result; `posegen eval --layout pairs` reads it."""
        return f"{Path(self.source).stem}___{Path(self.target).stem}.png"


def read(folder: Path, split: str = "test", limit: int | None = None) -> Iterator[Asked]:
    """Yield the pairs of a split, the pictures as they come.

    Raises:
        DataError: naming the file, and the row where there is one, that cannot be used.
    """
    poses = _annotations(_only(folder, f"*-annotation-{split}.csv"))
    table = _only(folder, f"*-pairs-{split}.csv")
    pictures = _only(folder, f"*/{split}") if not (folder / split).is_dir() else folder / split
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows[:limit], start=2):
        source, target = row.get("from") or "", row.get("to") or ""
        if target not in poses:
            raise DataError(f"{table}, line {number}: {target!r} has no row of keypoints.")
        try:
            with Image.open(pictures / source) as picture:
                yield Asked(source, target, picture.convert("RGB"), poses[target])
        except OSError as error:
            raise DataError(f"{table}, line {number}: {pictures / source}: {error}.") from error


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise DataError(
            f"{folder}: {len(found)} files {pattern}, and there must be one; write such a folder "
            "with `posegen data export`."
        )
    return found[0]


def _annotations(path: Path) -> dict[str, Pose]:
    """Read keypoints: a line is `name: [y, …]: [x, …]`, -1 for what is missing."""
    poses: dict[str, Pose] = {}
    joints = len(SKELETONS["openpose18"])
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()[1:], start=2):
        try:
            name, ys, xs = line.split(":")
            places = list(zip(json.loads(xs), json.loads(ys), strict=True))
        except ValueError as error:
            raise DataError(f"{path}, line {number}: no name and keypoints ({error}).") from None
        if len(places) != joints:
            raise DataError(f"{path}, line {number}: {len(places)} joints, and {joints} are read.")
        poses[name.strip()] = [None if min(place) < 0 else place for place in places]
    return poses


def draw(pose: Pose, size: tuple[int, int]) -> Image.Image:
    """Draw a pose in colours on black, as OpenPose does; `size` is (width, height), in pixels."""
    canvas = Image.new("RGB", size)
    pen = ImageDraw.Draw(canvas)
    thick = max(1, round(max(size) / 128))
    limbs = SKELETONS["openpose18"].limbs
    for number, (a, b) in enumerate(limbs):
        here, there = pose[a], pose[b]
        if here and there:
            pen.line([here, there], fill=_colour(number / len(limbs), 0.6), width=2 * thick)
    for number, place in enumerate(pose):
        if place:
            x, y = place
            box = (x - thick, y - thick, x + thick, y + thick)
            pen.ellipse(box, fill=_colour(number / len(pose), 1.0))
    return canvas


def _colour(share: float, value: float) -> tuple[int, int, int]:
    """Return a hue from red to magenta."""
    red, green, blue = colorsys.hsv_to_rgb(share * 0.9, 1.0, value)
    return round(red * 255), round(green * 255), round(blue * 255)

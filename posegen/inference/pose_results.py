"""What `posegen pose` writes: the published annotation CSV, pose files, drawings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from posegen.core.skeletons import skeleton
from posegen.core.writing import save_picture, write_json, write_text
from posegen.data.posing import Posed
from posegen.inference.pose_files import write_pose
from posegen.poses.draw import draw_pose_on
from posegen.poses.formats.openpose import OPENPOSE, openpose_content
from posegen.poses.formats.published import AnnotationWriter
from posegen.poses.formats.writing import alphapose_picture, coco_result, yolo_line

#: Forms of pose files that are written, and in which skeletons; () for all.
FORMS: dict[str, tuple[str, ...]] = {
    "posegen": (),
    "openpose": OPENPOSE.skeletons,
    "openpose-fractions": OPENPOSE.skeletons,
    "coco": (),
    "alphapose": (),
    "yolo": (),
}
#: Those that are one file for all pictures.
_TOGETHER = {"coco": "coco-results.json", "alphapose": "alphapose-results.json"}


class PoseResults:
    """Writes the poses of pictures one by one, and counts; use it in a `with` statement.

    A picture without a person has no row and no pose file; it is drawn all the same.

    Attributes:
        done: the pictures that had a row before.
        looked_at: how many pictures were added.
        without: those without a person.
        several: those with several people.
        outside: how many joints lay outside their pictures, in files.

    Args:
        out: the CSV file, or None.
        draw: folder of the drawings, or None.
        json: folder of the pose files, or None.
        form: of these: posegen's own, OpenPose's in pixels, or that in fractions of the picture,
            YOLO's labels; or COCO's results and AlphaPose's, each one file for all pictures, which
            is written at the end.
        layout_name: the layout of the keypoints; `openpose18` where there is a CSV file.
        resume: go on with an existing CSV file; else one is refused.

    Raises:
        DataError: where the CSV file exists, or cannot be gone on with.
    """

    def __init__(
        self,
        out: Path | None,
        draw: Path | None,
        json: Path | None,
        layout_name: str = "openpose18",
        resume: bool = False,
        form: str = "posegen",
    ) -> None:
        self._form = form
        self._draw, self._json = draw, json
        self._layout = skeleton(layout_name)
        self._writer = AnnotationWriter(out, resume) if out else None
        self._places: dict[Path, str] = {}
        self._together: dict[str, Any] = {}
        self.done = frozenset(self._writer.names if self._writer else ())
        self.looked_at = 0
        self.without: list[str] = []
        self.several: list[str] = []
        self.outside = 0

    def __enter__(self) -> PoseResults:
        return self

    def __exit__(self, *error: object) -> None:
        if self._writer:
            self._writer.__exit__(*error)
        if self._json and self._together:
            self._json.mkdir(parents=True, exist_ok=True)
            together = list(self._together.values()) if self._form == "coco" else self._together
            write_json(self._json / _TOGETHER[self._form], together)

    @property
    def found(self) -> int:
        """How many pictures had a person."""
        return self.looked_at - len(self.without)

    def add(self, posed: Posed) -> None:
        """Write the pose of a picture.

        Raises:
            DataError: for a name that the CSV has no room for.
        """
        self.looked_at += 1
        self.outside += posed.outside
        height, width = posed.image.shape[1:]
        if self._draw:
            sheet = draw_pose_on(posed.image, posed.keypoints, self._layout)
            save_picture(self._place(self._draw, posed.name, ".png"), sheet)
        if not posed.keypoints[:, 2].any():
            self.without.append(posed.name)
            return
        if posed.people > 1:
            self.several.append(posed.name)
        if self._writer:
            self._writer.add(posed.name, posed.keypoints, (height, width))
        if self._json:
            self._write(self._json, posed.name, posed.keypoints, (height, width))

    def _write(self, folder: Path, name: str, points: Tensor, size: tuple[int, int]) -> None:
        layout = self._layout.name
        if self._form == "coco":
            self._together[name] = coco_result(name, points, layout)
        elif self._form == "alphapose":
            self._together[name] = alphapose_picture(points, layout)
        elif self._form == "yolo":
            line = yolo_line(points, layout, size)
            write_text(self._place(folder, name, ".txt"), f"{line}\n")
        elif self._form == "posegen":
            write_pose(self._place(folder, name, ".json"), points, size, layout)
        else:
            fractions = self._form == "openpose-fractions"
            content = openpose_content(points, size, fractions=fractions)
            write_json(self._place(folder, name, ".json"), content)

    def _place(self, folder: Path, name: str, suffix: str) -> Path:
        """Return `folder/name.png` for `name.jpg`, or `name.jpg.png` where that name is taken."""
        path = (folder / name).with_suffix(suffix)
        if self._places.setdefault(path, name) != name:
            path = folder / f"{name}{suffix}"
        return path

"""From a photo and a motion to what a model needs: the person framed, and moved as the driver is.

driver   poses in time: a motion of the library, a video, a folder of pictures, pose files
scene    the photo cut to the model's shape, its pose, and the wanted poses, all in its pixels
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from posegen.core.errors import ConfigError, DataError
from posegen.core.skeletons import skeleton
from posegen.data.footage import VIDEO_SUFFIXES, Footage
from posegen.data.framing import Frame, follow, frame_around
from posegen.data.image_files import as_picture
from posegen.data.pictures import is_picture
from posegen.data.posing import PeopleFinder
from posegen.inference.grids import as_tensor
from posegen.inference.pose_files import Pose
from posegen.inference.pose_sequences import PoseSequence
from posegen.poses.conversions import convert
from posegen.poses.draw import draw_pose, draw_pose_on
from posegen.poses.motions import motion
from posegen.poses.people import by_prominence, chosen, drop_outside
from posegen.poses.retarget import How, hanging_on, retarget
from posegen.poses.smoothing import Strength, mend

#: Pictures a second where the driver does not tell.
FPS = 25.0
#: What is left free around the joints at least, as a share of the person's height: an arm and a
#: shoulder are wider than the line through their joints.
_ROOM = 0.05
#: Frames of a clip; more are refused, since every one of them is kept in memory.
LONGEST = 5000


@dataclass(frozen=True)
class Driver:
    """Poses in time.

    Attributes:
        track: (F, K, 3): x, y (downwards, in any unit) and visibility.
        fps: frames a second.
        depth: (F, K), towards the camera in that unit, where it is known.
        detected: whether a program found it, so that it trembles and has gaps.
        pixels: whether the unit is a pixel of a picture.
    """

    track: Tensor
    fps: float = FPS
    depth: Tensor | None = None
    detected: bool = False
    pixels: bool = True


def read_driver(
    what: str | Path,
    layout: str,
    finder: Callable[[], PeopleFinder],
    size: tuple[int, int] | None = None,
    person: int = 1,
) -> Driver:
    """Read a motion.

    Args:
        what: the name of a motion of the library; or a video, a folder of pictures or of pose
            files, or a file of poses.
        layout: name of the skeleton of the result.
        finder: makes what finds people in pictures; called for videos and pictures alone.
        size: (H, W) of the pictures of pose files that do not tell.
        person: whose, of several people: 1 is the most prominent in the first frame that has so
            many, who is followed from there.

    Raises:
        ConfigError: for a name that the library does not have.
        DataError: where nobody is found in it, or a file cannot be read.
        PluginError, WeightsError: where the detector is not there.
    """
    path = Path(what).expanduser()
    if not path.exists():
        if path.suffix or len(path.parts) > 1:
            raise DataError(f"{path}: no such video, folder or file of poses.")
        one = motion(str(what))
        flat = torch.cat([one.points[..., :1], one.points[..., 2:], one.track[..., 2:]], -1)
        return Driver(
            convert(one.track, one.skeleton, layout),
            one.fps,
            convert(flat, one.skeleton, layout)[..., 1],
            pixels=False,
        )
    pictures = path.suffix.lower() in VIDEO_SUFFIXES or (
        path.is_dir() and any(is_picture(file.name) for file in path.rglob("*"))
    )
    if pictures:
        return Driver(_followed(Footage(path), finder(), person), detected=True)
    sequence = PoseSequence(path, layout, size)
    track: list[Tensor] = []
    last: Tensor | None = None
    for everybody in sequence.everybody():
        pose = follow(everybody, last, person)
        last = last if pose is None else pose
        track.append(torch.zeros(everybody.shape[1:]) if pose is None else pose)
    return Driver(_between(track, path, person), detected=not sequence.ours)


def _followed(footage: Footage, finder: PeopleFinder, number: int) -> Tensor:
    """Return the track of the `number`-th person of the first frames; the seen frames' extent."""
    last: Tensor | None = None
    track: list[Tensor] = []
    for picture in footage.read():
        people = by_prominence(finder([picture.image])[0])
        person = follow(people, last, number)
        last = last if person is None else person
        track.append(people.new_zeros(people.shape[1:]) if person is None else person)
        if len(track) > LONGEST:
            raise DataError(f"{footage.path}: over {LONGEST:,} frames; cut it.")
    return _between(track, footage.path, number)


def _between(track: list[Tensor], path: Path, person: int) -> Tensor:
    """Return the frames from the first to the last in which somebody is."""
    seen = [number for number, pose in enumerate(track) if pose[:, 2].any()]
    if not seen and person > 1:
        raise DataError(
            f"{path}: none of its {len(track)} frames has {person} people; count from 1, the "
            "largest first, and let the detector look for more, as with `--set detector.people=3`."
        )
    if not seen:
        raise DataError(f"{path}: nobody is found in any of its {len(track)} frames.")
    return torch.stack(track[seen[0] : seen[-1] + 1])


@dataclass(frozen=True)
class Scene:
    """What a model is given, all in pixels of its own size.

    Attributes:
        picture: the photo's part around the person.
        keypoints: (K, 3), their pose in it.
        track: (F, K, 3), the wanted poses.
        frame: which part of the photo it is.
        driver: whose motion it is.
        photo: (3, h, w) uint8, the whole of it.
    """

    picture: Image.Image
    keypoints: Tensor
    track: Tensor
    frame: Frame
    driver: Driver
    photo: Tensor

    @property
    def source(self) -> Pose:
        """The source's pose."""
        return Pose(self.keypoints, self.frame.size)

    @property
    def wanted(self) -> list[Pose]:
        """The wanted poses."""
        return [Pose(keypoints, self.frame.size) for keypoints in self.track]

    def drawn(self, layout: str) -> Image.Image:
        """Return the picture with the pose on it, enlarged where it is small."""
        return draw_pose_on(as_tensor(self.picture), self.keypoints, skeleton(layout))


def find_person(photo: Tensor, finder: PeopleFinder, name: str | Path, person: int = 1) -> Tensor:
    """Return the pose (K, 3) of a person in a photo (3, h, w) uint8.

    The most prominent, or the `person`-th; see `posegen.poses.people.by_prominence`.

    Raises:
        DataError: where there is nobody, or there are not so many.
    """
    people = finder([photo])[0]
    if not len(people):
        raise DataError(
            f"{name}: nobody is found in it; give a picture of one person, or their pose with "
            "--source-pose."
        )
    if person > len(people):
        raise DataError(
            f"{name}: has no person {person}, {len(people)} found; count from 1, the largest "
            "first, and let the detector look for more, as with `--set detector.people=3`."
        )
    return chosen(by_prominence(people), person)


def set_scene(
    photo: Tensor,
    keypoints: Tensor,
    driver: Driver,
    *,
    layout: str,
    size: tuple[int, int],
    how: How = "source",
    smoothing: Strength = "light",
) -> Scene:
    """Frame the photo's person, and put the driver's motion on them.

    Args:
        photo: (3, h, w) uint8.
        keypoints: (K, 3), the pose of the person in it.
        driver: the motion.
        layout: the skeleton of both.
        size: (H, W) of the model's pictures.
        how: see `retarget`; `none` takes the poses as pixels of the photo.
        smoothing: of detected motions; others are smooth.

    Raises:
        DataError: where too little is seen of the person or the driver.
        ConfigError: where a motion without pixels is not to be retargeted.
    """
    if how == "none" and not driver.pixels:
        raise ConfigError(
            "a motion of the library has no pixels; give --retarget source or height."
        )
    track = mend(driver.track, layout, smoothing) if driver.detected else driver.track
    track = track[(track[..., 2] > 0).any(1)]  # long gaps, with nobody to show
    track = retarget(track, keypoints, layout, how=how, depth=driver.depth)
    track = _without_legs(track, keypoints, layout)
    height, width = photo.shape[1:]
    everything = torch.cat([keypoints[None], track]).flatten(0, 1)
    seen = keypoints[keypoints[:, 2] > 0, 1]
    room = _ROOM * max(1.0, float(seen.max() - seen.min()))
    around = torch.cat([everything - room, everything + room])
    around[:, 2] = everything[:, 2].repeat(2)
    frame = frame_around(around, (height, width), size)
    moved = torch.stack([frame.move(pose) for pose in track])
    return Scene(
        as_picture(frame.cut(photo)),
        drop_outside(frame.move(keypoints), size),
        drop_outside(moved, size),
        frame,
        driver,
        photo,
    )


def _without_legs(track: Tensor, source: Tensor, layout: str) -> Tensor:
    """Leave out knees or ankles where the photo shows neither: nobody knows what they wear there.

    So a photo of half a body stays one, and is framed as one.
    """
    bones = skeleton(layout)
    track = track.clone()
    for joint in ("knee", "ankle"):
        both = (f"left_{joint}", f"right_{joint}")
        if not source[[bones.joints.index(name) for name in both], 2].any():
            track[:, hanging_on(bones, *both)] = 0
    return track


def beside_poses(frames: Iterable[Image.Image], scene: Scene, layout: str) -> Iterator[Image.Image]:
    """Yield frames, which may be enlarged, each with its pose drawn on the left."""
    for frame, keypoints in zip(frames, scene.track, strict=True):
        yield beside_pose(frame, keypoints, scene.frame.size, layout)


def beside_pose(
    picture: Image.Image, keypoints: Tensor, size: tuple[int, int], layout: str
) -> Image.Image:
    """Return a picture, enlarged from (H, W) `size` by a whole factor, its pose on the left."""
    both = Image.new("RGB", (2 * picture.width, picture.height))
    both.paste(draw_pose(keypoints, size, skeleton(layout), picture.height // size[0]))
    both.paste(picture, (picture.width, 0))
    return both

"""People for the page: embedded ones, or found in a photo; and motions put on them.

A scene is what the page holds of a person: a picture of the first model's size, and the pose in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import islice
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from posegen.core.contracts import PairDataset
from posegen.core.errors import DataError
from posegen.core.skeletons import skeleton
from posegen.data.framing import Frame, frame_around
from posegen.data.image_files import as_picture
from posegen.data.posing import PeopleFinder
from posegen.inference.animation import read_driver, set_scene
from posegen.inference.grids import as_tensor
from posegen.poses.conversions import convert
from posegen.poses.edit import key_frames
from posegen.poses.motions import motion
from posegen.poses.people import drop_outside
from posegen.poses.retarget import retarget
from posegen.studio.asked import points
from posegen.studio.pictures import open_photo, to_url

#: Joints that a person of the gallery shows at least.
_SEEN = 15
#: Of a key pose's joints, in pixels of a picture of `_HEIGHT`.
_TOLERANCE, _HEIGHT = 1.0, 128
#: The motion whose first pose stands where nobody is found in a picture.
_STANDING = "wave"


class Scenes:
    """Makes scenes of one size and skeleton.

    Args:
        size: (H, W) of the pictures.
        layout: name of the skeleton.
        people: the data set that the gallery shows, if there is one.
        finder: makes what finds people in photos; called once, for the first photo.
    """

    def __init__(
        self,
        size: tuple[int, int],
        layout: str,
        people: PairDataset | None,
        finder: Callable[[], PeopleFinder],
    ) -> None:
        self.size, self.layout = size, layout
        self._make_finder = finder
        self._coming = iter(()) if people is None else self._faces(people)
        self._gallery: list[dict[str, Any]] = []

    def person(self, number: int) -> dict[str, Any]:
        """Return a person of the gallery; they are rendered when they are asked for.

        Raises:
            DataError: where there are not so many.
        """
        missing = number + 1 - len(self._gallery)
        self._gallery += islice(self._coming, max(0, missing))
        if number >= len(self._gallery):
            raise DataError(f"the gallery has {len(self._gallery)} people.")
        return self._gallery[number]

    def _faces(self, people: PairDataset) -> Iterator[dict[str, Any]]:
        """Yield people who look at us."""
        bones = skeleton(people.skeleton)
        nose, seen = bones.joints.index("nose"), set()
        for index in range(len(people)):
            pair = people[index]
            known = pair.source_keypoints[:, 2]
            if pair.source_name in seen or known[nose] < 1 or int((known >= 1).sum()) < _SEEN:
                continue
            seen.add(pair.source_name)
            picture = as_picture(pair.source)
            pose = convert(pair.source_keypoints, people.skeleton, self.layout)
            yield self.scene(picture, pose, name=pair.source_name)

    def scene(self, picture: Image.Image, pose: Tensor, **facts: Any) -> dict[str, Any]:
        """Return a picture and its pose for the page."""
        return {"picture": to_url(picture), "pose": points(pose), **facts}

    @cached_property
    def _finder(self) -> PeopleFinder:
        return self._make_finder()

    def photo(self, data: bytes, which: int = 0) -> dict[str, Any]:
        """Find a person in a photo, and frame them.

        Args:
            data: the photo as a file.
            which: of several people, best first.

        Returns:
            The scene, with `people`: how many were found. Of none, the picture's middle is taken,
            with a standing figure that somebody can put right.

        Raises:
            DataError: where it is no photo.
            PluginError, WeightsError: where the detector is not there.
        """
        image = as_tensor(open_photo(data))
        people = self._finder([image])[0]
        if not len(people):
            return {**self._nobody(image), "people": 0, "which": 0}
        which %= len(people)
        height, width = image.shape[1:]
        frame = frame_around(people[which], (height, width), self.size)
        pose = drop_outside(frame.move(people[which]), self.size)
        cut = as_picture(frame.cut(image))
        return self.scene(cut, pose, people=len(people), which=which)

    def _nobody(self, image: Tensor) -> dict[str, Any]:
        height, width = image.shape[1:]
        ratio = self.size[1] / self.size[0]
        high = min(height, width / ratio)
        left, top = (width - high * ratio) / 2, (height - high) / 2
        frame = Frame((left, top, left + high * ratio, top + high), self.size)
        one = motion(_STANDING)
        pose = convert(one.placed(self.size)[0], one.skeleton, self.layout)
        cut = as_picture(frame.cut(image))
        return self.scene(cut, pose)

    def motion(self, name: str, picture: Image.Image, pose: Tensor) -> dict[str, Any]:
        """Put a motion of the library on a person.

        Returns:
            The scene, framed anew where the motion would leave the picture; `keys`, the key poses
            with their frames; and `fps`.

        Raises:
            DataError: where too little of the person is seen.
            ConfigError: for an unknown motion.
        """
        driver = read_driver(name, self.layout, lambda: self._finder)
        image = as_tensor(picture)
        track = retarget(driver.track, pose, self.layout, depth=driver.depth)
        kept = drop_outside(track, self.size)
        if picture.size == self.size[::-1] and torch.equal(kept[..., 2] > 0, track[..., 2] > 0):
            scene = self.scene(picture, pose)
        else:
            framed = set_scene(image, pose, driver, layout=self.layout, size=self.size)
            kept = framed.track
            scene = self.scene(framed.picture, framed.keypoints)
        chosen = key_frames(kept, self.layout, _TOLERANCE * self.size[0] / _HEIGHT)
        keys = [{"at": at, "pose": points(kept[at])} for at in chosen]
        return {**scene, "keys": keys, "fps": driver.fps}

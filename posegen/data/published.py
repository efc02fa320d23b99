"""Reader of the published Market-1501 and DeepFashion layouts.

All that can be wrong with the CSV files, and every missing image, is found when a data set is
opened; images are looked into when they are read.
"""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image

from posegen.core.batches import Pair
from posegen.core.contracts import PairDataset
from posegen.core.errors import DataError
from posegen.data.config import PublishedConfig, Split
from posegen.data.tables import read_annotations, read_pairs
from posegen.poses.layouts import OPENPOSE18


class PublishedDataset(PairDataset):
    """A folder in one of the published layouts, see `PublishedConfig`; without masks.

    A joint's visibility is 1, or 0 where it is missing.

    Raises:
        DataError: for a file that is missing or malformed, or an image that is not there.
    """

    layout = OPENPOSE18.name

    def __init__(self, config: PublishedConfig, split: Split) -> None:
        super().__init__(config, split)
        annotations, pairs = config.annotations(split), config.pairs(split)
        if not config.root.is_dir():
            raise DataError(f"{config.root}: no such folder; give the one that holds {pairs.name}.")
        self._folder = _image_folder(config, split)
        files = set(os.listdir(self._folder))  # one listing, not a look-up for each image
        self.image_size = config.image_size or _first_size(self._folder, files)
        self._names, self._keypoints = read_annotations(annotations, self.image_size, config.crop)
        # Numbers in tensors, not lists of names: loading processes get a copy of all this.
        self._pairs = read_pairs(pairs, annotations, self._names, self._folder, files)

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Pair:
        """Read pair `index`, in the order of the CSV file.

        Raises:
            DataError: for an image that cannot be decoded or is not of the configured size.
        """
        source, target = self._pairs[index].tolist()
        return Pair(
            source=self._read(source),
            target=self._read(target),
            source_keypoints=self._keypoints[source],
            target_keypoints=self._keypoints[target],
            source_name=self._names[source],
            target_name=self._names[target],
        )

    def _read(self, place: int) -> Tensor:
        path = self._folder / self._names[place]
        try:
            image: Tensor = decode_image(str(path), mode=ImageReadMode.RGB)
        except (RuntimeError, OSError) as error:
            raise DataError(
                f"{path}: cannot be decoded as an image; put an intact JPEG or PNG file there, or "
                "delete its pairs."
            ) from error
        if image.shape != (3, *self.image_size):
            height, width = image.shape[-2:]
            expected = "{}×{}".format(*self.image_size)
            raise DataError(
                f"{path}: the image is {height}×{width} (height×width), not {expected}; resize it, "
                f"or where all are so, use `--set data.image_size=[{height},{width}]`."
            )
        return image


def _image_folder(config: PublishedConfig, split: Split) -> Path:
    folders = config.image_folders(split)
    for folder in folders:
        if folder.is_dir():
            return folder
    raise DataError(
        f"{folders[0]}: no such folder, nor {folders[1]}; put the images of the {split} split into "
        "one of them."
    )


def _first_size(folder: Path, files: set[str]) -> tuple[int, int]:
    """Return the (height, width) of the first picture, by name."""
    if not files:
        raise DataError(f"{folder}: holds no picture; put those that the pairs name there.")
    path = folder / min(files)
    try:
        with Image.open(path) as picture:
            return picture.height, picture.width
    except OSError as error:
        raise DataError(
            f"{path}: is not an image, so its size cannot be read; remove it, or say the size of "
            "the pictures with `--set data.image_size=[H,W]`."
        ) from error

"""Which files of a download become which pictures of a published layout."""

from __future__ import annotations

import hashlib
import io
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from PIL import Image
from torch import Tensor

from posegen.core.errors import ConfigError, DataError
from posegen.data.config import DeepFashionConfig, Market1501Config, PublishedConfig, Split
from posegen.data.pictures import load

SplitKind = Literal["published", "leak-free"]

#: The pictures of each split, as published lists name them.
Names = Mapping[Split, set[str]]


class Plan(NamedTuple):
    """What becomes of a download.

    Attributes:
        places: path in the download -> split and name of its picture.
        names: name -> split of all pictures that there should be.
    """

    places: dict[str, tuple[Split, str]]
    names: dict[str, Split]


class Recipe(ABC):
    """How the files of a download become pictures.

    Attributes:
        config: the layout, in the new folder.
        size: (H, W) of the pictures.
        settings: all that changes what is written, as plain values.
        published_size: (H, W) of the pictures of the published CSV files.
        pictures: what the pictures' folders are called in the download, for messages.
        faithful: True where the published CSV files fit the new folder as they are.
    """

    config: PublishedConfig
    size: tuple[int, int]
    settings: dict[str, Any]
    pictures: str
    published_size: tuple[int, int]
    faithful = True

    @abstractmethod
    def plan(self, paths: Sequence[str], lists: Names | None) -> Plan:
        """Say what becomes of a download's files; `lists` is the published split, if it is known.

        Raises:
            ConfigError, DataError: where that cannot be told.
        """

    @abstractmethod
    def convert(self, path: str, content: bytes) -> bytes:
        """Return the content of a picture's new file.

        Raises:
            DataError: where the file is no picture, or not as it should be.
        """

    def move(self, keypoints: Tensor) -> Tensor:
        """Return published keypoints (N, 18, 3) as they are in the new pictures."""
        return keypoints


class Market1501(Recipe):
    """Pictures are taken as they are; distractors, junk and queries are left out."""

    pictures = "bounding_box_train and bounding_box_test"
    size = published_size = (128, 64)

    def __init__(self, out: Path) -> None:
        self.config = Market1501Config(root=out)
        self.settings = {"size": self.size}

    def plan(self, paths: Sequence[str], lists: Names | None) -> Plan:
        """See `Recipe`."""
        pictures = {path: place for path in paths if (place := market_place(path))}
        names = {name: split for split, name in pictures.values()}
        if lists:
            known = self.config.outfit  # distractors may be in the lists
            names = {n: split for split, some in lists.items() for n in some if known(n)}
        return Plan({path: p for path, p in pictures.items() if p[1] in names}, names)

    def convert(self, path: str, content: bytes) -> bytes:
        """Return the content as it is."""
        size = _open(path, content).size[::-1]
        if size != self.size:
            raise DataError(
                f"{path}: is {size[0]}×{size[1]} (height×width), not 128×64 as Market-1501's "
                "pictures are; give the data set as its authors publish it."
            )
        return content


class DeepFashion(Recipe):
    """The middle 176 columns of the 256×256 pictures (`img`), as JPEG.

    Larger pictures (`img_highres`) and other sizes: scaled to the wanted height, then cut, or
    filled up with white, to the wanted width. The 256×256 pictures are the large ones with white
    at either side, so the same keypoints fit both.

    Args:
        out: the new folder.
        split: `leak-free` is without the training pictures whose item is in the test split too;
            without lists it is a split by item.
        size: (H, W).
        folder: `img` or `img_highres`; by default `img`, and the other where that is not there.
        quality: of the JPEG files; 75 is what the published script wrote.
    """

    pictures = "img (or img_highres)"
    published_size = (256, 176)

    def __init__(
        self,
        out: Path,
        split: SplitKind = "published",
        size: tuple[int, int] = published_size,
        folder: str | None = None,
        quality: int = 75,
    ) -> None:
        self.config, self.size = DeepFashionConfig(root=out), size
        self.split, self.folder, self.quality = split, folder, quality
        self.settings = {"size": size, "split": split, "pictures": folder, "quality": quality}
        self.faithful = split == "published" and size == self.published_size

    def plan(self, paths: Sequence[str], lists: Names | None) -> Plan:
        """See `Recipe`."""
        pictures = {path: place for path in paths if (place := deepfashion_place(path))}
        there = {folder for folder, _ in pictures.values()}
        if not there:
            return Plan({}, {})
        folder = self.folder or ("img" if "img" in there else "img_highres")
        if folder not in there:
            raise ConfigError(f"--pictures {folder}: the download has only {min(there)}.")
        paths_of = {name: path for path, (own, name) in pictures.items() if own == folder}
        names = self._splits(paths_of, lists)
        places = {path: (names[n], n) for n, path in paths_of.items() if n in names}
        return Plan(places, names)

    def _splits(self, names: Iterable[str], lists: Names | None) -> dict[str, Split]:
        item = self.config.item
        if lists is None and self.split == "leak-free":
            return {name: "test" if _drawn(str(item(name))) else "train" for name in names}
        if lists is None:
            raise DataError(
                "train.lst and test.lst are neither in the download nor in --annotations; put the "
                "lists of the published split there, or make a split with `--split leak-free`."
            )
        train = lists["train"]
        if self.split == "leak-free":
            tested = {item(name) for name in lists["test"]}
            train = {name for name in train if item(name) not in tested}
        return {**dict.fromkeys(train, "train"), **dict.fromkeys(lists["test"], "test")}

    def convert(self, path: str, content: bytes) -> bytes:
        """Cut a picture; see the class."""
        picture = fitted(_open(path, content), self.size)
        file = io.BytesIO()
        # From 90 on, what is meant is a faithful picture: colours at full resolution too.
        picture.save(
            file, "JPEG", quality=self.quality, subsampling=0 if self.quality >= 90 else -1
        )
        return file.getvalue()

    def move(self, keypoints: Tensor) -> Tensor:
        """See `Recipe`."""
        scale = self.size[0] / self.published_size[0]
        shift = (self.size[1] - self.published_size[1] * scale) / 2
        moved = keypoints.clone()
        moved[..., :2] = (keypoints[..., :2] + 0.5) * scale - 0.5
        moved[..., 0] += shift
        return torch.where(keypoints[..., 2:] > 0, moved, 0)


def fitted(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scale a picture to the height of `size` (H, W), and cut or fill it (white) to its width."""
    height, width = size
    if picture.height != height:
        wide = max(1, round(picture.width * height / picture.height))
        picture = picture.resize((wide, height), Image.Resampling.LANCZOS)
    left = (picture.width - width) // 2
    if left >= 0:
        return picture.crop((left, 0, left + width, height))
    sheet = Image.new("RGB", (width, height), (255, 255, 255))
    sheet.paste(picture, (-left, 0))
    return sheet


def _open(path: str, content: bytes) -> Image.Image:
    try:
        return load(content)
    except ValueError as error:
        raise DataError(
            f"{path}: cannot be decoded as a picture ({error}); download or unpack the data set "
            "again."
        ) from None


def _drawn(item: str) -> bool:
    """Whether an item is in the test split: as many as are published, 930 of 7,982, by a hash."""
    number = int.from_bytes(hashlib.blake2b(item.encode(), digest_size=8).digest(), "big")
    return number % 7_982 < 930


def market_place(path: str) -> tuple[Split, str] | None:
    """Return the split and the file name of one of Market-1501's own files.

    None for files that the published layout leaves out: distractors, junk, and the queries, which
    are further pictures of the people of the test split.
    """
    match = re.search(r"(?:^|/)bounding_box_(train|test)/((?!-1_|0000_)\d{4}_c\d[^/]*\.jpg)$", path)
    if match is None:
        return None
    return ("train" if match[1] == "train" else "test"), match[2]


def deepfashion_place(path: str) -> tuple[str, str] | None:
    """Return the folder (`img` or `img_highres`) and the published name of an In-shop picture.

    What is not below `img_highres` is taken for `img`, which many instructions tell to rename. None
    for files that are no picture.
    """
    match = re.search(r"(?:^|/)(MEN|WOMEN)/([^/]+)/(id_\d{8})/(\d+)_([^/]+\.jpg)$", path)
    if match is None:
        return None
    gender, category, item, colour, view = match.groups()
    folder = "img_highres" if "img_highres" in path.split("/") else "img"
    name = f"fashion{gender}{category}{item.replace('_', '')}{colour}_{view.replace('_', '')}"
    return folder, name

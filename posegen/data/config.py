"""Options of the data sets, and what the published layouts call their files. Imports no torch.

Names of pictures tell who is in them. Market-1501: `0002_c1s1_000451_03.jpg` is a picture of
identity 0002; -1 and 0000 are distractors and junk, which are no person's.

DeepFashion: the published names are the paths of In-shop Clothes Retrieval without the slashes and
some of the underscores: `MEN/Shirts_Polos/id_00001802/02_4_full.jpg` has become
`fashionMENShirts_Polosid0000180202_4full.jpg`, item 00001802 in colour 02
(github.com/tengteng95/Pose-Transfer, `tool/generate_fashion_datasets.py`). Pairs are of one item in
one colour, that is of one person in one outfit: of names that are equal up to the last underscore
(github.com/AliaksandrSiarohin/pose-gan, `data/split_fasion_dataset.py`, and its issue 1).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from posegen.core.config import Config

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")

#: Networks halve the image twice at least.
Side = Annotated[int, Field(gt=0, multiple_of=4)]

_SIZE = "height and width of the images in pixels, each divisible by 4"


class PublishedConfig(Config):
    """Options of a data set in one of the published layouts.

    Attributes:
        prefix: what the names of the layout's CSV files begin with.
        folder: the folder that holds its images.
        outfit_word, item_word: what `outfit` and `item` are called; the patterns find them in the
            names of pictures.
        published_pairs: how many pairs the published files have, in train and test.
        crop: columns that the publishers cut off either side *after* finding the keypoints, so that
            a joint may lie that far beside the image.
    """

    prefix: ClassVar[str]
    folder: ClassVar[str]
    outfit_word: ClassVar[str]
    outfit_pattern: ClassVar[str]
    item_word: ClassVar[str]
    item_pattern: ClassVar[str]
    published_pairs: ClassVar[dict[str, int]]
    crop: ClassVar[int] = 0

    root: Path = Field(description="the folder that holds the CSV files")
    image_size: tuple[Side, Side] | None = Field(
        default=None, description=f"{_SIZE}; by default those of the first picture"
    )
    cache: Path | None = Field(
        default=None,
        description="a folder for the decoded pictures, one memory-mapped file per split; `auto`: "
        "`packed/` in `root`",
    )
    skip_bad: bool = Field(
        default=False,
        description="leave out bad rows and pictures, and say how many, instead of stopping at the "
        "first; every picture is looked into when the data set is opened",
    )

    @field_validator("root", "cache")
    @classmethod
    def _expand_home(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser()

    @property
    def cache_folder(self) -> Path | None:
        """Where the decoded pictures are kept, or None where they are not."""
        return self.root / "packed" if self.cache == Path("auto") else self.cache

    @classmethod
    def outfit(cls, name: str) -> str | None:
        """Return what pictures must share to be paired: one person in one outfit.

        None where a picture's name does not tell.
        """
        match = re.match(cls.outfit_pattern, name)
        return match[1] if match else None

    @classmethod
    def item(cls, name: str) -> str | None:
        """Return what should not be in both splits: by default the outfit."""
        match = re.match(cls.item_pattern, name)
        return match[1] if match else cls.outfit(name)

    def annotations(self, split: Split) -> Path:
        """Return the CSV file of the keypoints."""
        return self.root / f"{self.prefix}-annotation-{split}.csv"

    def pairs(self, split: Split) -> Path:
        """Return the CSV file of the pairs."""
        return self.root / f"{self.prefix}-pairs-{split}.csv"

    def image_folders(self, split: Split) -> tuple[Path, Path]:
        """Return where the images may be: below `folder`, or where `root` is that folder itself."""
        return self.root / self.folder / split, self.root / split


class Market1501Config(PublishedConfig):
    """Options of the `market1501` data set."""

    prefix = "market"
    folder = "market_data"
    outfit_word = item_word = "person"
    outfit_pattern = item_pattern = r"(?!-1_|0000_)([^_]+)_"
    published_pairs: ClassVar[dict[str, int]] = {"train": 263_632, "test": 12_000}


class DeepFashionConfig(PublishedConfig):
    """Options of the `deepfashion` data set."""

    prefix = "fasion-resize"  # spelled so by its publishers
    folder = "fashion_data"
    outfit_word, item_word = "item and colour", "item"
    outfit_pattern = r"(.+)_"
    item_pattern = r"fashion(?:MEN|WOMEN).*id(\d{8})\d+_"
    published_pairs: ClassVar[dict[str, int]] = {"train": 101_966, "test": 8_570}
    crop = 40

"""Options of the data sets, and where the published layouts keep their files. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from posegen.core.config import Config
from posegen.data.names import DEEPFASHION, MARKET, Naming

Split = Literal["train", "test"]

#: Networks halve the image twice at least.
Side = Annotated[int, Field(gt=0, multiple_of=4)]

_SIZE = "height and width of the images in pixels, each divisible by 4"


class PeopleConfig(Config):
    """Options of the `people` data set."""

    image_size: tuple[Side, Side] = Field(default=(64, 32), description=_SIZE)
    identities: int = Field(default=2000, ge=1, le=1_000_000, description="people to train on")
    pictures: int = Field(default=8, ge=2, le=100, description="pictures of each person")
    test_identities: int = Field(
        default=100, ge=1, le=1_000_000, description="people to test on, none of them in training"
    )
    seed: int = Field(default=0, ge=0, description="another seed gives other people")
    cache_mib: int = Field(
        default=512,
        ge=0,
        description="MiB of rendered pictures that each loading process keeps in memory",
    )


class PublishedConfig(Config):
    """Options of a data set in one of the published layouts.

    Attributes:
        prefix: what the names of the layout's CSV files begin with.
        folder: the folder that holds its images.
        naming: what the names of the images tell.
        published_pairs: how many pairs the published files have, in train and test.
        crop: columns that the publishers cut off either side *after* finding the keypoints, so that
            a joint may lie that far beside the image.
    """

    prefix: ClassVar[str]
    folder: ClassVar[str]
    naming: ClassVar[Naming]
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
    naming = MARKET
    published_pairs: ClassVar[dict[str, int]] = {"train": 263_632, "test": 12_000}


class DeepFashionConfig(PublishedConfig):
    """Options of the `deepfashion` data set."""

    prefix = "fasion-resize"  # spelled so by its publishers
    folder = "fashion_data"
    naming = DEEPFASHION
    published_pairs: ClassVar[dict[str, int]] = {"train": 101_966, "test": 8_570}
    crop = 40

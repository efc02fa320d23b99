"""Writes any pair data set as a folder in one of the published layouts."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Literal

from torch import Tensor

from posegen.core.batches import Pair
from posegen.core.contracts import PairDataset
from posegen.core.errors import ConfigError, DataError
from posegen.data.config import DeepFashionConfig, Market1501Config, PublishedConfig, Split
from posegen.data.pictures import ImageFormat, save_picture
from posegen.data.tables import ANNOTATION_HEADER, PAIR_HEADER
from posegen.poses.formats.published import annotation_row
from posegen.poses.layouts import OPENPOSE18

Layout = Literal["market1501", "deepfashion"]
Progress = Callable[[int, int], None]

_CONFIGS: Mapping[Layout, type[Market1501Config] | type[DeepFashionConfig]] = {
    "market1501": Market1501Config,
    "deepfashion": DeepFashionConfig,
}
_CHUNK = 64  # pairs fetched at a time: enough for a data set that renders in batches


def export_published(
    datasets: Mapping[Split, PairDataset],
    out: Path,
    layout: Layout = "market1501",
    image_format: ImageFormat = "jpg",
    limit: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Write data sets as a folder that the data set named `layout` opens.

    Each distinct image is written once. Keypoints are rounded to whole pixels; a joint that is
    missing, or outside the image after rounding, becomes -1, and masks are left out. The folder
    appears under its name only when it is complete.

    Args:
        datasets: the data set of each split, with `openpose18` keypoints.
        out: the new folder; an existing one must be empty.
        layout: the layout to write.
        image_format: "jpg" (quality 95, 4:4:4) or "png" (exact).
        limit: how many pairs of each split to write, from the first on; None for all.
        progress: called with (pairs written, pairs to write) over all splits.

    Raises:
        ConfigError: where `out` is not empty, or the keypoints have another layout.
        DataError: where two images would have the same file name.
    """
    _check(datasets, out)
    out = out.absolute()  # `.` has no sibling
    partial = out.with_name(f"{out.name}.partial-{os.getpid()}")
    config = _CONFIGS[layout](root=partial)
    counts = {
        split: len(dataset) if limit is None else min(limit, len(dataset))
        for split, dataset in datasets.items()
    }
    done = 0
    partial.mkdir(parents=True)
    try:
        for split, dataset in datasets.items():
            with closing(_SplitWriter(config, split, image_format)) as writer:
                for pairs in _chunks(dataset, counts[split]):
                    for pair in pairs:
                        writer.add(pair)
                    done += len(pairs)
                    if progress is not None:
                        progress(done, sum(counts.values()))
        if out.exists():
            out.rmdir()
        partial.rename(out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


class _SplitWriter:
    """Writes the files of one split, pair by pair."""

    def __init__(self, config: PublishedConfig, split: Split, image_format: ImageFormat) -> None:
        self._format = image_format
        self._folder = config.image_folders(split)[0]
        self._folder.mkdir(parents=True)
        self._names: dict[str, str] = {}  # file name -> the data set's name
        self._annotations = config.annotations(split).open("w", encoding="utf-8", newline="\n")
        self._pairs = config.pairs(split).open("w", encoding="utf-8", newline="\n")
        self._annotations.write(f"{ANNOTATION_HEADER}\n")
        self._pairs.write(f"{PAIR_HEADER}\n")

    def add(self, pair: Pair) -> None:
        source = self._image(pair.source_name, pair.source, pair.source_keypoints)
        target = self._image(pair.target_name, pair.target, pair.target_keypoints)
        self._pairs.write(f"{source},{target}\n")

    def close(self) -> None:
        self._annotations.close()
        self._pairs.close()

    def _image(self, name: str, image: Tensor, keypoints: Tensor) -> str:
        """Write an image and its keypoints unless that is done already; return its file name."""
        # The file name must neither leave the folder nor hold what separates fields.
        file_name = re.sub(r"[^\w.-]", "_", os.path.splitext(name)[0]) + f".{self._format}"
        if file_name not in self._names:
            self._names[file_name] = name
            save_picture(self._folder / file_name, image, self._format)
            row = annotation_row(file_name, keypoints, (image.shape[-2], image.shape[-1]))
            self._annotations.write(f"{row}\n")
        elif self._names[file_name] != name:
            raise DataError(
                f"{file_name}: images {self._names[file_name]!r} and {name!r} would both have this "
                "file name; rename one of them."
            )
        return file_name


def _check(datasets: Mapping[Split, PairDataset], out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out}: exists and is not an empty folder; give the name of a new one.")
    for split, dataset in datasets.items():
        if dataset.layout != OPENPOSE18.name:
            raise ConfigError(
                f"the {split} split has keypoints of layout {dataset.layout!r}, and the published "
                f"layouts hold {OPENPOSE18.name!r}; choose a data set that has these."
            )


def _chunks(dataset: PairDataset, count: int) -> Iterator[list[Pair]]:
    for start in range(0, count, _CHUNK):
        yield dataset.__getitems__(list(range(start, min(start + _CHUNK, count))))

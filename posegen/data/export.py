"""Writes any pair data set as a folder in one of the published layouts."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from torch import Tensor

from posegen.core.contracts import PairDataset
from posegen.core.errors import ConfigError, DataError
from posegen.core.skeletons import OPENPOSE18
from posegen.data.config import DeepFashionConfig, Market1501Config, Split
from posegen.data.files import new_data, put_lines
from posegen.data.image_files import ImageFormat, save_picture
from posegen.data.tables import PAIR_HEADER
from posegen.poses.formats.published import ANNOTATION_HEADER, annotation_row

Layout = Literal["market1501", "deepfashion"]
Progress = Callable[[int, int], None]

_CONFIGS = {"market1501": Market1501Config, "deepfashion": DeepFashionConfig}
_WRITTEN = ("source", "target", "source_keypoints", "target_keypoints")
_CHUNK = 64  # pairs fetched at a time: enough for a data set that renders in batches


def export_published(
    datasets: Mapping[Split, PairDataset],
    out: Path,
    layout: Layout = "market1501",
    image_format: ImageFormat = "jpg",
    limit: int | None = None,
    progress: Progress = lambda done, total: None,
) -> list[str]:
    """Write data sets as a folder that the data set named `layout` opens.

    Each distinct image is written once. Keypoints are rounded to whole pixels; a joint that is
    missing, or outside the image after rounding, becomes -1. The folder appears under its name only
    when it is complete.

    Args:
        datasets: the data set of each split, with `openpose18` keypoints.
        out: the new folder; an existing one must be empty.
        layout: the layout to write.
        image_format: "jpg" (quality 95, 4:4:4) or "png" (exact).
        limit: how many pairs of each split to write, from the first on; None for all.
        progress: called with (pairs written, pairs to write) over all splits.

    Returns:
        The fields of the pairs that the layout has no place for, by name: masks, and what the data
        set declares.

    Raises:
        ConfigError: where `out` is not empty, or the keypoints have another skeleton.
        DataError: where two images would have the same file name.
    """
    for split, dataset in datasets.items():
        if dataset.skeleton != OPENPOSE18.name:
            raise ConfigError(
                f"the {split} split has keypoints of the skeleton {dataset.skeleton!r}, and the "
                f"published layouts hold {OPENPOSE18.name!r}; choose a data set that has these."
            )
    counts = {split: min(limit or len(d), len(d)) for split, d in datasets.items()}
    done = 0
    fields: dict[str, None] = {}
    with new_data(out) as folder:
        config = _CONFIGS[layout](root=folder)
        for split, dataset in datasets.items():
            images = _Images(config.image_folders(split)[0], image_format)
            pairs = []
            for start in range(0, counts[split], _CHUNK):
                places = range(start, min(start + _CHUNK, counts[split]))
                for pair in dataset.__getitems__(list(places)):
                    source = images.write(pair.source_name, pair.source, pair.source_keypoints)
                    target = images.write(pair.target_name, pair.target, pair.target_keypoints)
                    pairs.append(f"{source},{target}")
                    fields.update(dict.fromkeys(pair.tensors()))
                done += len(places)
                progress(done, sum(counts.values()))
            put_lines(config.annotations(split), [ANNOTATION_HEADER, *images.rows])
            put_lines(config.pairs(split), [PAIR_HEADER, *pairs])
    return [name for name in fields if name not in _WRITTEN]


class _Images:
    """Writes the images of a split, each once, and keeps their rows of keypoints."""

    def __init__(self, folder: Path, image_format: ImageFormat) -> None:
        folder.mkdir(parents=True)
        self._folder, self._format = folder, image_format
        self._names: dict[str, str] = {}  # file name -> the data set's name
        self.rows: list[str] = []

    def write(self, name: str, image: Tensor, keypoints: Tensor) -> str:
        """Write an image unless that is done already; return its file name."""
        # The file name must neither leave the folder nor hold what separates fields.
        file_name = re.sub(r"[^\w.-]", "_", os.path.splitext(name)[0]) + f".{self._format}"
        if file_name not in self._names:
            self._names[file_name] = name
            save_picture(self._folder / file_name, image, self._format)
            size = (image.shape[-2], image.shape[-1])
            self.rows.append(annotation_row(file_name, keypoints, size))
        elif self._names[file_name] != name:
            raise DataError(
                f"{file_name}: images {self._names[file_name]!r} and {name!r} would both have this "
                "file name; rename one of them."
            )
        return file_name

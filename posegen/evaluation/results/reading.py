"""Folders of results: opened, matched with targets, checked, and read pair by pair.

What names and headers can tell is checked when a folder is opened: what has no partner is listed,
what cannot be scored is an error. Pictures are decoded when they are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from posegen.core.batches import Batch
from posegen.core.errors import ConfigError, DataError
from posegen.evaluation.results.decoding import one_size, read_picture
from posegen.evaluation.results.files import PictureFolder
from posegen.evaluation.results.keypoints import keypoints_of
from posegen.evaluation.results.layouts import Layout, find_layout
from posegen.evaluation.results.matching import (
    ResultFile,
    Unmatched,
    as_listed,
    parse_folder,
    with_sources,
    with_targets,
    without_result,
)


class ResultItem(NamedTuple):
    """One pair of a folder of results.

    Attributes:
        generated, target: (3, H, W) uint8 RGB, of the sizes that the folder says.
        source: (3, H', W') uint8 RGB, or None where the folder comes without sources.
        target_keypoints: (18, 3) float32 as in `posegen.core.Pair`, in pixels of `target`, or None.
        source_name, target_name: as the file is named; `source_name` is "" where it says none.
    """

    generated: Tensor
    target: Tensor
    source: Tensor | None
    target_keypoints: Tensor | None
    source_name: str
    target_name: str


def stack(items: Sequence[ResultItem]) -> Batch:
    """Stack pairs; what they do not have is not in the batch."""
    columns = dict(zip(ResultItem._fields, zip(*items, strict=True), strict=True))
    sources, targets = columns.pop("source_name"), columns.pop("target_name")
    tensors = {name: torch.stack(v) for name, v in columns.items() if v[0] is not None}
    return Batch(tensors, source_names=sources, target_names=targets)


class ResultsFolder(Dataset[ResultItem]):
    """The pictures of a folder that have a target, in order; made by `open_results`.

    The order is natural by file name (2 before 10), or that of the CSV file of pairs.

    Attributes:
        unmatched: what is left out and why; also targets and pairs without a result.
        generated_size, target_size: (H, W) of all pictures of a kind, in pixels.
        has_sources: whether items have a source picture.
    """

    def __init__(
        self,
        folder: Path,
        layout: Layout,
        files: Sequence[ResultFile],
        unmatched: Sequence[Unmatched],
        targets: Path | None,
        sources: Path | None,
        annotations: Path | None,
    ) -> None:
        self.folder, self.layout = folder, layout
        self.unmatched = list(unmatched)
        self.has_sources = sources is not None or layout.panels is not None
        self._files, self._targets, self._sources = list(files), targets, sources
        self._file_size = one_size(folder / file.name for file in files)
        self.generated_size = self.target_size = self._file_size
        if layout.panels is not None:
            self.generated_size = self.target_size = self._panel_size(layout.panels.count)
        if targets is not None:
            self.target_size = one_size(targets / name for name in self._used("target"))
        self._source_size = self.target_size
        if sources is not None:
            self._source_size = one_size(sources / name for name in self._used("source"))
        self._keypoints: Tensor | None = None
        if annotations is not None:
            names = [file.target_name for file in files]
            self._keypoints = keypoints_of(names, annotations, self.target_size)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> ResultItem:
        """Read pair `index`.

        Raises:
            DataError: for a picture that cannot be decoded.
        """
        file = self._files[index]
        picture = read_picture(self.folder / file.name, self._file_size)
        generated, target, source = picture, None, None
        if (panels := self.layout.panels) is not None:
            parts = picture.chunk(panels.count, dim=2)
            generated, target, source = (
                parts[place].contiguous()
                for place in (panels.generated, panels.target, panels.source)
            )
        if self._targets is not None:
            target = read_picture(self._targets / file.target, self.target_size)
        if self._sources is not None:
            source = read_picture(self._sources / file.source, self._source_size)
        assert target is not None
        keypoints = None if self._keypoints is None else self._keypoints[index]
        return ResultItem(generated, target, source, keypoints, file.source_name, file.target_name)

    def _panel_size(self, count: int) -> tuple[int, int]:
        height, width = self._file_size
        if width % count:
            raise DataError(
                f"{self.folder / self._files[0].name}: is {height}×{width} (height×width), and "
                f"layout {self.layout.name} has {count} pictures of one width side by side; give "
                "another --layout."
            )
        return height, width // count

    def _used(self, kind: str) -> list[str]:
        return list(dict.fromkeys(getattr(file, kind) for file in self._files))


def open_results(
    folder: Path,
    layout: str,
    targets: Path | None = None,
    sources: Path | None = None,
    annotations: Path | None = None,
    pairs: Path | None = None,
) -> ResultsFolder:
    """Open a folder of results.

    Args:
        folder: the generated pictures; folders inside it are not looked at.
        layout: one of `LAYOUTS`, or a regular expression; see `find_layout`.
        targets: the folder of the real images; needed unless the layout's files hold them.
        sources: the folder of the source images, found by the names in the results' names, or for
            layouts without them by the targets' names.
        annotations: the published CSV file of the targets' keypoints
            (`name:keypoints_y:keypoints_x`), in pixels of the targets.
        pairs: the published CSV file of the pairs that should be there (`from,to`). Others are
            left out.

    Raises:
        ConfigError: for an unknown layout, or folders that do not go with it.
        DataError: for a folder, file or picture that cannot be used; where no result has a target;
            for a source or a row of keypoints that is missing.
    """
    kind = find_layout(layout)
    _check_options(kind, layout, targets, sources, pairs)
    files, unmatched = parse_folder(folder, kind)
    given = None if sources is None else PictureFolder(sources, "--sources")
    if pairs is not None:
        files, missing = as_listed(files, pairs)
        unmatched += missing
    if targets is not None:
        pictures = PictureFolder(targets, "--targets")
        files, missing = with_targets(files, pictures, kind, given)
        unmatched += missing
        if pairs is None:  # else the pairs say what should be there
            unmatched += without_result(files, pictures)
    if not files:
        raise DataError(
            f"--results {folder}: nothing in it can be scored. The first reason of "
            f"{len(unmatched)}: {unmatched[0].file}: {unmatched[0].reason}."
        )
    if given is not None:
        files = with_sources(files, given)
    return ResultsFolder(folder, kind, files, unmatched, targets, sources, annotations)


def _check_options(
    kind: Layout, layout: str, targets: Path | None, sources: Path | None, pairs: Path | None
) -> None:
    if kind.panels is None and targets is None:
        raise ConfigError(
            f"--layout {layout}: the files hold no target pictures; give their folder with "
            "--targets."
        )
    for option, given in (("--targets", targets), ("--sources", sources)):
        if given is not None and kind.panels is not None:
            raise ConfigError(
                f"{option}: the files of layout {layout} hold these pictures; leave it out."
            )
    if pairs is not None and not kind.names_source:
        raise ConfigError(
            f"--pairs: the names of layout {layout} do not say their source; leave it out."
        )

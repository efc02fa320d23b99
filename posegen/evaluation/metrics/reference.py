"""Reference images of scores of distributions, and what was computed from them once.

A training split has tens of thousands of images, and its features under a network never change. So
they are kept in the folder `features` of posegen's cache, beside the pulled weights, in files whose
names are digests of all that the numbers depend on. Deleting the folder only costs time.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from posegen.core.contracts import PairDataset
from posegen.core.errors import DataError
from posegen.core.metrics import ReferenceImages
from posegen.data.image_files import in_threads, read_whole
from posegen.weights.cache import cache_folder
from posegen.weights.files import write_tensors

#: Goes up when the code computes other numbers from the same images.
VERSION = 1
#: Endings of the files in a folder that are pictures.
ENDINGS = (".jpg", ".jpeg", ".png")

_CPU = torch.device("cpu")
_log = logging.getLogger(__name__)


class RealImages(ReferenceImages):
    """Real images that are prepared one by one; see `folder_images` and `dataset_images`.

    Args:
        images: gives names, for messages, and images (3, H, W) uint8.
        contents: gives names and contents, for the digest.
        prepare: (1, 3, H, W) uint8 on the CPU -> (1, 3, H', W'), for each picture; None leaves them
            as they are. It must bring them to one size where they have several.
        preparation: what tells apart two preparations, for the digest.
        device: where the batches come.
        batch_size: pictures per batch.
    """

    def __init__(
        self,
        images: Callable[[], Iterator[tuple[str, Tensor]]],
        contents: Callable[[], Iterator[tuple[str, bytes]]],
        prepare: Callable[[Tensor], Tensor] | None = None,
        preparation: str = "",
        device: torch.device = _CPU,
        batch_size: int = 32,
    ) -> None:
        self._images, self._contents = images, contents
        self._prepare, self._preparation = prepare, preparation
        self._device, self._batch_size = device, batch_size

    @cached_property
    def digest(self) -> str:  # type: ignore[override]
        """sha256 of names, contents and preparation. Reads everything."""
        whole = hashlib.sha256(hashlib.sha256(self._preparation.encode()).digest())
        for name, content in self._contents():
            # Digests of the parts, which are of one length: names and contents cannot be confused.
            whole.update(hashlib.sha256(name.encode()).digest())
            whole.update(hashlib.sha256(content).digest())
        return whole.hexdigest()

    def __iter__(self) -> Iterator[Tensor]:
        """Yield batches.

        Raises:
            DataError: for an image that cannot be decoded or prepared, or has another size than the
                first; what the data set raises.
        """
        waiting: list[Tensor] = []
        size: torch.Size | None = None
        for name, image in self._images():
            try:
                prepared = image[None] if self._prepare is None else self._prepare(image[None])
            except DataError as error:
                raise DataError(f"{name}: {error}") from error
            size = size or prepared.shape
            if prepared.shape != size:
                shown = ["×".join(str(n) for n in shape[-2:]) for shape in (prepared.shape, size)]
                raise DataError(
                    f"{name}: the reference image is {shown[0]} (height×width) and the first one "
                    f"{shown[1]}; give images of one size, or a protocol that resizes them."
                )
            waiting.append(prepared)
            if len(waiting) == self._batch_size:
                yield torch.cat(waiting).to(self._device)
                waiting = []
        if waiting:
            yield torch.cat(waiting).to(self._device)


def folder_images(folder: Path, **options: Any) -> RealImages:
    """Return the JPEG and PNG files of a folder, in the order of their names; none below it.

    Raises:
        DataError: for a folder that is not there or holds no picture.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give one that holds the real images.")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    if not paths:
        raise DataError(f"{folder}: holds no picture ({', '.join(ENDINGS)}).")
    return RealImages(
        lambda: zip(map(str, paths), in_threads(_decoded, paths), strict=True),
        lambda: ((path.name, path.read_bytes()) for path in paths),
        **options,
    )


def dataset_images(dataset: PairDataset, **options: Any) -> RealImages:
    """Return the images of a data set's split, each once, as `PairDataset.images` gives them."""

    def contents() -> Iterator[tuple[str, bytes]]:
        for name, image in dataset.images():
            yield f"{name} {tuple(image.shape)}", image.contiguous().numpy().tobytes()

    return RealImages(dataset.images, contents, **options)


def _decoded(path: Path) -> Tensor:
    return read_whole(
        path, "put an intact JPEG or PNG file there, or take it out of the reference images."
    )


class Kept:
    """What was computed from reference images with a network, in files.

    Args:
        reference: the digest of the images.
        network: what tells the network, its weights and its input from others.
    """

    def __init__(self, reference: str, network: tuple[Hashable, ...]) -> None:
        self.key = {"reference": reference, "network": list(network), "version": VERSION}

    def read(self, kind: str, **options: Any) -> Tensor | None:
        """Return a tensor that was written, or None where there is none or it is damaged."""
        path, _ = self._file(kind, options)
        try:
            return load_file(path)[kind] if path.is_file() else None
        except (SafetensorError, OSError, KeyError) as error:
            _log.warning("%s: damaged (%s); it is computed again.", path, error)
            return None

    def write(self, kind: str, tensor: Tensor, **options: Any) -> None:
        """Keep a tensor; where the folder cannot be written, it is computed again next time."""
        path, key = self._file(kind, options)
        try:
            write_tensors(path, {kind: tensor}, key)
        except (SafetensorError, OSError) as error:
            _log.warning("%s: cannot be written (%s); features are not kept.", path, error)

    def _file(self, kind: str, options: Mapping[str, Any]) -> tuple[Path, dict[str, Any]]:
        key = {**self.key, "kind": kind, **options}
        name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return cache_folder().parent / "features" / f"{kind}-{name}.safetensors", key


def without_tail(parts: Iterator[Tensor], multiple: int) -> Iterator[Tensor]:
    """Yield the rows of tensors, but not those beyond the last whole multiple of so many.

    A program that works through whole batches only never sees them. A multiple of 0 or 1 leaves
    none out.
    """
    left: Tensor | None = None
    for part in parts:
        rows = part if left is None else torch.cat([left, part])
        whole = len(rows) - len(rows) % max(multiple, 1)
        if whole:
            yield rows[:whole]
        left = rows[whole:]

"""Reference images of scores of distributions, and what was computed from them once.

A training split has tens of thousands of images, and its features under a network never change. So
they are kept in the folder `features` of posegen's cache, beside the pulled weights, in files whose
names are digests of all that the numbers depend on. Deleting the folder only costs time.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from posegen.core.contracts import PairDataset
from posegen.core.errors import DataError
from posegen.core.metrics import ReferenceImages
from posegen.data.pictures import decode
from posegen.weights.cache import cache_folder
from posegen.weights.files import write_tensors

#: Goes up when the code computes other numbers from the same images.
VERSION = 1
#: Endings of the files in a folder that are pictures.
ENDINGS = (".jpg", ".jpeg", ".png")

Prepare = Callable[[Tensor], Tensor]

_CPU = torch.device("cpu")
_log = logging.getLogger(__name__)


class FolderImages(ReferenceImages):
    """The pictures of a folder, in the order of their names; not those of folders in it.

    Args:
        folder: holds JPEG and PNG files.
        prepare: (1, 3, H, W) uint8 on the CPU -> (1, 3, H', W'), for each picture; None leaves them
            as they are. It must bring them to one size where they have several.
        preparation: what tells apart two preparations, for the digest.
        device: where the batches come.
        batch_size: pictures per batch.
        workers: processes that decode; 0 decodes in this one.

    Raises:
        DataError: for a folder that is not there or holds no picture; while iterating, for a
            picture that cannot be decoded or has another size than the first.
    """

    def __init__(
        self,
        folder: Path,
        *,
        prepare: Prepare | None = None,
        preparation: str = "",
        device: torch.device = _CPU,
        batch_size: int = 32,
        workers: int = 0,
    ) -> None:
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder; give one that holds the real images.")
        self.paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
        if not self.paths:
            raise DataError(f"{folder}: holds no picture ({', '.join(ENDINGS)}).")
        self._files = _Files(self.paths, prepare)
        self._preparation, self._device = preparation, device
        self._batch_size, self._workers = batch_size, min(workers, len(self.paths))

    @cached_property
    def digest(self) -> str:  # type: ignore[override]
        """sha256 of names, files and preparation."""
        contents = ((path.name, path.read_bytes()) for path in self.paths)
        return _digest(self._preparation, contents)

    def __iter__(self) -> Iterator[Tensor]:
        """Yield batches; see the class."""
        loader = DataLoader(
            self._files,
            batch_size=self._batch_size,
            num_workers=self._workers,
            collate_fn=list,
            generator=torch.Generator(),  # a loader draws a seed, else from the global state
        )
        images = zip((str(path) for path in self.paths), _flat(loader), strict=True)
        return _batches(images, self._batch_size, self._device)


class DatasetImages(ReferenceImages):
    """The images of a data set's split, each once, as `PairDataset.images` gives them.

    Args:
        dataset: the split.
        prepare, preparation, device, batch_size: as in `FolderImages`.

    Raises:
        DataError: while iterating, what the data set raises, and for images that the preparation
            does not bring to one size.
    """

    def __init__(
        self,
        dataset: PairDataset,
        *,
        prepare: Prepare | None = None,
        preparation: str = "",
        device: torch.device = _CPU,
        batch_size: int = 32,
    ) -> None:
        self._dataset, self._prepare = dataset, prepare
        self._preparation, self._device, self._batch_size = preparation, device, batch_size

    @cached_property
    def digest(self) -> str:  # type: ignore[override]
        """sha256 of names, pixels and preparation. Reads the whole split."""
        contents = (
            (f"{name} {tuple(image.shape)}", image.contiguous().numpy().tobytes())
            for name, image in self._dataset.images()
        )
        return _digest(self._preparation, contents)

    def __iter__(self) -> Iterator[Tensor]:
        """Yield batches; see the class."""
        images = ((n, _prepared(n, i, self._prepare)) for n, i in self._dataset.images())
        return _batches(images, self._batch_size, self._device)


@dataclass(frozen=True)
class Kept:
    """What was computed from reference images with a network, in files.

    Attributes:
        reference: the digest of the images.
        network: what tells the network, its weights and its input from others.
    """

    reference: str
    network: tuple[Hashable, ...]

    def read(self, kind: str, **options: Any) -> dict[str, Tensor] | None:
        """Return tensors that were written, or None where there are none or they are damaged."""
        path = self._path(kind, options)
        if not path.is_file():
            return None
        try:
            return dict(load_file(path))
        except (SafetensorError, OSError) as error:
            _log.warning("%s: damaged (%s); it is computed again.", path, error)
            return None

    def write(self, kind: str, tensors: dict[str, Tensor], **options: Any) -> None:
        """Keep tensors; where the folder cannot be written, they are computed again next time."""
        path = self._path(kind, options)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_tensors(path, tensors, self._key(kind, options))
        except (SafetensorError, OSError) as error:
            _log.warning("%s: cannot be written (%s); features are not kept.", path, error)

    def _path(self, kind: str, options: dict[str, Any]) -> Path:
        key = json.dumps(self._key(kind, options), sort_keys=True)
        return _folder() / f"{kind}-{hashlib.sha256(key.encode()).hexdigest()}.safetensors"

    def _key(self, kind: str, options: dict[str, Any]) -> dict[str, Any]:
        whose = {"reference": self.reference, "network": list(self.network)}
        return {**whose, "kind": kind, **options, "version": VERSION}


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


class _Files(Dataset[Tensor | DataError]):
    """Pictures as (1, 3, H, W), prepared.

    An error is an element like any other: torch would make several lines of one that is raised in
    a loading process.
    """

    def __init__(self, paths: Sequence[Path], prepare: Prepare | None) -> None:
        self._paths, self._prepare = paths, prepare

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Tensor | DataError:
        path = self._paths[index]
        try:
            return _prepared(str(path), decode(path.read_bytes()), self._prepare)
        except DataError as error:
            return error
        except (ValueError, OSError):
            return DataError(
                f"{path}: cannot be decoded as a picture; put an intact JPEG or PNG file there, "
                "or take it out of the reference images."
            )


def _prepared(name: str, image: Tensor, prepare: Prepare | None) -> Tensor:
    """Return an image (3, H, W) as a batch of one."""
    try:
        return image[None] if prepare is None else prepare(image[None])
    except DataError as error:
        raise DataError(f"{name}: {error}") from error


def _flat(loader: DataLoader[Any]) -> Iterator[Tensor]:
    for images in loader:
        for image in images:
            if isinstance(image, DataError):
                raise image
            yield image


def _batches(
    images: Iterator[tuple[str, Tensor]], batch_size: int, device: torch.device
) -> Iterator[Tensor]:
    """Join images (1, 3, H, W) of one size to batches."""
    waiting: list[Tensor] = []
    size: torch.Size | None = None
    for name, image in images:
        size = size or image.shape
        if image.shape != size:
            shown = ["×".join(str(n) for n in shape[-2:]) for shape in (image.shape, size)]
            raise DataError(
                f"{name}: the reference image is {shown[0]} (height×width) and the first one "
                f"{shown[1]}; give images of one size, or a protocol that resizes them."
            )
        waiting.append(image)
        if len(waiting) == batch_size:
            yield torch.cat(waiting).to(device)
            waiting = []
    if waiting:
        yield torch.cat(waiting).to(device)


def _digest(preparation: str, contents: Iterator[tuple[str, bytes]]) -> str:
    whole = hashlib.sha256(hashlib.sha256(preparation.encode()).digest())
    for name, content in contents:
        # Digests of the parts, which are of one length: names and contents cannot be confused.
        whole.update(hashlib.sha256(name.encode()).digest())
        whole.update(hashlib.sha256(content).digest())
    return whole.hexdigest()


def _folder() -> Path:
    return cache_folder().parent / "features"

"""The pictures of an evaluation as files: an interrupted one goes on where it stopped.

A folder of saved pictures is also a folder of results in the layout `pairs`, which anybody can
score again. What made the pictures is in a record beside them, and what a picture was made for, its
own pair, as a digest in its file: neither another model, seed or precision nor data that has
changed in its place is taken for the same.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from posegen.core.batches import Batch
from posegen.core.errors import DataError
from posegen.core.files import open_regular
from posegen.core.writing import write_atomically, write_json
from posegen.data.pictures import opened
from posegen.evaluation.results.files import RECORD, stem

#: The key of a picture's text that has the digest of its pair.
_PAIR = "posegen-pair"


class SavedImages:
    """Generated pictures in a folder, `{source}___{target}.png`.

    Args:
        folder: made where it is not there.
        made_by: what decides the pictures beside the pairs, in plain values: the model's
            fingerprint, the seed, the data.
        to_8bit: float images in [-1, 1] -> uint8.

    Raises:
        DataError: where the folder holds pictures that were made by something else.
    """

    def __init__(
        self, folder: Path, made_by: Mapping[str, Any], to_8bit: Callable[[Tensor], Tensor]
    ) -> None:
        self.folder, self.to_8bit = folder, to_8bit
        record, now = folder / RECORD, json.loads(json.dumps(made_by))
        files = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        # A killed process leaves a record without pictures, or a hidden temporary file.
        if not {name for name in files if not name.startswith(".")} - {RECORD}:
            folder.mkdir(parents=True, exist_ok=True)
            write_json(record, now)
            return
        try:
            before = dict(json.loads(record.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise DataError(
                f"{record}: cannot be read ({error}), so what the files there were made by is not "
                "known; give an empty or new folder with --save."
            ) from None
        changed = [key for key in sorted({*before, *now}) if before.get(key) != now.get(key)]
        if changed:
            raise DataError(
                f"{record}: the pictures there were made with another {' and '.join(changed)}; "
                "give another folder with --save, or delete this one."
            )

    def path(self, source: str, target: str) -> Path:
        """Return the file of a pair."""
        return self.folder / f"{_flat(source)}___{_flat(target)}.png"

    def read(self, batch: Batch) -> Tensor | None:
        """Return the pictures of pairs, or None where one is missing or of a pair that has changed.

        Args:
            batch: the pairs, as they were collated.

        Returns:
            (B, 3, H, W) uint8 on the CPU.

        Raises:
            DataError: for a picture that cannot be read.
        """
        images = []
        for path, pair in self._files(batch):
            if not path.is_file():
                return None
            try:
                with open_regular(path) as file, opened(file) as picture:
                    if picture.info.get(_PAIR) != pair:
                        return None
                    images.append(torch.from_numpy(np.array(picture)).permute(2, 0, 1))
            except (ValueError, OSError) as error:
                raise DataError(
                    f"{path}: cannot be decoded; delete it, and it is made again."
                ) from error
        return torch.stack(images)

    def write(self, batch: Batch, images: Tensor) -> Tensor:
        """Write pictures, each at once or not at all, and return them as they were written.

        Args:
            batch: the pairs, as they were collated.
            images: (B, 3, H, W) float in [-1, 1].
        """
        finished = self.to_8bit(images)
        pixels = finished.permute(0, 2, 3, 1).cpu().numpy()
        for (path, pair), image in zip(self._files(batch), pixels, strict=True):
            about, file = PngInfo(), io.BytesIO()
            about.add_text(_PAIR, pair)
            Image.fromarray(image).save(file, format="PNG", pnginfo=about)
            write_atomically(path, file.getvalue())
        return finished

    def _files(self, batch: Batch) -> list[tuple[Path, str]]:
        """Return the file of each pair, and the sha256 of all that the pair holds."""
        digests = [hashlib.sha256() for _ in range(len(batch))]
        for name, value in sorted(batch.tensors.items()):
            for digest, one in zip(digests, value.cpu().numpy(), strict=True):
                digest.update(f"{name} {one.dtype} {one.shape} ".encode())
                digest.update(np.ascontiguousarray(one).tobytes())
        pairs = zip(batch.source_names, batch.target_names, digests, strict=True)
        return [(self.path(source, target), digest.hexdigest()) for source, target, digest in pairs]


def _flat(name: str) -> str:
    """`fashion/WOMEN/1_front.jpg` -> `fashion_WOMEN_1_front`: one flat folder holds all."""
    return str(PurePosixPath(stem(name))).replace("/", "_")

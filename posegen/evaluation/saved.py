"""The pictures of an evaluation as files: an interrupted one goes on where it stopped.

A folder of saved pictures is also a folder of results in the layout `pairs`, which anybody can
score again.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from posegen.core.errors import DataError
from posegen.data.pictures import decode
from posegen.weights.files import write_atomically, write_json

#: What the folder's pictures were made from, beside them.
MADE_FROM = "made-from.json"

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


class SavedImages:
    """Generated pictures in a folder, `{source}___{target}.png`.

    Args:
        folder: made where it is not there.
        made_from: what decides the pictures, in plain values: the model's weights, the data.
        to_8bit: float images in [-1, 1] -> uint8.

    Raises:
        DataError: where the folder holds pictures that were made from something else.
    """

    def __init__(
        self,
        folder: Path,
        made_from: Mapping[str, Any],
        to_8bit: Callable[[Tensor], Tensor],
    ) -> None:
        self.folder, self.to_8bit = folder, to_8bit
        record = folder / MADE_FROM
        if record.is_file():
            if json.loads(record.read_text()) != json.loads(json.dumps(made_from)):
                raise DataError(
                    f"{record}: the pictures there were made from other weights, data or numbers; "
                    "give another folder with --save, or delete this one."
                )
            return
        if folder.is_dir() and any(folder.iterdir()):
            raise DataError(
                f"{folder}: holds files and no {MADE_FROM}; give an empty or new folder with "
                "--save."
            )
        folder.mkdir(parents=True, exist_ok=True)
        write_json(record, dict(made_from))

    def path(self, source: str, target: str) -> Path:
        """Return the file of a pair."""
        return self.folder / f"{_stem(source)}___{_stem(target)}.png"

    def read(self, names: Sequence[tuple[str, str]]) -> Tensor | None:
        """Return the pictures of the pairs, (B, 3, H, W) uint8, or None where one is missing.

        Raises:
            DataError: for a picture that cannot be read.
        """
        paths = [self.path(*pair) for pair in names]
        if not all(path.is_file() for path in paths):
            return None
        return torch.stack([_decoded(path) for path in paths])

    def write(self, names: Sequence[tuple[str, str]], images: Tensor) -> Tensor:
        """Write pictures, each at once or not at all, and return them as they were written.

        Args:
            names: (source, target) of every picture.
            images: (B, 3, H, W) float in [-1, 1].
        """
        finished = self.to_8bit(images)
        for pair, image in zip(names, finished.permute(0, 2, 3, 1).cpu().numpy(), strict=True):
            file = io.BytesIO()
            Image.fromarray(image).save(file, format="PNG")
            write_atomically(self.path(*pair), file.getvalue())
        return finished


def _stem(name: str) -> str:
    """`fashion/WOMEN/1_front.jpg` -> `fashion_WOMEN_1_front`: one flat folder holds all."""
    path = PurePosixPath(name)
    plain = path.with_suffix("") if path.suffix.lower() in _SUFFIXES else path
    return str(plain).replace("/", "_")


def _decoded(path: Path) -> Tensor:
    try:
        return decode(path.read_bytes())
    except (ValueError, OSError) as error:
        raise DataError(f"{path}: cannot be decoded; delete it, and it is made again.") from error

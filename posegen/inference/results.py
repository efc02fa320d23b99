"""What `posegen generate` writes of one person: a picture per pose, and a sheet of them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from posegen.core.batches import Batch, GeneratorOutput
from posegen.core.skeletons import skeleton
from posegen.core.texts import one_form
from posegen.core.writing import save_picture
from posegen.inference.animation import beside_pose
from posegen.inference.clips import larger
from posegen.inference.given import PoseLike
from posegen.inference.grids import pictures, sample_grid
from posegen.inference.marks import marked
from posegen.inference.model import BATCH_SIZE, PoseTransfer

#: The name of the sheet.
_GRID = "grid"


class Results:
    """Makes the pictures of one person, and writes them while it does.

    Args:
        model: makes the pictures.
        source: the picture of the person, and `source_pose` the pose in it.
        out: folder of the pictures, `SOURCE_POSE.png`, and of the sheet, `SOURCE_grid.png`; None
            writes neither.
        rows: how many poses the sheet shows at most; 0 for no sheet.
        seed: of the noise, where the method uses noise.

    Attributes:
        written: the files, in order.
        count: how many pictures were made.
    """

    def __init__(
        self,
        model: PoseTransfer,
        source: Path,
        source_pose: PoseLike,
        out: Path | None,
        rows: int = 0,
        *,
        seed: int = 0,
    ) -> None:
        self._model, self._source, self._source_pose = model, source, source_pose
        self._out, self._rows, self._seed = out, rows, seed
        self._shown: list[tuple[Batch, GeneratorOutput]] = []
        self._taken = {_GRID} if rows else set()
        self._points: Tensor | None = None
        self.written: list[Path] = []
        self.count = 0

    def frames(
        self, poses: Iterable[tuple[str, PoseLike]], batch_size: int = BATCH_SIZE
    ) -> Iterator[Image.Image]:
        """Yield a picture per pose, in order; it is written before it is yielded.

        Args:
            poses: the names, for the files, and the poses; see `PoseTransfer.frames`.
            batch_size: how many are made together.

        Raises:
            DataError: where a file cannot be used.
        """
        names: list[str] = []

        def noting() -> Iterator[PoseLike]:
            for name, pose in poses:
                names.append(name)
                yield pose

        made = self._model.batches(
            self._source, self._source_pose, noting(), batch_size, seed=self._seed
        )
        for batch, output in made:
            if sum(len(shown) for shown, _ in self._shown) < self._rows:
                self._shown.append((batch, output))
            made_here = zip(names, batch["target_keypoints"], pictures(output.image), strict=True)
            for name, points, picture in made_here:
                self.count += 1
                self._points = points.cpu()
                if self._out is not None:
                    self._save(picture, self._unique(name))
                yield picture
            names.clear()
        if self._shown and self._out is not None:
            self._save(self._sheet(), _GRID)

    def shown(
        self, frames: Iterable[Image.Image], scale: int, poses: bool
    ) -> Iterator[Image.Image]:
        """Yield the pictures of `frames` enlarged, and each with its pose beside it or without."""
        for large in larger(frames, scale):
            if poses and self._points is not None:
                own = (large.height // scale, large.width // scale)
                large = beside_pose(large, self._points, own, self._model.skeleton)
            yield large

    def _unique(self, name: str) -> str:
        """Return the name, with a number where another file of this call has it."""
        numbered = (name, *(f"{name}-{number}" for number in range(2, len(self._taken) + 3)))
        free = next(own for own in numbered if _compared(own) not in self._taken)
        self._taken.add(_compared(free))
        return free

    def _save(self, picture: Image.Image, name: str) -> None:
        assert self._out is not None
        path = self._out / f"{self._source.stem}_{name}.png"
        save_picture(path, picture, **marked(self._model.mark, "PNG"))
        self.written.append(path)

    def _sheet(self) -> Image.Image:
        batches, outputs = zip(*self._shown, strict=True)
        tensors = {
            name: torch.cat([batch[name] for batch in batches])[: self._rows]
            for name in batches[0].tensors
        }
        images = torch.cat([output.image for output in outputs])[: self._rows]
        aux = {
            name: torch.cat([output.aux[name] for output in outputs])[: self._rows]
            for name in outputs[0].aux
        }
        return sample_grid(
            Batch(tensors),
            GeneratorOutput(images, aux),
            skeleton(self._model.skeleton),
            target=False,
        )


def _compared(name: str) -> str:
    """Return a name as file systems compare it that know no upper and lower case."""
    return one_form(name).casefold()

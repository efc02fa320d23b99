"""A trained model in use: a picture of a person and poses in, pictures out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar, overload

import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from posegen.config import Precision
from posegen.core.batches import Batch, GeneratorOutput, TaskInfo
from posegen.core.contracts import Generator, PoseEncoder
from posegen.core.errors import DataError
from posegen.inference.grids import as_tensor, pictures
from posegen.inference.pose_files import Pose, read_pose
from posegen.inference.runner import Runner, Speed
from posegen.poses.layouts import layout
from posegen.weights.cache import find
from posegen.weights.description import WeightsConfig
from posegen.weights.networks import rebuild

PictureLike = str | Path | Image.Image | Tensor
PoseLike = str | Path | Tensor | Pose | Sequence[Sequence[float]]

#: How many pictures are made together, where nobody says.
BATCH_SIZE = 16

T = TypeVar("T")


class PoseTransfer:
    """A generator with the encoder that it was trained with, ready for use (evaluation mode).

    Args:
        config: how it was made.
        generator, encoder: its parts.
        device: where it works.
        speed: how it is run; by default in float32, with batch norm folded.

    Attributes:
        config, encoder, device: as given.
        generator: as given, on the device; what is run is made from it.
        image_size: (H, W) that it works at.
        layout: name of the keypoints' layout.
        speed: how it is run.
        folded: how many batch norms were folded into convolutions.
    """

    def __init__(
        self,
        config: WeightsConfig,
        generator: Generator,
        encoder: PoseEncoder,
        device: torch.device | str = "cpu",
        speed: Speed | None = None,
    ) -> None:
        self.config, self.encoder, self.speed = config, encoder, speed or Speed()
        self.device = torch.device(device)
        self.generator = generator.to(self.device).eval().requires_grad_(False)
        self.image_size, self.layout = config.image_size, config.layout
        task = TaskInfo(self.image_size, encoder.channels)
        self._runner = Runner(self.generator, task, self.device, self.speed)
        self.folded = self._runner.folded

    def run(self, batch: Batch) -> GeneratorOutput:
        """Generate for a batch that is on the device already; images in [-1, 1]."""
        return self._runner.run(batch.source, batch.source_pose, batch.target_pose)

    @overload
    def generate(
        self, source: PictureLike, source_keypoints: PoseLike, target_keypoints: PoseLike
    ) -> Image.Image: ...

    @overload
    def generate(
        self,
        source: PictureLike,
        source_keypoints: PoseLike,
        target_keypoints: list[str] | list[Path] | list[Tensor],
    ) -> list[Image.Image]: ...

    def generate(
        self,
        source: PictureLike,
        source_keypoints: PoseLike,
        target_keypoints: PoseLike | list[str] | list[Path] | list[Tensor],
    ) -> Image.Image | list[Image.Image]:
        """Show the person of a picture in other poses.

        Args:
            source: a picture: file, PIL image, or (3, H, W) uint8 tensor. One of another size than
                the model's is scaled to it, and so are the poses.
            source_keypoints: the pose in the picture: a pose file, or (K, 3) x, y in the picture's
                pixels and visibility.
            target_keypoints: the wanted pose in the same form, or a list of them (files or
                tensors).

        Returns:
            The picture at the model's size, or one per wanted pose.

        Raises:
            DataError: where a file cannot be used.
        """
        several = isinstance(target_keypoints, list) and isinstance(
            target_keypoints[0] if target_keypoints else None, str | Path | Tensor
        )
        wanted: list[PoseLike] = target_keypoints if several else [target_keypoints]  # type: ignore[assignment, list-item]
        made = list(self.frames(source, source_keypoints, wanted))
        return made if several else made[0]

    def frames(
        self,
        source: PictureLike,
        source_keypoints: PoseLike,
        poses: Iterable[PoseLike],
        batch_size: int = BATCH_SIZE,
    ) -> Iterator[Image.Image]:
        """Yield the person of a picture in one pose after the other; see `generate`.

        Args:
            source, source_keypoints: as in `generate`.
            poses: the wanted poses, however many: they are taken `batch_size` at a time.
            batch_size: how many pictures are made together.

        Raises:
            DataError: where a file cannot be used.
        """
        for _, made in self.batches(source, source_keypoints, poses, batch_size):
            yield from pictures(made.image)

    def batches(
        self,
        source: PictureLike,
        source_keypoints: PoseLike,
        poses: Iterable[PoseLike],
        batch_size: int = BATCH_SIZE,
    ) -> Iterator[tuple[Batch, GeneratorOutput]]:
        """Yield what `frames` makes batch by batch: the input, whose `target` is the source, too.

        The source is encoded once, and no more than one batch is in memory.
        """
        picture = _picture(source)
        own_size = (picture.height, picture.width)
        height, width = self.image_size
        if own_size != self.image_size:
            picture = picture.resize((width, height), Image.Resampling.BICUBIC)
        image = as_tensor(picture)[None].to(self.device).float() / 127.5 - 1
        here = self._points([source_keypoints], own_size)
        source_pose = self.encoder(here, self.image_size)
        code = self._runner.encode(image, source_pose)
        for some in chunks(poses, batch_size):
            there = self._points(some, own_size)
            target_pose = self.encoder(there, self.image_size)
            images = image.expand(len(there), -1, -1, -1)
            batch = Batch(
                source=images,
                target=images,
                source_keypoints=here.expand(len(there), -1, -1),
                target_keypoints=there,
                source_pose=source_pose.expand(len(there), -1, -1, -1),
                target_pose=target_pose,
            )
            yield batch, self._runner.go_on(code, target_pose)

    def _points(self, poses: Sequence[PoseLike], own_size: tuple[int, int]) -> Tensor:
        """Return keypoints (B, K, 3) in pixels of the model's size, on the device."""
        read = [self._pose(pose).scaled_to(self.image_size, own_size) for pose in poses]
        return torch.stack(read).to(self.device)

    def _pose(self, pose: PoseLike) -> Pose:
        read = self._read_pose(pose)
        if not (read.keypoints[:, 2] > 0).any():
            where = f"{pose}: " if isinstance(pose, str | Path) else ""
            raise DataError(f"{where}no joint of this pose is seen; give one with somebody in it.")
        return read

    def _read_pose(self, pose: PoseLike) -> Pose:
        if isinstance(pose, Pose):
            return pose
        if isinstance(pose, str | Path):
            return read_pose(Path(pose), self.layout)
        points = torch.as_tensor(pose, dtype=torch.float32)
        wanted = (len(layout(self.layout)), 3)
        if points.shape != wanted or not points.isfinite().all():
            raise DataError(
                f"keypoints of shape {tuple(points.shape)}: finite numbers of shape {wanted} are "
                f"expected, x, y and visibility of the joints of {self.layout}."
            )
        return Pose(points)


def load_model(
    path: str | Path,
    device: torch.device | str = "cpu",
    *,
    precision: Precision = "32",
    compile: bool = False,
    fold: bool = True,
    cpu_kernels: bool = True,
) -> PoseTransfer:
    """Load a model from a folder of weights, a `.safetensors` file of ours, or a run.

    Pulled weights can be given by their name; what is not on this machine is never fetched here.

    Args:
        path: the run or weights.
        device: where it works.
        precision, compile, fold, cpu_kernels: how it is run; see `Speed`.

    Raises:
        WeightsError: where there are no weights, or they are damaged or of another network.
        PluginError, ConfigError: where what is installed cannot build the model; the message says
            which versions it was made with.
    """
    speed = Speed(precision, compile, fold, cpu_kernels)
    config, generator, encoder = rebuild(find(path))
    return PoseTransfer(config, generator, encoder, device, speed)


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of `size`, the last one perhaps shorter."""
    rest = iter(items)
    while some := list(itertools.islice(rest, size)):
        yield some


def _picture(source: PictureLike) -> Image.Image:
    if isinstance(source, Image.Image):
        return source
    if isinstance(source, Tensor):
        if source.dtype != torch.uint8 or source.dim() != 3:
            raise DataError("a source tensor is (3, H, W) uint8; this one is not.")
        return Image.fromarray(source.permute(1, 2, 0).cpu().contiguous().numpy())
    try:
        with Image.open(source) as picture:
            return ImageOps.exif_transpose(picture).convert("RGB")  # as a viewer shows it
    except FileNotFoundError:
        raise DataError(f"{source}: no such picture.") from None
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(f"{source}: not readable as a picture ({error}).") from None

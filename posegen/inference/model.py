"""A trained model in use: a picture of a person and poses in, pictures out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import overload

import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from posegen.config.parts import build_encoder, build_generator, check_fit
from posegen.core.batches import Batch, GeneratorOutput, TaskInfo
from posegen.core.contracts import Generator, PoseEncoder
from posegen.core.errors import DataError, WeightsError
from posegen.core.pretrained import read_tensors
from posegen.inference.grids import as_tensor, pictures
from posegen.inference.pose_files import Pose, read_pose
from posegen.weights.folder import TENSORS, WeightsConfig, fill, read_config

PictureLike = str | Path | Image.Image | Tensor
PoseLike = str | Path | Tensor | Sequence[Sequence[float]]


class PoseTransfer:
    """A generator with the encoder that it was trained with, ready for use (evaluation mode).

    Attributes:
        config: how it was made.
        generator, encoder: the parts.
        image_size: (H, W) that it works at.
        layout: name of the keypoints' layout.
    """

    def __init__(
        self,
        config: WeightsConfig,
        generator: Generator,
        encoder: PoseEncoder,
        device: torch.device | str = "cpu",
    ) -> None:
        self.config, self.encoder = config, encoder
        self.device = torch.device(device)
        self.generator = generator.to(self.device).eval().requires_grad_(False)
        self.image_size, self.layout = config.image_size, config.layout

    @torch.inference_mode()
    def run(self, batch: Batch) -> GeneratorOutput:
        """Generate for a batch that is on the device already; images in [-1, 1]."""
        output: GeneratorOutput = self.generator(batch.source, batch.source_pose, batch.target_pose)
        return output

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
        batch = self.prepare(source, source_keypoints, wanted)
        made = pictures(self.run(batch).image)
        return made if several else made[0]

    def prepare(
        self, source: PictureLike, source_keypoints: PoseLike, wanted: Sequence[PoseLike]
    ) -> Batch:
        """Make the batch that shows one person in several poses; its `target` is the source."""
        picture = _picture(source)
        own_size = (picture.height, picture.width)
        height, width = self.image_size
        if own_size != self.image_size:
            picture = picture.resize((width, height), Image.Resampling.BICUBIC)
        image = as_tensor(picture)[None].to(self.device).float() / 127.5 - 1
        here = self._pose(source_keypoints).scaled_to(self.image_size, own_size)
        there = [self._pose(pose).scaled_to(self.image_size, own_size) for pose in wanted]
        count = len(there)
        source_points = here[None].to(self.device)
        target_points = torch.stack(there).to(self.device)
        images = image.expand(count, -1, -1, -1)
        return Batch(
            source=images,
            target=images,
            source_keypoints=source_points.expand(count, -1, -1),
            target_keypoints=target_points,
            source_pose=self.encoder(source_points, self.image_size).expand(count, -1, -1, -1),
            target_pose=self.encoder(target_points, self.image_size),
        )

    def _pose(self, pose: PoseLike) -> Pose:
        if isinstance(pose, str | Path):
            return read_pose(Path(pose), self.layout)
        points = torch.as_tensor(pose, dtype=torch.float32)
        if points.dim() != 2 or points.shape[1] != 3:
            raise DataError(f"keypoints of shape {tuple(points.shape)}: (K, 3) is expected.")
        return Pose(points)


def load_model(path: str | Path, device: torch.device | str = "cpu") -> PoseTransfer:
    """Load a model from a folder of weights, a `.safetensors` file of ours, or a run.

    Raises:
        WeightsError: where there are no weights, or they are damaged or of another network.
        PluginError: where the package that the model is from is not installed.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise WeightsError(f"{path}: no such run or weights.")
    folder = path / "weights" if (path / "weights").is_dir() else path
    if path.is_dir() and (path / "config.toml").is_file() and folder == path:
        raise WeightsError(f"{path}: this run has saved no weights yet; train it further.")
    config = read_config(folder)
    encoder = build_encoder(config.encoder)
    generator = build_generator(config.generator, TaskInfo(config.image_size, encoder.channels))
    check_fit(encoder, config.layout, config.image_size, generator.size_multiple)
    file = folder / TENSORS if folder.is_dir() else folder
    fill(generator, read_tensors(file), file)
    return PoseTransfer(config, generator, encoder, device)


def _picture(source: PictureLike) -> Image.Image:
    if isinstance(source, Image.Image):
        return source
    if isinstance(source, Tensor):
        if source.dtype != torch.uint8 or source.dim() != 3:
            raise DataError("a source tensor is (3, H, W) uint8; this one is not.")
        return Image.fromarray(source.permute(1, 2, 0).cpu().contiguous().numpy())
    try:
        with Image.open(source) as picture:
            return picture.convert("RGB")
    except FileNotFoundError:
        raise DataError(f"{source}: no such picture.") from None
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(f"{source}: not readable as a picture ({error}).") from None

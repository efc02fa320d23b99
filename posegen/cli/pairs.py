"""Pairs of a data set as a grid or as files: for `data show`, `data sample`, `eval --grid`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from posegen.config import ComponentOptions
    from posegen.inference import PoseTransfer


def draw_pairs(
    section: ComponentOptions,
    split: str,
    path: Path,
    *,
    model: PoseTransfer | None = None,
    count: int = 8,
    seed: int | None = None,
) -> None:
    """Draw pairs of a split; with a model, also what it generates for them.

    The pairs are spread evenly over the split, or with a seed, drawn at random.
    """
    import random

    import torch

    from posegen.config import ComponentOptions
    from posegen.config.parts import build_dataset, build_encoder
    from posegen.core.skeletons import skeleton
    from posegen.core.writing import save_picture
    from posegen.data.loading import collate, to_batch
    from posegen.inference.grids import pair_grid, sample_grid

    dataset = build_dataset(section, split)  # type: ignore[arg-type]
    count = min(count, len(dataset))
    spread = [len(dataset) * i // count for i in range(count)]
    chosen = spread if seed is None else random.Random(seed).sample(range(len(dataset)), count)
    raw = collate(dataset.__getitems__(chosen), dataset.fields)
    encoder = ComponentOptions(name="gaussian") if model is None else model.config.encoder
    device = torch.device("cpu") if model is None else model.device
    batch = to_batch(raw, build_encoder(encoder), device)
    if model is None:
        save_picture(path, pair_grid(batch, skeleton(dataset.skeleton)))
        return
    with torch.inference_mode():
        made = model.run(batch)
    save_picture(path, sample_grid(batch, made, skeleton(dataset.skeleton)))


def write_pair(section: ComponentOptions, split: str, index: int, out: Path) -> list[Path]:
    """Write source.png, source.json, target.png and target.json; return their paths.

    Raises:
        ConfigError: where the split has no such pair.
    """
    from torchvision.transforms.v2.functional import to_pil_image

    from posegen.config.parts import build_dataset
    from posegen.core.errors import ConfigError
    from posegen.core.writing import save_picture
    from posegen.inference.pose_files import write_pose

    dataset = build_dataset(section, split)  # type: ignore[arg-type]
    if index >= len(dataset):
        raise ConfigError(f"--index {index}: the split has {len(dataset)} pairs, counted from 0.")
    pair = dataset[index]
    written = []
    for name, image, keypoints in (
        ("source", pair.source, pair.source_keypoints),
        ("target", pair.target, pair.target_keypoints),
    ):
        picture, pose = out / f"{name}.png", out / f"{name}.json"
        save_picture(picture, to_pil_image(image))
        write_pose(pose, keypoints, dataset.image_size, dataset.skeleton)
        written += [picture, pose]
    return written

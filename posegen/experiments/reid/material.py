"""Gathers the pictures of a re-identification experiment."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from posegen.config import ComponentOptions
from posegen.config.parts import build_dataset
from posegen.core.errors import ConfigError, DataError
from posegen.evaluation.metrics.reid_network import resized
from posegen.experiments.augment import LIST, read_list
from posegen.experiments.reid.data import (
    GALLERY,
    QUERY,
    TRAIN,
    Naming,
    Pictures,
    Posed,
    Size,
    read_folder,
    read_posed,
    read_split,
)
from posegen.experiments.reid.experiment import Material
from posegen.inference.grids import as_tensor
from posegen.inference.model import PoseTransfer


def from_folder(root: Path, namer: Naming, size: Size) -> Material:
    """Read Market-1501 as its authors pack it: queries in a folder of their own."""
    return Material(
        real=_known(read_folder(root / TRAIN, namer, size)),
        query=read_folder(root / QUERY, namer, size),
        gallery=read_folder(root / GALLERY, namer, size),
    )


def from_data_set(section: ComponentOptions, namer: Naming, size: Size) -> Material:
    """Read a data set: every picture of the test split is a query, and all are the gallery."""
    tested = read_split(section, "test", namer, size)
    return Material(_known(read_split(section, "train", namer, size)), tested, tested)


def _known(pictures: Pictures) -> Pictures:
    """Leave out junk and distractors, which nobody trains on."""
    return pictures.part([i for i, who in enumerate(pictures.people) if who not in ("-1", "0000")])


def with_generated(material: Material, folder: Path, size: Size) -> Material:
    """Add what `posegen augment` has made; each picture gets the name of the one it is made of."""
    listed = read_list(folder)
    by_file = {one.file: one for one in listed}

    def namer(name: str) -> tuple[str, str]:
        return by_file[name].person, by_file[name].camera

    made = read_folder(folder / TRAIN, namer, size, by_file)
    return replace(material, generated=replace(made, names=[one.source for one in listed]))


def digest_of(folder: Path) -> str:
    """Return the digest of a list of generated pictures."""
    try:
        return hashlib.sha256((folder / LIST).read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(
            f"{folder / LIST}: {error.strerror}; `posegen augment` writes it."
        ) from None


def with_poses(
    material: Material,
    model: PoseTransfer,
    section: ComponentOptions,
    count: int,
    size: Size,
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Material:
    """Add every test picture's person in the same poses, drawn from the training split's.

    Raises:
        ConfigError: where the training split has fewer pictures.
    """
    poses = [one.keypoints for one in read_posed(build_dataset(section, "train"))]
    if len(poses) < count:
        raise ConfigError(f"--centralise {count}: the training split has {len(poses)} poses.")
    chosen = random.Random(seed).sample(poses, count)
    tested = read_posed(build_dataset(section, "test"))
    by_name: dict[str, Tensor] = {}
    for done, one in enumerate(tested, start=1):
        by_name[one.name] = _in_poses(model, one, chosen, size, seed)
        progress(done, len(tested))

    def of(pictures: Pictures) -> Tensor:
        if missing := [name for name in pictures.names if name not in by_name]:
            raise DataError(f"{missing[0]}: the data set has no pose of it to generate from.")
        return torch.stack([by_name[name] for name in pictures.names])

    query = of(material.query)
    gallery = query if material.gallery is material.query else of(material.gallery)
    return replace(material, extra_query=query, extra_gallery=gallery)


def _in_poses(
    model: PoseTransfer, one: Posed, poses: Sequence[Tensor], size: Size, seed: int
) -> Tensor:
    """Return (K, 3, H, W) uint8."""
    made = [as_tensor(x) for x in model.frames(one.image, one.keypoints, list(poses), seed=seed)]
    return resized(torch.stack(made), size).round().clamp(0, 255).byte()

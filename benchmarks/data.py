"""Times the way from files to a batch, against a plain reader of the published layout.

    python benchmarks/data.py [--json FILE]

The plain side reads as the published code does: a row of a data frame, two pictures by Pillow, two
pose maps from `.npy` files that a script wrote beforehand, all to float tensors, pair by pair.

- `loading` is what a loading process does for a batch: on the plain side all of this; on ours
  reading the pictures and keypoints, as the rest is left to the device.
- `to the batch` adds that rest, normalising and making the maps, as if the CPU were the device:
  both sides end with the same float32 images and maps.
- `disk` is what poses take on a disk.
- `opening` is about a folder with 263,632 pairs.

Each side runs on one core, in one process, in turn; the files are in the system's cache, which
favours the side with more bytes. Pictures are smoothed noise. Prints JSON: each case has the
medians of both sides, in seconds for a batch, or bytes, and `ratio`, ours / plain.
"""

from __future__ import annotations

import csv
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure import Case, parser, report
from PIL import Image
from torch import Tensor

from posegen.core import Batch, PoseEncoder
from posegen.data.config import DeepFashionConfig, Market1501Config, PublishedConfig
from posegen.data.loading import collate, to_batch
from posegen.data.published import PublishedDataset
from posegen.poses.config import GaussianConfig, OneHotConfig
from posegen.poses.encoders import GaussianEncoder, OneHotEncoder

BATCH = 32
SETS: dict[str, tuple[type[PublishedConfig], tuple[int, int], PoseEncoder, type]] = {
    "market1501": (Market1501Config, (128, 64), GaussianEncoder(GaussianConfig()), np.float32),
    # The published script stores these maps as whole numbers: one pixel of each joint is left.
    "deepfashion": (DeepFashionConfig, (256, 176), OneHotEncoder(OneHotConfig()), np.uint8),
}


def main() -> None:
    """Run the benchmark."""
    made = parser(__doc__, rounds=9)
    made.add_argument("--images", type=int, default=100, help="pictures of each data set")
    options = made.parse_args()
    torch.set_num_threads(1)
    cases: list[Case] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in SETS:
            cases += compare(name, Path(folder) / name, options.images, options.rounds)
        seconds = open_large(Path(folder) / "large")
    facts = {"batch": BATCH, "images": options.images, "pillow": Image.__version__}
    report("data", cases, options.json, {**facts, "opening_263632_pairs_cpu_s": seconds})


def compare(name: str, root: Path, images: int, rounds: int) -> list[Case]:
    """Time one data set, from files and from the packed cache."""
    config_class, size, encoder, stored = SETS[name]
    config = config_class(root=root)
    write_folder(config, size, images)
    maps = root / "maps"
    write_maps(config, maps, size, encoder, stored)
    plain = PlainReader(config, maps)
    files = PublishedDataset(config, "train")
    packed = PublishedDataset(config.model_copy(update={"cache": Path("auto")}), "train")
    cpu = torch.device("cpu")
    random = np.random.default_rng(0)

    def load(dataset: PublishedDataset) -> Callable[[list[int]], Batch]:
        return lambda numbers: collate(dataset.__getitems__(numbers))

    def whole(dataset: PublishedDataset) -> Callable[[list[int]], Batch]:
        return lambda numbers: to_batch(collate(dataset.__getitems__(numbers)), encoder, cpu)

    sides: dict[str, Callable[[list[int]], object]] = {
        "plain": plain.batch,
        "loading files": load(files),
        "loading packed": load(packed),
        "files to the batch": whole(files),
        "packed to the batch": whole(packed),
    }
    same(plain.batch([0, 5]), whole(files)([0, 5]), whole(packed)([0, 5]))
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(rounds + 1):
        drawn = random.integers(len(files), size=BATCH).tolist()
        for side, read in sides.items():
            start = time.perf_counter()
            read(drawn)
            if number:
                seconds[side].append(time.perf_counter() - start)
    median = {side: statistics.median(values) for side, values in seconds.items()}
    on_disk = sum(path.stat().st_size for path in maps.iterdir()) / images
    ours_on_disk = config.annotations("train").stat().st_size / images
    return [
        *(
            case(f"{name}, {side}", median[side], median["plain"], "s")
            for side in sides
            if side != "plain"
        ),
        case(f"{name}, poses of an image on a disk", ours_on_disk, on_disk, "bytes"),
    ]


def case(name: str, ours: float, plain: float, unit: str) -> Case:
    """Return a case of the result."""
    ours, plain = (float(f"{value:.4g}") for value in (ours, plain))
    return {
        "name": name,
        f"ours_{unit}": ours,
        f"plain_{unit}": plain,
        "ratio": float(f"{ours / plain:.3g}"),
    }


class PlainReader:
    """The published layout, read plainly (`data/keypoint.py`)."""

    def __init__(self, config: PublishedConfig, maps: Path) -> None:
        self.folder, self.maps = config.image_folders("train")[0], maps
        try:
            import pandas
        except ImportError:
            with config.pairs("train").open(encoding="utf-8") as file:
                self.rows: Any = list(csv.DictReader(file))
        else:
            self.rows = pandas.read_csv(config.pairs("train")).iloc

    def batch(self, numbers: list[int]) -> Batch:
        """Read pairs one by one, and stack them."""
        pairs = [self.pair(number) for number in numbers]
        return Batch({key: torch.stack([pair[key] for pair in pairs]) for key in pairs[0]})

    def pair(self, number: int) -> dict[str, Tensor]:
        """Read one pair."""
        row = self.rows[number]
        return {
            "source": self.image(row["from"]),
            "source_pose": self.pose(row["from"]),
            "target": self.image(row["to"]),
            "target_pose": self.pose(row["to"]),
        }

    def image(self, name: str) -> Tensor:
        """Read a picture and normalise it to [-1, 1]."""
        with Image.open(self.folder / name) as picture:
            pixels = torch.from_numpy(np.array(picture.convert("RGB")))
        return pixels.permute(2, 0, 1).contiguous().float().div(255).sub(0.5).div(0.5)

    def pose(self, name: str) -> Tensor:
        """Read a map that was stored as (H, W, 18)."""
        values = torch.from_numpy(np.load(self.maps / f"{name}.npy")).float()
        return values.transpose(2, 0).transpose(2, 1)


def write_folder(config: PublishedConfig, size: tuple[int, int], images: int) -> None:
    """Write smoothed noise with joints anywhere, and all neighbours as pairs."""
    folder = config.image_folders("train")[0]
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    names = [f"{number // 4:04d}_c1s1_{number:06d}_01.jpg" for number in range(images)]
    rows = ["name:keypoints_y:keypoints_x"]
    for name in names:
        noise = random.integers(0, 256, (size[0] // 8, size[1] // 8, 3), dtype=np.uint8)
        picture = Image.fromarray(noise).resize(size[::-1], Image.Resampling.BICUBIC)
        picture.save(folder / name, quality=85)
        places = [random.integers(0, side, 18).tolist() for side in size]
        rows.append(f"{name}: {places[0]}: {places[1]}")
    config.annotations("train").write_text("\n".join(rows) + "\n")
    pairs = [f"{a},{b}" for a, b in zip(names, names[1:] + names[:1], strict=True)]
    config.pairs("train").write_text("\n".join(["from,to", *pairs]) + "\n")


def write_maps(
    config: PublishedConfig, maps: Path, size: tuple[int, int], encoder: PoseEncoder, stored: type
) -> None:
    """Write a file of pose maps for each image, as the published scripts do."""
    maps.mkdir()
    dataset = PublishedDataset(config, "train")
    for number in range(len(dataset)):
        pair = dataset[number]
        values = encoder(pair.source_keypoints[None], size)[0].permute(1, 2, 0)
        np.save(maps / f"{pair.source_name}.npy", values.numpy().astype(stored))


def same(plain: Batch, *others: Batch) -> None:
    """Check that all sides read the same."""
    for other in others:
        for key in ("source", "target", "source_pose", "target_pose"):
            a, b = getattr(plain, key), getattr(other, key)
            assert torch.allclose(a, b, atol=1e-6), key


def open_large(root: Path) -> float:
    """Return the CPU seconds of opening a folder like Market-1501; its pictures are empty files."""
    config = Market1501Config(root=root, image_size=(128, 64))
    folder = config.image_folders("train")[0]
    folder.mkdir(parents=True)
    names = [f"{number:04d}_c1s1_{number:06d}_01.jpg" for number in range(12_936)]
    for name in names:
        (folder / name).touch()
    values = list(range(18))
    rows = ["name:keypoints_y:keypoints_x", *(f"{name}: {values}: {values}" for name in names)]
    config.annotations("train").write_text("\n".join(rows))
    count = config.published_pairs["train"]
    pairs = (f"{names[i % 12_936]},{names[(i * 31 + 1) % 12_936]}" for i in range(count))
    config.pairs("train").write_text("\n".join(["from,to", *pairs]))
    start = time.process_time()
    PublishedDataset(config, "train")
    return round(time.process_time() - start, 2)


if __name__ == "__main__":
    main()

"""Times ssim, mask-ssim, l1 and psnr against the published way, one image after another.

    python benchmarks/metrics.py --pairs 1000 --size 128x64

Both sides score the same pairs with the options of `patn-2019`, in one process, in turn. The
published side is what tool/getMetrics_market.py does per pair, on scikit-image as it is now: the
body mask is drawn for the generated picture and once more for the target. Prints JSON: per case the
median seconds of each side, ours / plain as `ratio`, and the largest difference between the two
sides' values of an image.

Beside that: by how many MiB a process grows that streams 1,000 and 10,000 pairs (`--memory`)
through the metrics; and which share of the time the network takes, where a model of the preset
`market1501` scores `--share` pairs as `posegen eval` does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from importlib.metadata import version
from itertools import chain, islice
from typing import Any

import numpy as np
import torch
from measure import Case, afresh, parser, report, resident_mib
from numpy.typing import NDArray
from skimage.draw import disk, polygon
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from skimage.morphology import dilation, erosion, footprint_rectangle

from posegen import PoseTransfer, evaluate, experiment, preset
from posegen.config.parts import build_encoder, method_from
from posegen.core import Batch, Config, GeneratorOutput, PerImageMetric, TaskInfo
from posegen.evaluation.metrics.config import L1Config, MaskSSIMConfig, SSIMConfig
from posegen.evaluation.metrics.masks import LIMBS
from posegen.evaluation.metrics.pixels import L1, PSNR
from posegen.evaluation.metrics.similarity import SSIM, MaskSSIM
from posegen.weights.description import WeightsConfig

BATCH = 32
TOGETHER = "together"
Image = NDArray[np.uint8]
#: A person that fills the picture, x and y of the 18 joints as parts of its width and height.
PERSON = np.array(
    [
        *([0.50, 0.12], [0.50, 0.20], [0.36, 0.21], [0.30, 0.34], [0.27, 0.46], [0.64, 0.21]),
        *([0.70, 0.34], [0.73, 0.46], [0.41, 0.50], [0.40, 0.70], [0.39, 0.90], [0.59, 0.50]),
        *([0.60, 0.70], [0.61, 0.90], [0.47, 0.10], [0.53, 0.10], [0.43, 0.11], [0.57, 0.11]),
    ]
)


def main() -> None:
    """Run the benchmark."""
    options = arguments()
    height, width = map(int, options.size.split("x"))
    if options.stream:
        print(json.dumps(streamed(options.stream, (height, width))))
        return
    pairs = Pairs(options.pairs, (height, width))
    cases = in_turn(pairs, options.rounds)
    for case, gap in zip(cases, [*difference(pairs).values(), None], strict=True):
        case["difference"] = gap
    facts = {
        "scikit-image": version("scikit-image"),
        "pairs": options.pairs,
        "size": options.size,
        **{f"mib_{n}_pairs": memory(n, options.size) for n in options.memory},
        f"network_share_{options.share}_pairs": network_share(options.share, (height, width)),
    }
    report("eval", cases, options.json, facts)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    made = parser(__doc__, rounds=3)
    made.add_argument("--pairs", type=int, default=1000)
    made.add_argument("--size", default="128x64", help="height x width in pixels")
    made.add_argument(
        "--memory", type=int, nargs="*", default=[1_000, 10_000], help="numbers of pairs"
    )
    made.add_argument("--share", type=int, default=100, help="pairs to be generated and scored")
    made.add_argument("--stream", type=int, help="only MiB of growth with so many pairs")
    return made.parse_args()


class Pairs:
    """Pairs of smooth pictures with some noise, and the keypoints of a person in the targets."""

    def __init__(self, count: int, size: tuple[int, int], seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        coarse = random.integers(0, 256, (2, count, 8, 8, 3))
        rows, columns = (np.arange(side) * 8 // side for side in size)
        noise = random.integers(-12, 13, (2, count, *size, 3), dtype=np.int16)
        pictures = (coarse[:, :, rows][:, :, :, columns] * 0.8 + 25 + noise).clip(0, 255)
        self.generated, self.target = pictures.astype(np.uint8, order="C")
        height, width = size
        moved = PERSON + random.normal(0, 0.02, (count, 18, 2))
        points = (moved * (width, height)).clip(0, (width - 1, height - 1)).round()
        self.keypoints = np.concatenate([points, random.random((count, 18, 1)) < 0.9], axis=2)
        self.keypoints[self.keypoints[..., 2] == 0] = 0

    def __len__(self) -> int:
        return len(self.target)

    def batches(self) -> Iterator[Batch]:
        """Yield what metrics see."""
        for i in range(0, len(self), BATCH):
            generated, target = (
                torch.from_numpy(images[i : i + BATCH]).permute(0, 3, 1, 2)
                for images in (self.generated, self.target)
            )
            keypoints = torch.from_numpy(self.keypoints[i : i + BATCH]).float()
            pictures = {"generated": generated, "target": target}
            yield Batch({**pictures, "target_keypoints": keypoints})


def metrics() -> dict[str, PerImageMetric]:
    """Return our four metrics with the options of `patn-2019`."""
    return {
        "ssim": SSIM(SSIMConfig(data_range="generated")),
        "mask-ssim": MaskSSIM(MaskSSIMConfig(data_range="generated")),
        "l1": L1(L1Config(value_range="symmetric")),
        "psnr": PSNR(Config()),
    }


def plain_ssim(generated: Image, target: Image) -> float:
    """Return the SSIM of one pair as published."""
    value: float = structural_similarity(
        target,
        generated,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=2,
        data_range=float(generated.max()) - float(generated.min()),
    )
    return value


def published_mask(keypoints: NDArray[Any], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Draw a body mask as published: one limb and one joint after another."""
    mask = np.zeros(size, bool)
    points, seen = keypoints[:, 1::-1], keypoints[:, 2] > 0
    for one, other in LIMBS:
        along = points[one] - points[other]
        if seen[one] and seen[other] and along.any():
            across = 4 * np.array([-along[1], along[0]]) / np.linalg.norm(along)
            corners = [points[one] + across, points[one] - across]
            corners += [points[other] - across, points[other] + across]
            mask[polygon(*np.array(corners).T, shape=size)] = True
    for point in points[seen]:
        mask[disk(point, 4, shape=size)] = True
    square = footprint_rectangle((5, 5))
    drawn: NDArray[np.bool_] = erosion(dilation(mask, square), square)
    return drawn


def published_mask_ssim(generated: Image, target: Image, keypoints: NDArray[Any]) -> float:
    """Return the mask-SSIM of one pair as published."""
    size = generated.shape[:2]
    masked = [image * published_mask(keypoints, size)[..., None] for image in (generated, target)]
    return plain_ssim(*masked)


def published(pairs: Pairs) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Score one pair after another; return seconds and values of each score."""
    seconds = dict.fromkeys(metrics(), 0.0)
    values: dict[str, list[float]] = {name: [] for name in seconds}
    for generated, target, points in zip(
        pairs.generated, pairs.target, pairs.keypoints, strict=True
    ):
        for name, values_of in values.items():
            start = time.perf_counter()
            if name == "ssim":
                value = plain_ssim(generated, target)
            elif name == "mask-ssim":
                value = published_mask_ssim(generated, target, points)
            elif name == "l1":
                value = np.abs(2 * (target / 255.0 - 0.5) - 2 * (generated / 255.0 - 0.5)).mean()
            else:
                value = peak_signal_noise_ratio(target, generated, data_range=255)
            seconds[name] += time.perf_counter() - start
            values_of.append(float(value))
    return seconds | {TOGETHER: sum(seconds.values())}, values


def ours(pairs: Pairs) -> dict[str, float]:
    """Score in batches; return seconds of each score alone, and of all together."""
    seconds = {}
    for name in (*metrics(), TOGETHER):
        wanted = [m for other, m in metrics().items() if name in (other, TOGETHER)]
        start = time.perf_counter()
        for batch in pairs.batches():
            for metric in wanted:
                metric.update(batch)
        for metric in wanted:
            metric.compute()
        seconds[name] = time.perf_counter() - start
    return seconds


def in_turn(pairs: Pairs, rounds: int) -> list[Case]:
    """Warm both sides up, run them in turn, and return the medians of each case."""
    few = Pairs(2 * BATCH, pairs.target.shape[1:3])
    published(few), ours(few)
    taken = [(ours(pairs), published(pairs)[0]) for _ in range(rounds)]
    cases = []
    for name in taken[0][0]:
        mine, theirs = (
            statistics.median(side[name] for side in both) for both in zip(*taken, strict=True)
        )
        case = {"name": name, "ours_s": round(mine, 4), "plain_s": round(theirs, 4)}
        cases.append({**case, "ratio": round(mine / theirs, 4)})
    return cases


def difference(pairs: Pairs) -> dict[str, float]:
    """Return the largest difference between the two sides' values of an image."""
    _, expected = published(pairs)
    result = {}
    for name, metric in metrics().items():
        for batch in pairs.batches():
            metric.update(batch)
        gap = metric.per_image().numpy() - np.array(expected[name])
        result[name] = float(np.abs(gap).max())
    return result


def streamed(count: int, size: tuple[int, int]) -> float:
    """Stream so many pairs through the four metrics; return by how many MiB peak memory grew."""
    some = Pairs(8 * BATCH, size)  # again and again: only what metrics keep and use is to grow
    scored(some, len(some))  # what PyTorch loads for itself is not counted
    before = resident_mib()
    scored(some, count)
    return round(resident_mib(peak=True) - before, 1)


def scored(pairs: Pairs, count: int) -> None:
    """Score so many pairs."""
    wanted = metrics().values()
    for batch in islice(chain.from_iterable(iter(pairs.batches, None)), -(-count // BATCH)):
        for metric in wanted:
            metric.update(batch)
    for metric in wanted:
        metric.compute()


def memory(count: int, size: str) -> float:
    """Return what `streamed` finds in a process of its own."""
    growth: float = afresh("--stream", str(count), "--size", size)
    return growth


def network_share(count: int, size: tuple[int, int]) -> float:
    """Return which part of the time of an evaluation of pairs of `people` is the generator's."""
    people = {"name": "people", "image_size": list(size)}
    recipe = experiment(preset("patn", "market1501"), {"data": people})
    encoder, task = build_encoder(recipe.encoder), TaskInfo(size, 18)
    method = method_from(recipe.method, recipe.generator, task)
    config = WeightsConfig.of_run(recipe, task, method.shared, {})
    model = PoseTransfer(config, method, encoder)
    inside = 0.0

    def run(batch: Batch, **options: Any) -> GeneratorOutput:
        nonlocal inside
        start = time.perf_counter()
        made = PoseTransfer.run(model, batch, **options)
        inside += time.perf_counter() - start
        return made

    model.run = run  # type: ignore[method-assign]
    start = time.perf_counter()
    evaluate(model, list(metrics()), data=people, limit=count)
    return round(inside / (time.perf_counter() - start), 3)


if __name__ == "__main__":
    main()

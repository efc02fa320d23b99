"""Test pairs with their scores, so that a page can show the worst first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from posegen.core.batches import Pair
from posegen.core.contracts import PairDataset
from posegen.core.errors import DataError
from posegen.data.image_files import as_picture
from posegen.data.loading import to_uint8
from posegen.evaluation.validation import TensorMetric
from posegen.inference.pose_files import Pose
from posegen.poses.conversions import convert
from posegen.studio.asked import points
from posegen.studio.models import Models
from posegen.studio.pictures import to_url

#: Pairs that are scored in one request.
CHUNK = 4


class Pairs:
    """The test pairs of a data set.

    Args:
        dataset: the pairs.
        models: what is scored.
        metrics: names of metrics of single pictures.

    Raises:
        PluginError, ConfigError, WeightsError: for a metric that cannot be had.
    """

    def __init__(self, dataset: PairDataset, models: Models, metrics: Sequence[str]) -> None:
        self._dataset, self._models = dataset, models
        self._metrics = {name: TensorMetric(name) for name in metrics}

    def about(self) -> dict[str, Any]:
        """Return how many there are, and the metrics: name -> which way is better."""
        directions = {name: one.direction for name, one in self._metrics.items()}
        return {"count": len(self._dataset), "metrics": directions, "chunk": CHUNK}

    @torch.inference_mode()
    def score(self, number: int, start: int) -> list[dict[str, Any]]:
        """Score the pairs from a place on with a model: index, names, and metric -> value.

        Raises:
            DataError: where the model's pictures have another size than the pairs'.
        """
        model = self._models[number].model
        if model.image_size != self._dataset.image_size:
            raise DataError(
                f"{self._models[number].label} makes pictures of {model.image_size}, and the "
                f"pairs have {self._dataset.image_size}; only models of their size are scored."
            )
        places = list(range(start, min(start + CHUNK, len(self._dataset))))
        rows = []
        for place, pair in zip(places, self._dataset.__getitems__(places), strict=True):
            source, target = (
                Pose(convert(one, self._dataset.skeleton, model.skeleton), model.image_size)
                for one in (pair.source_keypoints, pair.target_keypoints)
            )
            ((_, output),) = model.batches(as_picture(pair.source), source, [target])
            made = to_uint8(output.image).cpu()
            values = {n: metric(made, pair.target[None]) for n, metric in self._metrics.items()}
            rows.append(
                {
                    "index": place,
                    "source": pair.source_name,
                    "target": pair.target_name,
                    "scores": {n: round(v, 5) for n, v in values.items() if math.isfinite(v)},
                }
            )
        return rows

    def pair(self, place: int) -> dict[str, Any]:
        """Return a pair: the source as a scene, with `target` as another.

        Raises:
            DataError: where there are not so many.
        """
        if not 0 <= place < len(self._dataset):
            raise DataError(f"pair {place}: there are {len(self._dataset)}.")
        pair: Pair = self._dataset[place]
        source = self._scene(pair.source, pair.source_keypoints)
        return {**source, "target": self._scene(pair.target, pair.target_keypoints)}

    def _scene(self, image: Tensor, keypoints: Tensor) -> dict[str, Any]:
        pose = convert(keypoints, self._dataset.skeleton, self._models.first.skeleton)
        return {"picture": to_url(as_picture(image)), "pose": points(pose)}

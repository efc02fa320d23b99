"""Inception Score, of whole pictures and of the bodies in them."""

from __future__ import annotations

import torch
from torch import Tensor

from posegen.core.batches import Batch
from posegen.core.errors import PosegenError
from posegen.core.metrics import Metric
from posegen.evaluation.metrics.config import InceptionScoreConfig
from posegen.evaluation.metrics.distribution import score_of_splits, split_sums
from posegen.evaluation.metrics.inception import CLASSES, TF_OPTION, Inception
from posegen.evaluation.metrics.masks import target_mask


class InceptionScore(Metric):
    """Inception Score, from 1 to 1,008.

    Convention:
        - Class probabilities of TensorFlow's Inception of 2015-12-05 on the generated pictures at
          0–255, without the classifier's bias, 1,008 classes; see `Inception`.
        - 10 splits in the order of the pairs, the mean of the splits' scores. The order
          matters: the published script takes the files as `os.listdir` gives
          them, and torch-fidelity shuffles them first.
        - torch-fidelity: `isc_features_to_metric(logits_unbiased, splits=10, shuffle=False)`.
        - It knows nothing of the targets, and the network's classes are hardly ever people: real
          pictures of this field score about 4.

    Raises:
        posegen.core.WeightsError: on construction, where the network's weights cannot be had.
        posegen.core.ConfigError: in `compute`, for fewer pictures than splits.
    """

    counts: Tensor
    sums: Tensor
    logs: Tensor

    def __init__(self, config: InceptionScoreConfig) -> None:
        super().__init__(config)
        self.splits = config.splits
        self.inception = Inception("tf", config.weights, TF_OPTION)
        for name, shape in (
            ("counts", (self.splits,)),
            ("sums", (self.splits, CLASSES)),
            ("logs", (self.splits,)),
        ):
            self.add_state(name, torch.zeros(shape, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, batch: Batch) -> None:
        """Take a batch in."""
        if batch.first + len(batch) > batch.total:
            raise PosegenError(
                "an Inception Score depends on the pairs' places, and this batch does not say "
                "its own (Batch.first and total)."
            )
        probabilities = self.inception.probabilities(self.features(batch))
        counts, sums, logs = split_sums(probabilities, batch.first, batch.total, self.splits)
        self.counts = self.counts + counts
        self.sums = self.sums + sums
        self.logs = self.logs + logs

    def features(self, batch: Batch) -> Tensor:
        """Return the features that are scored: (B, 2048)."""
        return self.inception.of_batch(batch, "generated")

    def compute(self) -> Tensor:
        """Return the mean of the splits' scores."""
        return torch.tensor(
            score_of_splits(self.counts, self.sums, self.logs)[0], dtype=torch.float64
        )

    def describe(self) -> str:
        """Return the protocol, with the weights in use."""
        return (
            f"{self.inception.description}, softmax without bias over 1,008 classes, mean of "
            f"{self.splits} splits in the order of the pairs"
        )


class MaskInceptionScore(InceptionScore):
    """Inception Score of pictures that are black outside the target's body.

    Convention: as `InceptionScore`, on the generated pictures multiplied by the published body mask
    of the target's keypoints (see `posegen.evaluation.metrics.masks`).

    Raises:
        posegen.core.ConfigError: in `update`, where the targets' keypoints are not known.
    """

    def features(self, batch: Batch) -> Tensor:
        """Return the features that are scored: (B, 2048)."""
        mask = target_mask(batch, "keypoints", "mask-is")
        key = ("inception", *self.inception.identity, "generated", "body-mask")
        return batch.once(key, lambda: self.inception.features(batch.generated * mask))

    def describe(self) -> str:
        """Return the protocol, with the weights in use."""
        return f"{super().describe()}, black outside the body mask of the target's keypoints"

"""The detection score: how sure a detector is that there is a person in the picture."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from posegen.core.errors import DataError
from posegen.core.metrics import PerImageMetric, ScoredBatch
from posegen.core.pretrained import PretrainedFile
from posegen.evaluation.metrics.config import DetectionScoreConfig
from posegen.evaluation.metrics.names import key_of, pair_key
from posegen.evaluation.metrics.networks import Source, fit, shared

#: How a user names a local copy of the detector's weights.
OPTION = "--set ds.weights=FILE"

PUBLISHED = PretrainedFile(
    "torchvision's COCO weights of SSD-300 for ds",
    "https://download.pytorch.org/models/ssd300_vgg16_coco-b556d3b4.pth",
    "b556d3b43ab6c3f63d81bfb8835fe8756ac22da664357da100dccf96b6a6b42d",
)

#: The label "person" among COCO's.
PERSON = 1
#: Pictures per call of the network.
CHUNK = 32


class DetectionScore(PerImageMetric):
    """Confidence of the surest person that a detector finds in a generated picture, in [0, 1].

    Convention:
        - torchvision's SSD-300 with VGG-16, trained on COCO: the highest score of a detection with
          the label "person", 0 where none is above 0.01. Mean over pictures.
        - The published script takes a Caffe SSD-300 trained on VOC07+12 (20 classes, 120,000
          iterations, pixels minus (104, 117, 123) in BGR) in the same way. Its weights exist for
          Caffe only. The two detectors' confidences differ, so published numbers cannot be
          compared with this one; real pictures on the same scale can.
        - With `confidences`, the values of a CSV file `name,confidence` are averaged, and the
          number is whatever detector they are from: the published one where somebody has run it.
          A row's name is the result's; see `posegen.evaluation.metrics.names`.

    Raises:
        posegen.core.WeightsError: on construction, where the weights cannot be had.
        posegen.core.DataError: on construction, for a malformed CSV file; in `update`, for a pair
            that it does not have.
    """

    def __init__(self, config: DetectionScoreConfig) -> None:
        super().__init__(config)
        self.file = config.confidences
        self.network = self.confidences = None
        if config.confidences is None:
            self.network = shared("ssd300", PUBLISHED, config.weights, OPTION, _build)
        else:
            self.confidences = read_confidences(config.confidences)

    def score(self, batch: ScoredBatch) -> Tensor:
        """Return one value per image: (B,)."""
        if self.confidences is not None:
            return self._given(batch, self.confidences)
        assert self.network is not None
        network, images = self.network, batch.generated.float() / 255
        found = [one for part in torch.split(images, CHUNK) for one in network(part)]
        return torch.stack([_surest(one["scores"][one["labels"] == PERSON]) for one in found])

    def describe(self) -> str:
        """Return the protocol, and how far it is from the published one."""
        if self.network is None:
            assert self.file is not None
            return f"confidences of {self.file.name}, whatever detector they are from, mean"
        return (
            f"highest person confidence of torchvision's SSD-300 ({self.network.weights}, trained "
            "on COCO), mean over images; the published scores are of a Caffe SSD-300 trained on "
            "VOC07+12 and cannot be compared"
        )

    def _given(self, batch: ScoredBatch, confidences: Mapping[tuple[str, str], float]) -> Tensor:
        # The baseline's pictures are others than those that the file is about.
        if batch.source is not None and torch.equal(batch.generated, batch.source):
            raise DataError(
                f"{self.file}: has the confidences of the results, not of the copied sources."
            )
        if len(batch.target_names) != len(batch):
            raise DataError(f"{self.file}: its rows are found by name, and these pairs have none.")
        values = []
        for names in zip(batch.source_names, batch.target_names, strict=True):
            value = confidences.get(key_of(*names))
            if value is None:
                raise DataError(
                    f"{self.file}: has no row for the pair {'___'.join(names)}; add it, or leave "
                    "ds out of --metrics."
                )
            values.append(value)
        return torch.tensor(values, dtype=torch.float64, device=batch.generated.device)


def read_confidences(path: Path) -> dict[tuple[str, str], float]:
    """Read a CSV file `name,confidence`; see `DetectionScore`.

    Returns:
        What `pair_key` makes of a name -> confidence in [0, 1].

    Raises:
        DataError: naming the file and the line.
    """
    path = path.expanduser()
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}).") from None
    rows = csv.DictReader(lines)
    if not {"name", "confidence"} <= set(rows.fieldnames or ()):
        raise DataError(f"{path}: its first line must be the header `name,confidence`.")
    confidences: dict[tuple[str, str], float] = {}
    for row in rows:
        where = f"{path}, line {rows.line_num}"
        key, value = pair_key(row["name"] or ""), _number(row["confidence"])
        if not 0 <= value <= 1:
            raise DataError(f"{where}: {row['confidence']!r} is not a number from 0 to 1.")
        if key in confidences:
            raise DataError(f"{where}: {row['name']!r} is there twice; delete one of its rows.")
        confidences[key] = value
    return confidences


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def _surest(scores: Tensor) -> Tensor:
    return scores.max() if len(scores) else scores.new_zeros(())


def _build(tensors: Mapping[str, Tensor], source: Source) -> Any:
    """Return torchvision's SSD-300 with the given weights, all of which must be there."""
    from torchvision.models.detection import ssd300_vgg16
    from torchvision.models.detection.anchor_utils import DefaultBoxGenerator

    with torch.device("meta"):  # nothing that no weight was loaded into can take part
        network: Any = ssd300_vgg16(weights=None, weights_backbone=None)
    # Its default boxes are no weights, but numbers that it computes when it is made.
    boxes = network.anchor_generator
    network.anchor_generator = DefaultBoxGenerator(
        boxes.aspect_ratios, scales=boxes.scales, steps=boxes.steps, clip=boxes.clip
    )
    network.load_state_dict(fit(network.state_dict(), tensors, source), assign=True)
    return network

"""Numbers recorded from the published scripts, against the components that `patn-2019` uses.

Runs every case `*metrics*.json`, with its arrays in the `.npz` of that name, of the folder in
POSEGEN_GOLDEN_DIR (tests/data/golden where it is not set).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from posegen.core import Batch, Kind
from posegen.evaluation.metrics.distribution import inception_score
from posegen.evaluation.metrics.keypoints import head_boxes
from posegen.evaluation.metrics.masks import body_mask
from posegen.evaluation.protocols.loading import choose, load
from posegen.plugins import build, component_config, registry
from posegen.poses.config import GaussianConfig
from posegen.poses.encoders import GaussianEncoder

FOLDER = Path(os.environ.get("POSEGEN_GOLDEN_DIR") or Path(__file__).parent / "data" / "golden")
CASES = sorted(path.stem for path in FOLDER.glob("*metrics*.json"))

#: What docs/protocols.md promises; equality with scikit-image is in tests/evaluation/metrics.
TOLERANCE = 1e-4


class Case:
    """One recorded case: the facts, the arrays, and the pairs as metrics see them."""

    def __init__(self, name):
        self.facts = json.loads((FOLDER / f"{name}.json").read_text())
        self.items = self.facts["items"]
        with np.load(FOLDER / f"{name}.npz") as arrays:
            self.arrays = dict(arrays)
        self.size = (self.facts["height"], self.facts["width"])
        self.keypoints, self.predicted = self.points("keypoints"), self.points("predicted")
        pictures = {
            name: torch.from_numpy(self.stack(name)).permute(0, 3, 1, 2)
            for name in ("generated", "target")
        }
        self.batch = Batch({**pictures, "target_keypoints": self.keypoints})

    def stack(self, name):
        return np.stack([self.arrays[f"{index}.{name}"] for index in range(len(self.items))])

    def points(self, name):
        x, y = (torch.tensor([item[f"{name}_{axis}"] for item in self.items]) for axis in "xy")
        return torch.stack([x, y, (x != -1) & (y != -1)], dim=-1).float()

    def recorded(self, name):
        return np.array([item[name] for item in self.items])


@pytest.fixture(params=CASES)
def case(request):
    return Case(request.param)


def metric(name, **more):
    """Return the metric of a column of patn-2019, with that column's options."""
    columns = choose(load("patn-2019"), "market1501", (128, 64)).columns
    column = next(column for column in columns if column.name == name)
    options = {**column.options, **more}
    config = component_config(registry(), Kind.METRIC, column.metric, options, name)
    return build(registry(), Kind.METRIC, column.metric, config)


def test_there_are_cases():
    assert CASES, f"{FOLDER} holds no *metrics*.json"
    assert all(Case(name).items for name in CASES)


@pytest.mark.parametrize("name", ["ssim", "mask-ssim", "l1"])
def test_values_of_images_and_their_mean(case, name):
    scored, key = metric(name), name.replace("-", "_")
    scored.update(case.batch)
    np.testing.assert_allclose(scored.per_image(), case.recorded(key), atol=TOLERANCE, rtol=0)
    mean = case.facts.get(f"mean_{key}", case.recorded(key).mean())
    assert scored.compute().item() == pytest.approx(mean, abs=TOLERANCE)


def test_masks(case):
    masks = body_mask(case.keypoints, case.size)[:, 0].numpy()
    same = (masks == case.stack("mask")).mean(axis=(1, 2))
    assert (same >= 0.995).all(), same


def test_head_boxes(case):
    boxes, there = head_boxes(case.keypoints)
    boxes[~there] = -1
    assert boxes.tolist() == case.recorded("head_wh").tolist()


def test_pckh(case, tmp_path):
    table = tmp_path / "pckh.csv"
    table.write_text(f"name:keypoints_y:keypoints_x\na___b: {[-1] * 18}: {[-1] * 18}\n")
    scored, recorded = metric("pckh", keypoints=table), case.facts["pckh"]
    scored.find = lambda batch: case.predicted
    scored.update(case.batch)
    assert (scored.correct.item(), scored.valid.item()) == (recorded["correct"], recorded["valid"])
    assert scored.compute().item() == recorded["value"]


def test_inception_score_of_the_recorded_probabilities(case):
    recorded = case.facts["inception_score"]
    probabilities = torch.from_numpy(case.arrays["inception_probabilities"])
    mean, deviation = inception_score(probabilities, recorded["splits"])
    assert float(mean) == pytest.approx(recorded["mean"], abs=1e-9)
    assert float(deviation) == pytest.approx(recorded["std"], abs=1e-9)


def test_pose_maps(case):
    maps = GaussianEncoder(GaussianConfig())(case.keypoints, case.size).double()
    np.testing.assert_allclose(maps.sum(dim=(2, 3)), case.stack("heatmap_sum"), rtol=1e-4)
    row = maps[:, :, case.size[0] // 2].transpose(1, 2)
    np.testing.assert_allclose(row, case.stack("heatmap_row"), atol=1e-5)

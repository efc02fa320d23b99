from __future__ import annotations

import pytest
import torch
from torchvision.models.detection import ssd300_vgg16

from posegen.core import WeightsError
from posegen.evaluation.metrics.config import DetectionScoreConfig
from posegen.evaluation.metrics.detection import PERSON, PUBLISHED, DetectionScore
from posegen.evaluation.metrics.tables import pair_keys


@pytest.fixture(scope="session")
def detector(filled):
    """torchvision's SSD-300 with seeded random weights that sees little else than people."""
    with torch.random.fork_rng(), torch.device("meta"):
        layout = ssd300_vgg16(weights=None, weights_backbone=None).state_dict()
    state = filled(layout, 5)
    state["backbone.scale_weight"] = torch.full((512,), 20.0)
    for name in [name for name in state if "classification_head" in name]:
        if name.endswith("weight"):
            state[name] *= 0.01
            continue
        logits = torch.full((len(state[name]) // 91, 91), -20.0)
        logits[:, 0], logits[:, PERSON] = 0.0, -5.0
        state[name] = logits.flatten()
    return state


@pytest.fixture(scope="session")
def weights(detector, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "ssd300.pth"
    torch.save(detector, path)
    return path


@pytest.fixture
def images(natural, scored):
    return scored(natural(0, 2, (64, 32)), natural(1, 2, (64, 32)))


def test_the_network_is_torchvisions(weights, detector, images):
    before = torch.random.get_rng_state()
    metric = DetectionScore(DetectionScoreConfig(weights=weights))
    assert torch.equal(before, torch.random.get_rng_state())
    metric.update(images)
    with torch.random.fork_rng():
        theirs = ssd300_vgg16(weights=None, weights_backbone=None).eval()
    theirs.load_state_dict(detector)
    with torch.no_grad():
        found = theirs(list(images.generated / 255))
    expected = [max(one["scores"][one["labels"] == PERSON].tolist(), default=0.0) for one in found]
    assert min(expected) > 0.01
    assert len(set(expected)) == 2
    assert metric.per_image().tolist() == pytest.approx(expected, rel=1e-3)
    assert metric.compute().item() == pytest.approx(sum(expected) / 2, rel=1e-3)
    assert metric.clone().network is metric.network


def test_a_picture_without_a_person_has_confidence_zero(weights, images, monkeypatch):
    metric = DetectionScore(DetectionScoreConfig(weights=weights))
    seen = {"scores": torch.tensor([0.9, 0.3, 0.4]), "labels": torch.tensor([7, 1, 1])}
    monkeypatch.setattr(metric.network.network, "forward", lambda x: [seen] * len(x))
    assert metric.score(images).tolist() == pytest.approx([0.4, 0.4])
    seen["labels"] = torch.tensor([7, 8, 9])
    assert metric.score(images).tolist() == [0, 0]


def test_it_says_that_it_is_not_the_published_detector(weights):
    text = DetectionScore(DetectionScoreConfig(weights=weights)).describe()
    assert "COCO" in text
    assert "Caffe SSD-300 trained on VOC07+12 and cannot be compared" in text


def test_missing_weights_name_file_digest_and_option(offline):
    with pytest.raises(WeightsError) as caught:
        DetectionScore(DetectionScoreConfig())
    message = str(caught.value)
    assert str(offline / "ssd300_vgg16_coco-b556d3b4.pth") in message
    assert f"(sha256 {PUBLISHED.sha256})" in message
    assert "`--set ds.weights=FILE`" in message


@pytest.mark.parametrize(
    "name",
    ["a.jpg___b/c.jpg_vis.png", "a___bc.png", "a___bc", "a.jpg___b_c.jpg", "a_2_bc_vis.jpg"],
)
def test_names_of_one_pair(name):
    assert pair_keys(name) == [("a", "bc")]


def test_a_name_without_a_source():
    assert pair_keys("b/c.jpg") == [("", "bc")]

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torchvision.models.detection import ssd300_vgg16

from posegen.core import DataError, WeightsError
from posegen.evaluation.metrics.config import DetectionScoreConfig
from posegen.evaluation.metrics.detection import PERSON, PUBLISHED, DetectionScore
from posegen.evaluation.metrics.names import key_of, pair_key


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


# Confidences from a file


def given(tmp_path, text):
    path = tmp_path / "confidences.csv"
    path.write_text(text, encoding="utf-8")
    return DetectionScore(DetectionScoreConfig(confidences=path))


def named(images, sources, targets):
    return replace(images, source_names=sources, target_names=targets, source=images.target)


def test_confidences_are_found_by_the_names_of_pairs(tmp_path, images, offline):
    text = "name,confidence\na.jpg___b.jpg_vis.png,0.25\nc___d.png,0.75\nx_2_y_vis.jpg,1\n"
    metric = given(tmp_path, text)
    metric.update(named(images, ["c.jpg", "a.jpg"], ["d.jpg", "b.jpg"]))
    assert metric.per_image().tolist() == [0.75, 0.25]
    metric.update(named(images, ["x", "x"], ["y", "y"]))
    assert metric.compute().item() == pytest.approx(0.75)
    assert "confidences.csv" in metric.describe()


def test_a_pair_that_the_file_has_not(tmp_path, images):
    metric = given(tmp_path, "name,confidence\na___b,0.5\n")
    with pytest.raises(DataError, match=r"confidences\.csv: has no row for the pair a\.jpg___e"):
        metric.update(named(images, ["a.jpg", "a.jpg"], ["b", "e"]))
    with pytest.raises(DataError, match="found by name, and these pairs have none"):
        metric.update(replace(images, source=None))


def test_the_baseline_is_not_what_the_file_is_about(tmp_path, images):
    metric = given(tmp_path, "name,confidence\na___b,0.5\n")
    batch = named(images, ["a", "a"], ["b", "b"])
    with pytest.raises(DataError, match="not of the copied sources"):
        metric.update(replace(batch, generated=batch.source))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "first line must be the header"),
        ("name,score\na___b,1\n", "first line must be the header"),
        ("name,confidence\na___b,1.5\n", r"line 2: '1\.5' is not a number from 0 to 1"),
        ("name,confidence\na___b,nan\n", "line 2: 'nan' is not a number"),
        ("name,confidence\na___b\n", "line 2: None is not a number"),
        ("name,confidence\na___b,1\na.png___b_vis,0\n", "line 3: .* is there twice"),
    ],
)
def test_malformed_files(tmp_path, text, reason):
    with pytest.raises(DataError, match=reason):
        given(tmp_path, text)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv: cannot be read"):
        DetectionScore(DetectionScoreConfig(confidences=tmp_path / "none.csv"))


@pytest.mark.parametrize(
    "name",
    ["a.jpg___b/c.jpg_vis.png", "a___bc.png", "a___bc", "a.jpg___b_c.jpg", "a_2_bc_vis.jpg"],
)
def test_names_of_one_pair(name):
    assert pair_key(name) == key_of("a.jpg", "b/c.jpg") == ("a", "bc")


def test_a_name_without_a_source():
    assert pair_key("b/c.jpg") == ("", "bc")

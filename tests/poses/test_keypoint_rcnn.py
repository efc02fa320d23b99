"""The keypoint R-CNN on random weights of the published form, against torchvision's own way."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision.models.detection import (
    KeypointRCNN_ResNet50_FPN_Weights,
    keypointrcnn_resnet50_fpn,
)

from posegen.core import Kind, WeightsError
from posegen.plugins import build, component_config, registry
from posegen.poses.config import KeypointRCNNConfig
from posegen.poses.keypoint_rcnn import WEIGHTS, KeypointRCNN

SMALL = {"min_size": 64, "max_size": 128}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights with the published file's names, for which nearly all is a person."""
    torch.manual_seed(0)
    network = keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    state = {k: v for k, v in network.state_dict().items() if "num_batches" not in k}
    state["backbone.body.bn1.running_var"].fill_(1e-5)  # so that the norm's epsilon would show
    state["backbone.body.bn1.weight"].fill_(3e-3)
    state["roi_heads.box_predictor.cls_score.bias"] = torch.tensor([0.0, 2.0])
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    random = torch.Generator().manual_seed(1)
    return torch.randint(256, (2, 3, 128, 64), generator=random, dtype=torch.uint8)


def test_it_computes_what_torchvision_computes(
    weights: Path, images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = KeypointRCNN_ResNet50_FPN_Weights.COCO_V1
    assert WEIGHTS.url == published.url
    tensors = torch.load(weights)
    monkeypatch.setattr(type(published), "get_state_dict", lambda *args, **options: tensors)
    theirs = keypointrcnn_resnet50_fpn(weights=published, **SMALL, box_score_thresh=0.6).eval()
    with torch.inference_mode():
        wanted = theirs([image / 255 for image in images])
    joint_score = float(wanted[0]["keypoints_scores"].median())
    config = KeypointRCNNConfig(weights=weights, person_score=0.6, joint_score=joint_score, **SMALL)
    detector = KeypointRCNN(config)
    assert detector.skeleton == "coco17"
    found = detector(images)
    assert len(found) == 2
    for people, given in zip(found, wanted, strict=True):
        assert people.shape == given["keypoints"].shape
        assert len(people) > 1
        sizes = given["boxes"][:, 2:] - given["boxes"][:, :2]
        order = (sizes.prod(1) * given["scores"]).argsort(descending=True)
        torch.testing.assert_close(people[..., :2], given["keypoints"][order][..., :2] - 0.5)
        seen = given["keypoints_scores"][order] >= joint_score
        assert torch.equal(people[..., 2], seen.float())
    assert 0 < found[0][..., 2].mean() < 1


def test_people_of_a_low_score_are_left_out(weights: Path, images: torch.Tensor) -> None:
    detector = KeypointRCNN(KeypointRCNNConfig(weights=weights, person_score=0.99, **SMALL))
    assert [people.shape for people in detector(images)] == [(0, 17, 3)] * 2


def test_the_registry_builds_it(weights: Path) -> None:
    options = {"weights": str(weights), "min_size": 64}
    config = component_config(registry(), Kind.DETECTOR, "keypoint-rcnn", options, "detector")
    assert isinstance(build(registry(), Kind.DETECTOR, "keypoint-rcnn", config), KeypointRCNN)


def test_weights_of_another_network_are_refused(weights: Path, tmp_path: Path) -> None:
    tensors = torch.load(weights)
    del tensors["rpn.head.cls_logits.bias"]
    torch.save(tensors, tmp_path / "cut.pth")
    with pytest.raises(WeightsError) as error:
        KeypointRCNN(KeypointRCNNConfig(weights=tmp_path / "cut.pth"))
    for word in ("cut.pth", "rpn.head.cls_logits.bias", "fc266e95", "--set detector.weights=FILE"):
        assert word in str(error.value)


def test_without_weights_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("POSEGEN_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"keypoint R-CNN: .*--set detector\.weights=FILE"):
        KeypointRCNN(KeypointRCNNConfig())

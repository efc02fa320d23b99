from __future__ import annotations

import pytest
import torch
from posegen_patn.config import ResnetDiscriminatorConfig
from posegen_patn.discriminator import ResnetDiscriminator
from pydantic import ValidationError

from posegen.core import ConfigError, Field, FieldKind, TaskInfo

TASK = TaskInfo(
    (32, 16), pose_channels=18, extra={"target_parsing": Field(FieldKind.MAP, channels=20)}
)


def build(**options: object) -> ResnetDiscriminator:
    torch.manual_seed(0)
    config = ResnetDiscriminatorConfig(**{"conditions": ["source"], "ngf": 4, **options})
    return ResnetDiscriminator(config, TASK)


@pytest.mark.parametrize(
    ("condition", "count"), [("source", 3_930_368), ("target_pose", 3_977_408)]
)
def test_it_has_the_published_number_of_parameters(condition: str, count: int) -> None:
    with torch.device("meta"):
        network = build(conditions=[condition], ngf=64)
    assert sum(p.numel() for p in network.parameters()) == count


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_scores_are_a_raw_feature_map(norm: str) -> None:
    network = build(conditions=["target_pose", "source_mask"], norm=norm, dropout=0)
    pose, mask = torch.rand(2, 18, 32, 16), torch.ones(2, 1, 32, 16)
    scores = network(torch.randn(2, 3, 32, 16), target_pose=pose, source_mask=mask)
    assert scores.shape == (2, 16, 8, 4)
    assert scores.min() < 0  # no sigmoid
    assert scores.max() > 1
    assert network.inputs == ("target_pose", "source_mask")


def test_conditions_are_joined_in_their_order_whatever_the_keywords() -> None:
    network = build(conditions=["target_pose", "source"]).eval()
    image, source, pose = (torch.rand(1, channels, 32, 16) for channels in (3, 3, 18))
    expected = network.blocks(network.encoder(torch.cat([image, pose, source], dim=1)))
    assert torch.equal(network(image, source=source, target_pose=pose), expected)


def test_what_a_data_set_adds_is_a_condition_like_others() -> None:
    network = build(conditions=["target_parsing"], pool_size=2)
    image, parsing = torch.rand(2, 3, 32, 16), torch.rand(2, 20, 32, 16)
    image, inputs = network.replay(image, {"target_parsing": parsing}, torch.Generator())
    assert network(image, **inputs).shape == (2, 16, 8, 4)


def test_first_weights_are_pytorchs() -> None:
    network = build(ngf=16)
    weight = network.blocks[0].branch.first.conv.weight
    bound = (weight.shape[1] * 9) ** -0.5  # uniform in ±1/√fan_in
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)


def test_without_a_pool_it_trains_on_the_new_images() -> None:
    network = build()
    image, inputs = torch.rand(2, 3, 32, 16), {"source": torch.rand(2, 3, 32, 16)}
    assert network.replay(image, inputs, torch.Generator()) == (image, inputs)
    assert "pool.images" not in network.state_dict()


def test_an_old_image_comes_with_its_own_condition() -> None:
    network = build(conditions=["target_pose"], pool_size=3)
    random = torch.Generator().manual_seed(0)
    returned = []
    for step in range(12):
        image = torch.full((2, 3, 32, 16), float(step))
        pose = torch.full((2, 18, 32, 16), float(step))
        got, beside = network.replay(image, {"target_pose": pose}, random)
        assert got.shape == image.shape
        assert beside["target_pose"].shape == pose.shape
        assert torch.equal(got[:, 0], beside["target_pose"][:, 0])
        returned += [(step, int(value)) for value in got[:, 0, 0, 0]]
    assert any(value < step for step, value in returned)


@pytest.mark.parametrize("conditions", [[], ["source", "source"]])
def test_wrong_lists_of_conditions_are_refused(conditions: list[str]) -> None:
    with pytest.raises(ValidationError, match="conditions"):
        ResnetDiscriminatorConfig(conditions=conditions)


@pytest.mark.parametrize("condition", ["sauce", "target_keypoints"])
def test_a_condition_that_cannot_be_joined_is_named(condition: str) -> None:
    with pytest.raises(ConfigError, match=f"'{condition}'"):
        build(conditions=[condition])

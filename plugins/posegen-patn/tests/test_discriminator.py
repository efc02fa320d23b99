from __future__ import annotations

from typing import get_args

import pytest
import torch
from posegen_patn.config import Condition, ResnetDiscriminatorConfig
from posegen_patn.discriminator import ResnetDiscriminator
from pydantic import ValidationError

from posegen.core import CONDITIONS, TaskInfo

TASK = TaskInfo((32, 16), pose_channels=18)


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
    scores = network(torch.randn(2, 3, 32, 16), torch.rand(2, 19, 32, 16))
    assert scores.shape == (2, 16, 8, 4)
    assert scores.min() < 0  # no sigmoid
    assert scores.max() > 1
    assert network.conditions == ("target_pose", "source_mask")


def test_first_weights_are_pytorchs() -> None:
    network = build(ngf=16)
    weight = network.blocks[0].branch.first.conv.weight
    bound = (weight.shape[1] * 9) ** -0.5  # uniform in ±1/√fan_in
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)


def test_without_a_pool_it_trains_on_the_new_images() -> None:
    network = build()
    image, condition = torch.rand(2, 3, 32, 16), torch.rand(2, 3, 32, 16)
    assert network.replay(image, condition, torch.Generator()) == (image, condition)
    assert "pool.images" not in network.state_dict()


def test_an_old_image_comes_with_its_own_condition() -> None:
    network = build(conditions=["target_pose"], pool_size=3)
    random = torch.Generator().manual_seed(0)
    returned = []
    for step in range(12):
        image = torch.full((2, 3, 32, 16), float(step))
        condition = torch.full((2, 18, 32, 16), float(step))
        got, beside = network.replay(image, condition, random)
        assert got.shape == image.shape
        assert beside.shape == condition.shape
        assert torch.equal(got[:, 0], beside[:, 0])
        returned += [(step, int(value)) for value in got[:, 0, 0, 0]]
    assert any(value < step for step, value in returned)


def test_conditions_are_those_of_the_contract() -> None:
    assert get_args(Condition) == CONDITIONS


@pytest.mark.parametrize("conditions", [[], ["sauce"], ["source", "source"]])
def test_wrong_conditions_are_refused(conditions: list[str]) -> None:
    with pytest.raises(ValidationError, match="conditions"):
        ResnetDiscriminatorConfig(conditions=conditions)

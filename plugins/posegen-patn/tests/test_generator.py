from __future__ import annotations

import pytest
import torch
from posegen_patn.config import PATNConfig
from posegen_patn.dropout import ReLUDropout
from posegen_patn.generator import PATNGenerator
from torch import Tensor

from posegen.core import TaskInfo

TASK = TaskInfo((32, 16), pose_channels=18)


def build(task: TaskInfo = TASK, **options: object) -> PATNGenerator:
    torch.manual_seed(0)
    return PATNGenerator(PATNConfig(**{"ngf": 4, "blocks": 3, **options}), task)


def inputs(batch: int, height: int, width: int, channels: int = 18) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(1)
    image = torch.rand(batch, 3, height, width, generator=random) * 2 - 1
    here, there = (torch.rand(batch, channels, height, width, generator=random) for _ in range(2))
    return {"source": image, "source_pose": here, "target_pose": there}


def both_poses(given: dict[str, Tensor]) -> Tensor:
    return torch.cat([given["source_pose"], given["target_pose"]], dim=1)


@pytest.mark.parametrize(("norm", "count"), [("batch", 41_365_763), ("instance", 41_358_019)])
def test_it_has_the_published_number_of_parameters(norm: str, count: int) -> None:
    with torch.device("meta"):
        network = PATNGenerator(PATNConfig(norm=norm), TASK)
    assert sum(p.numel() for p in network.parameters()) == count


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("size", [(32, 16), (16, 36), (8, 8), (20, 12)])
def test_the_image_has_the_size_of_the_source(norm: str, size: tuple[int, int]) -> None:
    output = build(norm=norm)(**inputs(2, *size))
    assert output.image.shape == (2, 3, *size)
    assert output.image.abs().max() <= 1


def test_pose_channels_are_the_encoders() -> None:
    network = build(TaskInfo((16, 16), pose_channels=5))
    assert network(**inputs(1, 16, 16, channels=5)).image.shape == (1, 3, 16, 16)


def test_attention_is_one_map_for_each_block() -> None:
    for network in (build(), build().eval()):  # a loss may read it as well
        attention = network(**inputs(2, 32, 16)).aux["attention"]
        assert attention.shape == (2, 3, 8, 4)
        assert ((attention >= 0) & (attention <= 1)).all()


def test_attention_is_the_mean_of_the_mask_that_the_block_applies() -> None:
    network, given = build(blocks=1, norm="instance").eval(), inputs(1, 16, 16)
    raw = network.blocks[0].pose_branch(network.pose_encoder(both_poses(given)))
    seen = network(**given).aux["attention"]
    torch.testing.assert_close(seen, raw.sigmoid().mean(dim=1, keepdim=True))


@pytest.mark.parametrize("attention", [True, False])
def test_every_parameter_gets_a_gradient(attention: bool) -> None:
    # Distributed training stops where one does not.
    network = build(attention=attention)
    network(**inputs(2, 32, 16)).image.square().mean().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None] == []


def test_without_attention_both_branches_are_added_as_they_are() -> None:
    network = build(blocks=1, norm="instance", dropout=0, attention=False).eval()
    given = inputs(1, 16, 16)
    code = network.image_encoder(given["source"])
    pose = network.blocks[0].pose_branch(network.pose_encoder(both_poses(given)))
    expected = network.decoder(code + network.blocks[0].image_branch(code) + pose)
    output = network(**given)
    torch.testing.assert_close(output.image, expected)
    assert output.aux == {}


@pytest.mark.parametrize("attention", [True, False])
def test_the_target_pose_decides(attention: bool) -> None:
    network = build(attention=attention, init="default").eval()
    given = inputs(1, 32, 16)
    other = {**given, "target_pose": given["target_pose"].flip(3)}
    assert not torch.allclose(network(**given).image, network(**other).image)


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_in_evaluation_a_sample_does_not_depend_on_the_others(norm: str) -> None:
    network = build(norm=norm).eval()
    both = inputs(2, 32, 16)
    alone = network(**{name: tensor[:1] for name, tensor in both.items()}).image
    torch.testing.assert_close(network(**both).image[:1], alone, atol=1e-6, rtol=0)


def test_dropout_zero_has_no_layer_and_the_same_keys() -> None:
    with_dropout, without = build(), build(dropout=0)
    assert sum(isinstance(m, ReLUDropout) for m in with_dropout.modules()) == 6
    assert not any(isinstance(m, ReLUDropout) for m in without.modules())
    assert list(with_dropout.state_dict()) == list(without.state_dict())


def test_first_weights_are_as_published() -> None:
    network = build(ngf=16)
    convolution = network.blocks[1].image_branch.first.conv.weight
    scale = network.blocks[1].image_branch.first.norm.weight
    assert convolution.std().item() == pytest.approx(0.02, rel=0.05)
    assert scale.mean().item() == pytest.approx(1, abs=0.02)
    assert scale.std().item() == pytest.approx(0.02, rel=0.5)
    assert not network.blocks[1].image_branch.first.norm.bias.any()


def test_first_weights_can_be_pytorchs() -> None:
    network = build(init="default")
    assert (network.blocks[1].image_branch.first.norm.weight == 1).all()


@pytest.mark.parametrize("attention", [True, False])
def test_a_source_is_encoded_once_for_many_poses(attention: bool) -> None:
    network = build(attention=attention).eval()
    given = inputs(4, 16, 12)
    one = {name: given[name][:1] for name in ("source", "source_pose")}
    code = network.encode_source(**one)
    assert {len(part) for part in code} == {1}
    expanded = tuple(part.expand(4, *part.shape[1:]) for part in code)
    made = network.generate_from(expanded, target_pose=given["target_pose"])
    repeated = {name: tensor.expand(4, -1, -1, -1) for name, tensor in one.items()}
    expected = network(**repeated, target_pose=given["target_pose"])
    torch.testing.assert_close(made.image, expected.image)
    assert made.aux.keys() == expected.aux.keys()

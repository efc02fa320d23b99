"""What is special about this network."""

from __future__ import annotations

import pytest
import torch
from posegen_unet.config import UNetConfig
from posegen_unet.generator import UNet
from torch import Tensor, nn

from posegen.core import TaskInfo

TASK = TaskInfo((32, 16), pose_channels=18)


def build(**options: object) -> UNet:
    torch.manual_seed(0)
    return UNet(UNetConfig(**{"width": 4, "depth": 3, **options}), TASK)


def inputs(height: int = 32, width: int = 16) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(1)
    source = torch.rand(1, 3, height, width, generator=random) * 2 - 1
    here, there = torch.rand(2, 1, 18, height, width, generator=random)
    return {"source": source, "source_pose": here, "target_pose": there}


@pytest.mark.parametrize(
    ("options", "count"),
    # By hand, nine numbers per pair of channels: the first convolution, two per block, one per
    # halving, one per join. Then norms or biases, and the last convolution with its bias.
    [
        (
            {"width": 2, "depth": 1, "blocks": 0},
            9 * (2 * 39 + 2 * 4 + 2 * (4 + 2)) + 2 * (2 + 4 + 2) + (9 * 2 * 3 + 3),
        ),
        (
            {"width": 2, "depth": 1, "blocks": 1, "norm": "none", "source_pose": False},
            9 * (2 * 21 + 2 * 2 * 2 + 2 * 4 + 2 * 4 * 4 + 2 * (4 + 2) + 2 * 2 * 2)
            + (2 + 4 + 4 + 8 + 2 + 4)
            + (9 * 2 * 3 + 3),
        ),
    ],
)
def test_the_number_of_parameters(options: dict[str, object], count: int) -> None:
    assert sum(p.numel() for p in build(**options).parameters()) == count


@pytest.mark.parametrize("depth", [1, 2, 4, 5])
def test_the_size_multiple_is_that_of_the_depth(depth: int) -> None:
    network = build(depth=depth).eval()
    assert network.size_multiple == 2**depth
    size = (3 * 2**depth, 2**depth)
    assert network(**inputs(*size)).image.shape == (1, 3, *size)


def test_sizes_of_the_field_need_no_other_depth() -> None:
    multiple = UNet(UNetConfig(width=1), TASK).size_multiple
    for size in ((128, 64), (256, 176), (256, 256), (64, 32)):
        assert not size[0] % multiple
        assert not size[1] % multiple


def test_the_sources_pose_is_an_input_by_choice() -> None:
    given = inputs()
    whole = build()
    assert whole.inputs == ("source", "source_pose", "target_pose")
    flipped = {**given, "source_pose": given["source_pose"].flip(3)}
    assert not torch.equal(whole.eval()(**given).image, whole(**flipped).image)
    without = build(source_pose=False)
    assert without.inputs == ("source", "target_pose")
    del given["source_pose"]
    assert without(**given).image.shape == given["source"].shape


def test_skips_bring_detail() -> None:
    """With the way through the middle cut, a pixel of the source still reaches the image."""
    given = inputs()
    changed = given["source"].clone()
    changed[..., 9, 5] *= -1
    for skips in (True, False):
        network = build(skips=skips, norm="none").eval()
        nn.init.zeros_(network.downs[0][0].weight)
        one, other = (network(**given).image, network(**{**given, "source": changed}).image)
        assert torch.equal(one, other) is not skips


def test_the_middle_sees_the_whole_picture() -> None:
    """Without skips, all of a Market-1501 source acts on every pixel of the image."""
    network = build(depth=4, skips=False, norm="none").eval()
    given = inputs(128, 64)
    source = given["source"].requires_grad_()
    network(**given).image[0, :, 64, 32].sum().backward()
    seen = source.grad.abs().sum(dim=(0, 1)) > 0
    assert seen.any(dim=1).float().mean() > 0.9
    assert seen.any(dim=0).all()

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


def inputs(height: int = 32, width: int = 16) -> tuple[Tensor, ...]:
    random = torch.Generator().manual_seed(1)
    source = torch.rand(1, 3, height, width, generator=random) * 2 - 1
    return (source, *torch.rand(2, 1, 18, height, width, generator=random))


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
    assert network(*inputs(*size)).image.shape == (1, 3, *size)


def test_sizes_of_the_field_need_no_other_depth() -> None:
    multiple = UNet(UNetConfig(width=1), TASK).size_multiple
    for size in ((128, 64), (256, 176), (256, 256), (64, 32)):
        assert not size[0] % multiple
        assert not size[1] % multiple


def test_a_source_pose_that_is_not_joined_does_not_matter() -> None:
    source, here, there = inputs()
    for joined in (True, False):
        network = build(source_pose=joined).eval()
        one, other = (network(source, pose, there).image for pose in (here, here.flip(3)))
        assert torch.equal(one, other) is not joined


def test_skips_bring_detail() -> None:
    """With the way through the middle cut, a pixel of the source still reaches the image."""
    source, here, there = inputs()
    changed = source.clone()
    changed[..., 9, 5] *= -1
    for skips in (True, False):
        network = build(skips=skips, norm="none").eval()
        nn.init.zeros_(network.downs[0][0].weight)
        one, other = (network(image, here, there).image for image in (source, changed))
        assert torch.equal(one, other) is not skips


def test_the_middle_sees_the_whole_picture() -> None:
    """Without skips, all of a Market-1501 source acts on every pixel of the image."""
    network = build(depth=4, skips=False, norm="none").eval()
    source, here, there = inputs(128, 64)
    source.requires_grad_()
    network(source, here, there).image[0, :, 64, 32].sum().backward()
    seen = source.grad.abs().sum(dim=(0, 1)) > 0
    assert seen.any(dim=1).float().mean() > 0.9
    assert seen.any(dim=0).all()

"""What is special about the network: image and mask from block to block, and what each writes."""

from __future__ import annotations

from typing import Any

import torch
from posegen_patn_masked.config import BranchConfig, MaskedPATNConfig
from posegen_patn_masked.discriminator import Branch
from posegen_patn_masked.generator import PARTS, MaskedPATN, Moved, fuse, start, transfer
from torch import Tensor

from posegen.core import TaskInfo

TASK = TaskInfo((128, 64), pose_channels=18)


def build(**options: Any) -> MaskedPATN:
    torch.manual_seed(0)
    config = MaskedPATNConfig(**{"width": 4, "residuals": 1, "kernel": 3, **options})
    return MaskedPATN(config, TASK).eval().requires_grad_(False)


def writing_everything(network: MaskedPATN, block: int) -> MaskedPATN:
    """Make the network's block leave nothing as it was, and the others leave everything."""
    with torch.no_grad():
        for number, one in enumerate(network.blocks):
            bias = one.get_submodule("attention.decide").bias
            assert isinstance(bias, Tensor)
            bias[PARTS + 1] = -100.0 if number == block else 100.0
    return network


def test_the_mask_grows_by_what_blocks_write(inputs: dict[str, Tensor]) -> None:
    network = build(blocks=3)
    output = network(**inputs)
    _, _, mask = start(inputs["source"], network.anatomy(*_poses(inputs)))
    for block in output.aux["masks"].split(1, dim=1):
        grown = mask + (1 - mask) * block  # the text's formula
        assert bool((grown >= mask).all())
        mask = grown
    torch.testing.assert_close(output.aux["mask"], mask)


def test_a_block_that_writes_everything_moves_the_person(inputs: dict[str, Tensor]) -> None:
    """In the torso's middle is what was eight pixels to the right in the source, unharmed."""
    for block in (0, 1):
        output = writing_everything(build(blocks=2), block)(**inputs)
        middle = (slice(None), slice(None), slice(38, 48), slice(28, 36))
        moved = inputs["source"].roll(-8, dims=3)
        torch.testing.assert_close(output.image[middle], moved[middle], atol=0.06, rtol=0)
        assert float(output.aux["masks"][:, block].min()) > 0.99
        assert float(output.aux["masks"][:, 1 - block].max()) < 0.01


def test_where_nothing_is_written_the_source_stays_without_its_person(
    inputs: dict[str, Tensor],
) -> None:
    network = writing_everything(build(blocks=2), block=9)
    output = network(**inputs)
    _, cleared, mask = start(inputs["source"], network.anatomy(*_poses(inputs)))
    torch.testing.assert_close(output.image, cleared)
    torch.testing.assert_close(output.aux["mask"], mask)
    corner = (slice(None), slice(None), slice(0, 8), slice(0, 8))
    torch.testing.assert_close(output.image[corner], inputs["source"][corner], atol=0.01, rtol=0)


def test_what_is_transferred_is_premultiplied_and_laid_over() -> None:
    pictures = torch.zeros(1, PARTS, 3, 2, 2)
    pictures[:, 0] = 0.8
    shares = torch.zeros(1, PARTS + 2, 2, 2)
    shares[:, 0], shares[:, PARTS], shares[:, PARTS + 1] = 0.25, 0.25, 0.5
    moved = Moved(pictures, torch.ones(1, PARTS, 2, 2), torch.zeros(1, 9, 2, 2))
    taken = transfer(moved, shares, torch.full((1, 3, 2, 2), -0.4))
    torch.testing.assert_close(taken, torch.full((1, 3, 2, 2), 0.25 * 0.8 - 0.25 * 0.4))
    image, mask = fuse(
        taken, 1 - shares[:, -1:], torch.ones(1, 3, 2, 2), torch.full((1, 1, 2, 2), 0.2)
    )
    torch.testing.assert_close(image, torch.full((1, 3, 2, 2), 0.1 + 0.5))
    torch.testing.assert_close(mask, torch.full((1, 1, 2, 2), 0.2 + 0.8 * 0.5))


def test_the_local_branch_sees_the_region_alone(inputs: dict[str, Tensor]) -> None:
    torch.manual_seed(0)
    branch = Branch(BranchConfig(region="generated", width=4, layers=3), TASK).eval()
    mask = torch.zeros(1, 1, 128, 64)
    mask[..., 40:80, 20:40] = 1
    given = {"target_pose": inputs["target_pose"], "generated_mask": mask}
    inside, outside = inputs["source"].clone(), inputs["source"].clone()
    inside[..., 50:60, 25:35] = 0
    outside[..., :30, :] = 0
    scores = branch(inputs["source"], **given)
    assert torch.equal(scores, branch(outside, **given))
    assert not torch.equal(scores, branch(inside, **given))


def _poses(inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    return inputs["source_keypoints"], inputs["target_keypoints"]

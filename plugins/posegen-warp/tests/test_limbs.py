"""What is special about the network `limbs`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from posegen_warp.config import LimbsConfig
from posegen_warp.limbs import Limbs
from torch import Tensor

from posegen.core import (
    BODY_PARTS,
    Anatomy,
    ConfigError,
    Kind,
    TaskInfo,
    capsule_masks,
    cleared,
)
from posegen.plugins import component_config, registry
from posegen.plugins.testing import standing, turned

SIZE = (128, 64)
#: A fixture that makes something of its arguments.
Make = Callable[..., Any]
TASK = TaskInfo(SIZE, pose_channels=18)
SMALL = {"widths": (8, 8, 8), "source_widths": (4, 4)}


def build(**options: object) -> Limbs:
    torch.manual_seed(0)
    return Limbs(LimbsConfig(**{**SMALL, **options}), TASK).eval()


@pytest.fixture
def inputs() -> Callable[..., dict[str, Tensor]]:
    """Return what makes a source of noise, whose person stands `shift` beside the target's."""

    def make(shift: tuple[float, float] = (0.0, 0.0)) -> dict[str, Tensor]:
        random = torch.Generator().manual_seed(1)
        return {
            "source": torch.rand(1, 3, *SIZE, generator=random) * 2 - 1,
            "source_keypoints": turned(standing(), 0.0, 1.0, shift),
            "target_keypoints": standing(),
            "source_pose": torch.rand(1, 18, *SIZE, generator=random),
            "target_pose": torch.rand(1, 18, *SIZE, generator=random),
        }

    return make


def test_from_the_first_step_on_the_body_is_moved_there(inputs: Make) -> None:
    """Without any training: where the body is, the picture is the source's, moved."""
    given = inputs((8.0, -4.0))
    with torch.no_grad():
        image = build()(**given).image
    moved = given["source"].roll((4, -8), dims=(2, 3))
    body = (slice(None), slice(None), slice(35, 55), slice(28, 36))  # the torso
    near = (image[body] - moved[body]).abs().mean()
    assert near < 0.5 * (image[body] - given["source"][body]).abs().mean()


def test_attention_is_what_is_copied_and_flow_is_the_way(inputs: Make) -> None:
    given = inputs((8.0, -4.0))
    aux = build()(**given).aux
    shares, flow = aux["shares"], aux["flow"]
    assert shares.shape == (1, len(BODY_PARTS) + 3, *SIZE)
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(1, *SIZE))
    # What grids draw: bright where the picture is copied from parts, dark where it is not.
    copied = aux["attention"]
    torch.testing.assert_close(copied[:, 0], shares[:, : len(BODY_PARTS)].sum(dim=1))
    assert copied[0, 0, 40:54, 28:36].min() > 0.5 > copied[0, 0, :, :4].max()
    assert flow.shape == (1, 2, SIZE[0] // 2, SIZE[1] // 2)
    # In pixels of its own size: half of (8, -4), times what the parts have of that place.
    there = flow[0, :, 20:27, 14:18].mean(dim=(1, 2))
    part = shares[0, : len(BODY_PARTS), 40:54, 28:36].sum(dim=0).mean()
    torch.testing.assert_close(there / part, torch.tensor([4.0, -2.0]), atol=0.3, rtol=0)


def test_a_missing_part_takes_no_share(inputs: Make) -> None:
    given = inputs()
    given["source_keypoints"] = standing("openpose18", "left_knee")
    shares = build()(**given).aux["shares"][0, : len(BODY_PARTS)].amax(dim=(1, 2))
    absent = [name for name, share in zip(BODY_PARTS, shares, strict=True) if share < 0.01]
    assert absent == ["left hip-knee", "left knee-ankle"]


def test_the_maximum_of_the_paper_is_another_network() -> None:
    attention, maximum = build(), build(merge="maximum")
    names = {name for name, _ in attention.named_parameters()}
    assert names - {name for name, _ in maximum.named_parameters()} == {
        "ups.0.merge.query.weight",
        "ups.0.merge.query.bias",
    }


@pytest.mark.parametrize("name", ["coco17", "mediapipe33", "wholebody133"])
def test_other_skeletons_give_the_same_picture(name: str, inputs: Make) -> None:
    given = inputs((3.0, 2.0))
    torch.manual_seed(0)
    other = Limbs(LimbsConfig(**SMALL), TaskInfo(SIZE, 18, skeleton=name)).eval()
    with torch.no_grad():
        image = build()(**given).image
        given["source_keypoints"] = turned(standing(name), 0.0, 1.0, (3.0, 2.0))
        given["target_keypoints"] = standing(name)
        torch.testing.assert_close(other(**given).image, image)


def test_half_precision_moves_as_exactly(inputs: Make) -> None:
    given = inputs((8.0, -4.0))
    network = build(norm="none")
    with torch.no_grad():
        exact = network(**given).image
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(**given).image
    assert (exact - rough.float()).abs().max() < 0.05


def test_more_source_levels_than_there_are_is_refused() -> None:
    for options in ({"widths": [4, 4, 4], "source_widths": [4, 4, 4]}, {"widths": [4, 4]}):
        with pytest.raises(ConfigError, match=r"generator\.?"):
            component_config(registry(), Kind.GENERATOR, "limbs", options, "generator")


def test_the_body_is_taken_out_of_the_source_and_the_rest_stays() -> None:
    mask = capsule_masks(Anatomy("openpose18")(standing(), standing()).source, SIZE, 2)
    mask = mask.amax(dim=1, keepdim=True)
    body = torch.nn.functional.interpolate(mask, scale_factor=2.0)
    picture = torch.where(body > 0.9, 1.0, -0.5).expand(1, 3, *SIZE)
    without = cleared(picture, mask, steps=4)
    assert (without - -0.5).abs().max() < 0.1
    far = (body < 1e-4).expand_as(without)
    assert (without - picture)[far].abs().max() < 1e-3


def test_a_source_without_anybody_stays_as_it_is() -> None:
    picture = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(2))
    assert torch.equal(cleared(picture, torch.zeros(1, 1, 64, 32), steps=4), picture)

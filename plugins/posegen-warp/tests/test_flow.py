"""What is special about the network `flow`: where it fetches from, and what it lays open."""

from __future__ import annotations

import pytest
import torch
from posegen_warp.attention import LocalAttention, patch_grid, warped
from posegen_warp.config import CorrectnessConfig, FlowConfig
from posegen_warp.flow import Flow
from posegen_warp.flow_losses import FlowCorrectness
from torch import Tensor, nn

from posegen.core import Batch, ConfigError, Kind, TaskInfo, fetch
from posegen.plugins import component_config, registry

SMALL = {"widths": (4, 4, 8), "flow_widths": (4, 4, 8, 8), "attention_width": 4}


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def shift(right: float, down: float, *, size: tuple[int, int] = (8, 6), count: int = 1) -> Tensor:
    return torch.tensor([right, down]).view(1, 2, 1, 1).expand(count, 2, *size)


def build(size: tuple[int, int] = (64, 32), **options: object) -> Flow:
    torch.manual_seed(0)
    return Flow(FlowConfig(**{**SMALL, **options}), TaskInfo(size, 18)).eval()


def inputs(size: tuple[int, int] = (64, 32)) -> dict[str, Tensor]:
    return {
        "source": noise(2, 3, *size),
        "source_pose": noise(2, 18, *size, seed=1).abs(),
        "target_pose": noise(2, 18, *size, seed=2).abs(),
    }


def test_no_flow_copies_the_source() -> None:
    features = noise(2, 3, 8, 6)
    torch.testing.assert_close(warped(features, torch.zeros(2, 2, 8, 6)), features)


def test_a_flow_fetches_from_the_right_and_from_below() -> None:
    features = noise(1, 3, 8, 6)
    there = warped(features, shift(2, 3))
    torch.testing.assert_close(there[..., :5, :4], features[..., 3:, 2:])
    torch.testing.assert_close(there[..., 5:, :4], features[..., 7:, 2:].expand(-1, -1, 3, -1))
    half = warped(features, shift(0.5, 0))
    torch.testing.assert_close(half[..., :5], (features[..., :5] + features[..., 1:]) / 2)


def test_a_patch_is_read_row_by_row() -> None:
    features = noise(1, 3, 8, 6)
    patch = fetch(features, patch_grid(shift(1, 0), 3))[0, :, :, 4, 2]  # around column 3, row 4
    torch.testing.assert_close(patch, features[0, :, 3:6, 2:5].flatten(1))


def test_attention_to_one_place_is_plain_warping() -> None:
    torch.manual_seed(0)
    attention = LocalAttention(4, 1, 8)
    target, source, flow = noise(2, 4, 8, 6), noise(2, 4, 8, 6, seed=1), 3 * noise(2, 2, 8, 6)
    torch.testing.assert_close(attention(target, source, flow), warped(source, flow))


def test_attention_weighs_the_patch_by_both_sides() -> None:
    """By hand: of each patch the place where the source is bright, if the target asks for it."""
    attention = LocalAttention(1, 3, 9)
    source = torch.zeros(1, 1, 8, 6)
    source[..., 4, 3] = 1.0
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.zero_()
        attention.source.weight[:, :, 0, 0] = torch.eye(9)
        attention.weights[1].weight[:, :, 0, 0] = 50 * torch.eye(9)
    seen = attention(torch.zeros(1, 1, 8, 6), source, torch.zeros(1, 2, 8, 6))
    expected = nn.functional.max_pool2d(source, 3, stride=1, padding=1)
    torch.testing.assert_close(seen, expected, atol=1e-4, rtol=0)
    attention.target.weight.data[0, 0, 1, 1] = -50.0  # and the target speaks against its first
    first = attention(torch.ones(1, 1, 8, 6), source, torch.zeros(1, 2, 8, 6))
    assert first[0, 0, 5, 4] < 0.2  # the bright place is the first of the patch there
    assert first[0, 0, 4, 3] > 0.9


def test_flows_and_masks_are_laid_open_by_level() -> None:
    aux = build()(**inputs()).aux
    shapes = {name: tuple(value.shape[1:]) for name, value in aux.items()}
    assert shapes == {
        "flow": (2, 16, 8),
        "mask_4": (1, 16, 8),
        "flow_8": (2, 8, 4),
        "mask_8": (1, 8, 4),
        "attention": (1, 16, 8),
    }
    assert torch.equal(aux["attention"], aux["mask_4"])
    assert aux["flow"].abs().max() == 0  # before training nothing moves, and half is fetched
    assert aux["mask_4"].eq(0.5).all()


def test_where_the_mask_is_one_the_source_comes_from_where_the_flow_says() -> None:
    """A source whose person stands 8 pixels beside gives the same picture, by a flow of 2 places.

    With a mask of 1 and patches of one place, nothing else of the target side is left.
    """
    network = build(patches=(0, 1), norm="none", blocks=0)
    given = inputs()
    moved = {**given, "source": given["source"].roll(8, dims=3)}
    head = network.flow.heads["1"]
    with torch.no_grad():
        head.bias[2] = 100.0
        here = network(**given).image
        head.bias[0] = 2.0
        there = network(**moved).image
        head.bias[0] = 0.0
        unmoved = network(**moved).image
    # But for the border, where what was rolled out of the picture has come in again.
    inside = (slice(None), slice(None), slice(8, -8), slice(12, -16))
    torch.testing.assert_close(there[inside], here[inside], atol=1e-4, rtol=0)
    assert (unmoved - here)[inside].abs().max() > 10 * (there - here)[inside].abs().max()


def test_the_picture_itself_is_fetched_by_the_finest_flow() -> None:
    network, given = build(copy_picture=True), inputs()
    with torch.no_grad():
        network.head.bias[12:] = 100.0  # all of every pixel is fetched
        output = network(**given)
        torch.testing.assert_close(output.image, given["source"])
        assert output.aux["attention"].eq(1).all()
        network.flow.heads["1"].bias[0] = 2.0  # two places of the level at 1/4: 8 pixels
        moved = network(**given).image
        network.head.bias[12:] = -100.0
        painted = network(**given).image
    torch.testing.assert_close(moved[..., :-8], given["source"][..., 8:], atol=1e-5, rtol=1e-5)
    assert (painted - moved).abs().mean() > 0.1


def test_the_flow_finds_a_known_shift() -> None:
    """Sources that stand 8 pixels to the right of where the pose wants them: a flow of 2 places."""
    network = build(size=(32, 32), patches=(0, 1), norm="none").train()
    loss = FlowCorrectness(CorrectnessConfig(features="colours"), TaskInfo((32, 32), 18))
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    smooth = nn.Upsample(scale_factor=8.0, mode="bilinear")
    pose = torch.zeros(4, 18, 32, 32)
    losses = []
    for step in range(120):
        target = smooth(noise(4, 3, 4, 4, seed=step))
        source = target.roll(8, dims=3)
        output = network(source=source, source_pose=pose.roll(8, dims=3), target_pose=pose)
        value = loss(output, Batch({"source": source, "target": target}))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(float(value.detach()))
    flow = output.aux["flow"][:, :, 1:-1, 1:-3].mean(dim=(0, 2, 3))
    torch.testing.assert_close(flow, torch.tensor([2.0, 0.0]), atol=0.5, rtol=0)
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])


def test_a_size_that_cannot_be_halved_five_times_works() -> None:
    """DeepFashion's 176 columns are 5.5 at 1/32."""
    network = build(size=(64, 48), flow_widths=(4, 4, 8, 8, 8))
    given = inputs((64, 48))
    assert network(**given).image.shape == (2, 3, 64, 48)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patches": [0, 4]}, "odd"),
        ({"patches": [0, 0]}, "at least one level"),
        ({"widths": [8, 8], "patches": [0, 3, 3]}, "more levels than widths"),
    ],
)
def test_patches_that_cannot_be_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        component_config(registry(), Kind.GENERATOR, "flow", options, "generator")

"""The losses `style`, `tv` and `multi-scale`: their formulas, and the conformance kit on them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from posegen.config import experiment, preset
from posegen.core import Batch, ConfigError, FieldKind, GeneratorOutput, TaskInfo, style_distance
from posegen.core.features import VGG19Features
from posegen.plugins.testing import check
from posegen.training.loss_config import MultiScaleConfig, StyleConfig
from posegen.training.losses import MultiScale, StyleLoss, TotalVariation, resized_batch

TASK = TaskInfo((32, 16), pose_channels=18)


def batch(height: int = 32, width: int = 16) -> Batch:
    random = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, height, width, generator=random) * 2 - 1
    return Batch({"source": image, "target": image.flip(0)})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("style", {"network": "random-vgg", "layers": ["relu1_1", "relu2_1"]}),
        ("style", {"network": "random-vgg", "layers": ["relu1_1"], "distance": "squared"}),
        ("tv", {}),
        ("multi-scale", {"loss": {"name": "l1"}}),
        (
            "multi-scale",
            {"loss": {"name": "random-vgg", "layers": ["relu1_1"]}, "scales": [1, 0.5]},
        ),
    ],
)
def test_they_keep_the_contract(name: str, options: dict[str, object]) -> None:
    check(name, kind="loss", options=options).raise_on_failure()


def test_style_is_the_difference_of_gram_matrices() -> None:
    """Two channels by hand: L1 is the mean over the matrix, squared the sum."""
    made = torch.tensor([[[[1.0, 2.0]], [[0.0, 1.0]]]])  # (1, 2, 1, 2): C·H·W = 4
    goal = torch.tensor([[[[1.0, 0.0]], [[0.0, 0.0]]]])
    # Gram: [[5, 2], [2, 1]] / 4 and [[1, 0], [0, 0]] / 4
    assert style_distance([made], [goal], "l1").item() == pytest.approx((4 + 2 + 2 + 1) / 4 / 4)
    squared = style_distance([made, made], [goal, goal], "squared").item()
    assert squared == pytest.approx(2 * (16 + 4 + 4 + 1) / 16)


def test_style_compares_the_layers_that_are_named() -> None:
    options = StyleConfig(network="random-vgg", layers=("relu1_1", "relu2_1"), seed=3)
    given = batch()
    network = VGG19Features.random(options.layers, 3)
    made, goal = network(given.source), network(given.target)
    expected = style_distance(made.values(), goal.values(), "l1")
    value = StyleLoss(options, TASK)(GeneratorOutput(given.source), given)
    torch.testing.assert_close(value, expected)


def test_total_variation_by_hand() -> None:
    image = torch.zeros(1, 3, 2, 3)
    image[..., 0, 1] = 1.0
    value = TotalVariation(StyleConfig(), TASK)(GeneratorOutput(image), batch())
    assert value.item() == pytest.approx(2 / 4 + 1 / 3)  # of four steps across, and three down


def test_scales_are_added() -> None:
    given = batch()

    def value(*scales: float) -> Tensor:
        loss = MultiScale(MultiScaleConfig(loss={"name": "l1"}, scales=scales), TASK)
        return loss(GeneratorOutput(given.source), given)

    half = [
        functional.interpolate(image, (16, 8), mode="bilinear", antialias=True)
        for image in (given.source, given.target)
    ]
    torch.testing.assert_close(value(0.5), (half[0] - half[1]).abs().mean())
    torch.testing.assert_close(value(1, 0.5), value(1) + value(0.5))


def test_keypoints_move_along_and_the_batch_is_made_once() -> None:
    given = batch(32, 16)
    points = torch.tensor([[[3.5, 7.5, 1.0]], [[0.0, 0.0, 0.0]]])
    given = Batch(
        {**given.tensors, "target_keypoints": points},
        kinds={"target_keypoints": FieldKind.POINTS},
    )
    smaller = resized_batch(given, 0.5)
    assert smaller.target.shape == (2, 3, 16, 8)
    torch.testing.assert_close(smaller.target_keypoints[0, 0], torch.tensor([1.5, 3.5, 1.0]))
    assert resized_batch(given, 0.5) is smaller  # so that two losses share its features
    assert resized_batch(given, 1.0) is given


def test_the_loss_within_is_validated_with_the_configuration() -> None:
    def resolved(*overrides: str) -> dict[str, object]:
        config = experiment(
            preset("patn", "demo"),
            overrides=["losses.l1=none", "losses.x.name=multi-scale", *overrides],
        )
        return config.losses["x"].options

    options = resolved("losses.x.loss.name=random-vgg")
    assert options["loss"] == {"name": "random-vgg", "layers": ["relu1_2", "relu2_2"], "seed": 0}
    with pytest.raises(ConfigError, match=r"losses\.x\.loss: .* needs a value"):
        resolved()
    with pytest.raises(ConfigError, match=r"'random-vgg' has no such option; .*'seed'"):
        resolved("losses.x.loss.name=random-vgg", "losses.x.loss.sead=1")
    with pytest.raises(ConfigError, match="the loss within has no name"):
        resolved("losses.x.loss.seed=1")
    with pytest.raises(ConfigError, match="random-vgh"):
        resolved("losses.x.loss.name=random-vgh")

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import torch
import torchvision
from plain.recorded import recorded_weight
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import Tensor, nn

from posegen.core import Batch, GeneratorOutput, Kind, TaskInfo, WeightsError
from posegen.core.features import VGG19Features
from posegen.plugins import build, registry
from posegen.training.loss_config import RandomVGGConfig, VGG19LossConfig, VGGLayer
from posegen.training.losses import RandomVGGLoss, VGG19Loss

TASK = TaskInfo((16, 16), pose_channels=18)


def batch() -> Batch:
    random = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, 16, 16, generator=random) * 2 - 1
    return Batch({"source": image, "target": image.flip(0)})


def vgg(convolutions: int) -> dict[str, Tensor]:
    """The first convolutions of a VGG-19 in torchvision's layout, by the recordings' formula."""
    shapes = {0: (64, 3), 2: (64, 64), 5: (128, 64), 7: (128, 128)}
    tensors: dict[str, Tensor] = {}
    for index, (outputs, inputs) in list(shapes.items())[:convolutions]:
        for name, shape in (("weight", (outputs, inputs, 3, 3)), ("bias", (outputs,))):
            key = f"features.{index}.{name}"
            tensors[key] = recorded_weight(key, shape)
    return tensors


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "vgg19-dcbb9e9d.pth"
    torch.save({**vgg(4), "classifier.0.weight": torch.zeros(1)}, path)
    return path


def test_layer_names_are_torchvisions_layers() -> None:
    with torch.device("meta"):
        reference = torchvision.models.vgg19().features
    stage, number = 1, 1
    for index, layer in enumerate(reference):
        if isinstance(layer, nn.MaxPool2d):
            stage, number = stage + 1, 1
        elif isinstance(layer, nn.ReLU):
            ours = VGG19Features([f"relu{stage}_{number}"], identity=None).features
            assert len(ours) == index + 1  # and no more than is needed
            assert [type(a) for a in ours] == [type(b) for b in reference[: index + 1]]
            shapes = {key: value.shape for key, value in ours.state_dict().items()}
            wanted = reference[: index + 1].state_dict()
            assert shapes == {key: value.shape for key, value in wanted.items()}
            assert f"relu{stage}_{number}" in get_args(VGGLayer)
            number += 1
    assert len(get_args(VGGLayer)) == 16


def test_it_is_the_published_term(weights: Path) -> None:
    loss = VGG19Loss(VGG19LossConfig(weights=weights), TASK)
    tensors = vgg(2)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])

    def features(image: Tensor) -> Tensor:
        values = ((image + 1) / 2 - mean[:, None, None]) / std[:, None, None]
        for index in (0, 2):
            weight, bias = tensors[f"features.{index}.weight"], tensors[f"features.{index}.bias"]
            values = nn.functional.conv2d(values, weight, bias, padding=1).relu()
        return values

    data = batch()
    wanted = (features(data.source) - features(data.target)).abs().mean()
    torch.testing.assert_close(loss(GeneratorOutput(data.source), data), wanted)


def test_terms_of_several_layers_are_added(weights: Path) -> None:
    data = batch()
    values = []
    for layers in (("relu1_2",), ("relu2_2",), ("relu2_2", "relu1_2")):
        loss = VGG19Loss(VGG19LossConfig(layers=layers, weights=weights), TASK)
        values.append(loss(GeneratorOutput(data.source), data))
    torch.testing.assert_close(values[0] + values[1], values[2])


def test_only_the_generated_image_gets_a_gradient() -> None:
    loss = RandomVGGLoss(RandomVGGConfig(), TASK)
    data = batch()
    image, target = data.source.requires_grad_(), data.target.clone().requires_grad_()
    loss(GeneratorOutput(image), data.having(target=target)).backward()
    assert image.grad is not None
    assert image.grad.any()
    assert target.grad is None
    assert not any(parameter.requires_grad for parameter in loss.parameters())


def test_losses_of_the_same_network_look_at_a_target_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []
    forward = VGG19Features.forward

    def counted(self: VGG19Features, image: Tensor) -> dict[str, Tensor]:
        seen.append(image)
        return forward(self, image)

    monkeypatch.setattr(VGG19Features, "forward", counted)
    one, same, other = (RandomVGGLoss(RandomVGGConfig(seed=seed), TASK) for seed in (0, 0, 1))
    data = batch()
    values = [loss(GeneratorOutput(data.source), data) for loss in (one, same, other)]
    assert values[0] == values[1] != values[2]
    assert [image is data.target for image in seen] == [True, False, False, True, False]
    one(GeneratorOutput(data.source), data.having(target=data.source))
    assert len(seen) == 7  # another target


def test_they_are_components_of_the_engine() -> None:
    for name in ("l1", "random-vgg"):
        component = registry().get(Kind.LOSS, name)
        assert component.record.package == "posegen"
        config = component.load_config()
        loss = build(registry(), Kind.LOSS, name, config and config(), TASK)
        assert loss(GeneratorOutput(batch().source), batch()) > 0
    assert registry().get(Kind.LOSS, "vgg19").spec.weights == ("vgg19-dcbb9e9d.pth",)


def test_the_same_image_costs_nothing() -> None:
    data = batch()
    assert RandomVGGLoss(RandomVGGConfig(), TASK)(GeneratorOutput(data.target), data) == 0


def test_missing_weights_name_the_file_and_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("POSEGEN_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"vgg19-dcbb9e9d\.pth") as caught:
        VGG19Loss(VGG19LossConfig(), TASK)
    assert "--set losses.perceptual.weights=FILE" in str(caught.value)


def test_another_networks_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({**vgg(2), "features.2.weight": torch.zeros(64, 64, 5, 5)}, path)
    with pytest.raises(WeightsError, match=r"other\.safetensors.*features\.2\.weight"):
        VGG19Loss(VGG19LossConfig(weights=path), TASK)
    save_file(vgg(1), path)
    with pytest.raises(WeightsError, match=r"other\.safetensors.*features\.2\.weight"):
        VGG19Loss(VGG19LossConfig(weights=path), TASK)


def test_random_weights_are_a_function_of_the_seed_alone() -> None:
    def first(seed: int) -> dict[str, Tensor]:
        return RandomVGGLoss(RandomVGGConfig(seed=seed), TASK).state_dict()

    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = first(0)
    assert torch.equal(torch.get_rng_state(), before)  # the run's own random numbers are left alone
    torch.manual_seed(2)
    same, other = first(0), first(1)
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not torch.equal(one["network.features.0.weight"], other["network.features.0.weight"])


def test_random_weights_keep_the_scale_of_the_activations() -> None:
    features = VGG19Features.random(get_args(VGGLayer), seed=0)
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) / 2
    sizes = [values.square().mean().sqrt().item() for values in features(image).values()]
    assert len(sizes) == 16
    assert max(sizes) < 10 * min(sizes)


@pytest.mark.parametrize("layers", [[], ["relu6_1"], ["relu1_1", "relu1_1"]])
def test_wrong_layers_are_refused(layers: list[str]) -> None:
    with pytest.raises(ValidationError, match="layers"):
        RandomVGGConfig(layers=layers)

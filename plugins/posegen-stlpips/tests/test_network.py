from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from posegen_stlpips.convert import BINOMIAL, SHIPPED, SHIPPED_SHA256, convert, sha256
from posegen_stlpips.network import ALEX, VGG, BlurredConv2d, STLPIPSNetwork, blur, load_network
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from posegen.core import ConfigError, WeightsError

Pictures = Callable[..., tuple[Tensor, Tensor]]


@pytest.fixture(scope="module")
def network() -> STLPIPSNetwork:
    return load_network(None)


def as_published() -> dict[str, Tensor]:
    """The shipped tensors under the published names."""
    tensors = {name: tensor.float() for name, tensor in load_file(SHIPPED).items()}
    state = {f"scaling_layer.{name}": tensors.pop(name) for name in ("shift", "scale")}
    for index, place in enumerate(("1.0", "2.5", "3.9", "4.11", "5.13")):
        for kind in ("weight", "bias"):
            state[f"net.slice{place}.{kind}"] = tensors[f"convolutions.{index}.{kind}"]
        state[f"lin{index}.model.1.weight"] = tensors[f"heads.{index}"].view(1, -1, 1, 1)
    taps = torch.tensor(BINOMIAL)
    state["net.slice1.1.filt"] = torch.outer(taps, taps).expand(64, 1, 3, 3).clone()
    return state


def test_the_published_packages_numbers(
    network: STLPIPSNetwork, recorded: dict[str, Any], pictures: Pictures
) -> None:
    for case in recorded["cases"]:
        one, other = pictures(case["seed"], tuple(case["size"]))
        # These tell a change of PyTorch's random numbers from one of the network.
        assert [one.double().mean().item(), other.double().mean().item()] == pytest.approx(
            case["mean"], rel=1e-6
        )
        means = [stage.double().mean().item() for stage in network(one)]
        assert means == pytest.approx(case["activations"], rel=1e-3)
        distance = network.distance(network.directions(one), network.directions(other))
        assert distance.item() == pytest.approx(case["distance"], rel=1e-3)


def test_what_ships_is_what_was_converted_and_brings_its_licence() -> None:
    assert sha256(SHIPPED) == SHIPPED_SHA256
    assert SHIPPED.stat().st_size < 5_000_000
    licence = (SHIPPED.parent / "LICENSE").read_text(encoding="utf-8")
    assert "Copyright (c) 2022, Abhijay Ghildyal, Feng Liu" in licence
    with safe_open(SHIPPED, framework="pt") as file:
        assert licence in file.metadata()["about"]


def test_a_wheel_has_weights_and_licence(tmp_path: Path) -> None:
    from zipfile import ZipFile

    from hatchling.builders.wheel import WheelBuilder

    (wheel,) = WheelBuilder(str(Path(__file__).parents[1])).build(directory=str(tmp_path))
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        assert archive.read("posegen_stlpips/weights/alex.safetensors") == SHIPPED.read_bytes()
    assert "posegen_stlpips/weights/LICENSE" in names
    assert any(name.endswith("licenses/src/posegen_stlpips/weights/LICENSE") for name in names)


def test_it_is_frozen_and_draws_no_random_numbers() -> None:
    state = torch.get_rng_state()
    network = load_network(None)
    assert torch.equal(torch.get_rng_state(), state)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert all(tensor.dtype == torch.float32 for tensor in network.state_dict().values())


@pytest.mark.parametrize("size", [(128, 64), (22, 24), (21, 24), (24, 21), (23, 23)])
def test_a_convolution_and_its_blur_are_one(network: STLPIPSNetwork, size: tuple[int, int]) -> None:
    layer = network.convolutions[0]
    assert isinstance(layer, BlurredConv2d)
    image = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0), requires_grad=True)
    expected = blur(nn.Conv2d.forward(layer, image))
    folded = layer(image)
    torch.testing.assert_close(folded, expected, rtol=1e-4, atol=1e-5)
    weights = torch.rand(expected.shape, generator=torch.Generator().manual_seed(1))
    one, other = (torch.autograd.grad(out, image, weights)[0] for out in (folded, expected))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_the_blur_keeps_what_is_even_and_takes_every_second_place() -> None:
    flat = torch.full((1, 2, 6, 4), 3.0)
    assert torch.equal(blur(flat), torch.full((1, 2, 4, 3), 3.0))
    spot = torch.zeros(1, 1, 6, 6)
    spot[..., 3, 2] = 16  # beside the places of row 2; at a place of column 2, and its mirror
    assert blur(spot)[0, 0].tolist() == [[0] * 4, [0] * 4, [2, 2, 2, 0], [0] * 4]


@pytest.mark.parametrize("layers", [ALEX, VGG])
def test_the_least_size_is_the_least(layers: Any) -> None:
    def built(least: int) -> STLPIPSNetwork:
        network = STLPIPSNetwork(layers._replace(least=least), "").requires_grad_(False)
        nn.init.ones_(network.scale)
        if isinstance(first := network.convolutions[0], BlurredConv2d):
            first.fold()
        return network

    least = layers.least
    assert len(built(least)(torch.zeros(1, 3, least, 64))) == 5
    with pytest.raises(ConfigError, match=f"64×{least - 1} pixels is too small .*{least} or more"):
        built(least)(torch.zeros(1, 3, 64, least - 1))
    with pytest.raises(RuntimeError, match=r"[Pp]adding"):  # it is refused for a reason
        built(1)(torch.zeros(1, 3, 64, least - 1))


def test_it_tolerates_a_shift_and_no_blur(network: STLPIPSNetwork) -> None:
    patches = torch.rand(1, 3, 16, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    image = nn.functional.interpolate(patches, (128, 64))
    whole = network.directions(image[..., 1:])
    shifted = network.distance(network.directions(image[..., :-1]), whole)
    soft = nn.functional.avg_pool2d(image[..., 1:], 5, 1, padding=2, count_include_pad=False)
    blurred = network.distance(network.directions(soft), whole)
    moved, changed = image[..., :-1] - image[..., 1:], soft - image[..., 1:]
    assert moved.square().mean() > changed.square().mean()  # by pixels, the shift is the worse
    assert 0 < 5 * shifted < blurred
    assert network.distance(whole, whole) == 0


def test_dead_places_have_a_gradient_of_zero_and_not_nan(pictures: Pictures) -> None:
    network = load_network(None)
    assert network.convolutions[-1].bias is not None
    network.convolutions[-1].bias.fill_(-1e6)  # type: ignore[operator]
    image, other = pictures(0, (32, 32))
    image.requires_grad_()
    distance = network.distance(network.directions(image), network.directions(other))
    distance.sum().backward()
    assert image.grad is not None
    assert image.grad.isfinite().all()
    assert image.grad.any()


def test_published_files_are_read_as_they_are(tmp_path: Path, network: STLPIPSNetwork) -> None:
    torch.save(as_published(), tmp_path / "alex_shift_tolerant.pth")
    again = load_network(tmp_path / "alex_shift_tolerant.pth")
    for name, tensor in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    assert again.weights.startswith("alex_shift_tolerant.pth, sha256 ")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"net.slice1.1.filt": torch.full((64, 1, 3, 3), 1 / 9)}, "net.slice1.1.filt"),
        ({"classifier.weight": torch.zeros(1)}, "classifier.weight"),
        ({"net.slice2.5.weight": torch.zeros(192, 64, 3, 3)}, "convolutions.1.weight"),
        ({"lin5.model.1.weight": torch.zeros(1, 4, 1, 1)}, "heads.5"),
    ],
)
def test_another_networks_file_is_refused(
    change: dict[str, Tensor], named: str, tmp_path: Path
) -> None:
    save_file(as_published() | change, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match=rf"other\.safetensors: .*{named}") as caught:
        load_network(tmp_path / "other.safetensors")
    assert "alex_shift_tolerant.pth" in str(caught.value)


def test_only_a_published_file_is_converted(tmp_path: Path) -> None:
    torch.save(as_published(), tmp_path / "mine.pth")
    with pytest.raises(WeightsError, match=r"mine\.pth: not a published file"):
        convert(tmp_path / "mine.pth", tmp_path / "new.safetensors")
    assert not (tmp_path / "new.safetensors").exists()

from __future__ import annotations

import warnings
from types import SimpleNamespace

import lpips
import pytest
import torch
import torchvision
from safetensors.torch import save_file

from posegen.core import WeightsError
from posegen.evaluation.metrics.config import LPIPSConfig
from posegen.evaluation.metrics.lpips import LPIPS, TRUNKS

NETS = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}


def features(net):
    """Return torchvision's convolutional part with seeded random weights."""
    with torch.device("meta"):
        layers = getattr(torchvision.models, NETS[net])(weights=None).features
    layers = layers.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for weight in layers.parameters():
            spread = (2 / weight[0].numel()) ** 0.5 if weight.ndim > 1 else 0.05
            weight.copy_(torch.randn(weight.shape, generator=generator) * spread)
    return layers


def write(path, net):
    """Write a file as torchvision publishes it, its classifier shortened."""
    state = {f"features.{name}": tensor for name, tensor in features(net).state_dict().items()}
    state["classifier.1.weight"] = torch.zeros(2, 2)
    (save_file if path.suffix == ".safetensors" else torch.save)(state, path)
    return path


@pytest.fixture
def images(natural, scored):
    return scored(natural(0, 3, (64, 48)), natural(1, 3, (64, 48)))


@pytest.fixture
def torch_home(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("POSEGEN_OFFLINE", "1")
    checkpoints = tmp_path / "home" / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    return checkpoints


@pytest.mark.parametrize("net", NETS)
def test_equals_the_package_with_the_same_trunk(net, tmp_path, images, monkeypatch, capsys):
    file = write(tmp_path / "trunk.pth", net)
    before = torch.random.get_rng_state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metric = LPIPS(LPIPSConfig(net=net, weights=file))
    assert capsys.readouterr() == ("", "")
    assert torch.equal(before, torch.random.get_rng_state())

    trunk = SimpleNamespace(features=features(net))
    monkeypatch.setattr(torchvision.models, NETS[net], lambda pretrained: trunk)
    reference = lpips.LPIPS(net=net, verbose=False)  # slices the trunk by itself
    generated, target = (x.float() / 127.5 - 1 for x in (images.generated, images.target))
    with torch.no_grad():
        expected = reference(generated, target).flatten().double()
    metric.update(images)
    assert expected.min() > 0.01
    torch.testing.assert_close(metric.per_image(), expected, rtol=1e-5, atol=1e-7)
    assert metric.compute().item() == pytest.approx(expected.mean().item(), rel=1e-5)


def test_equal_images_are_at_distance_zero_in_training_mode_too(tmp_path, images, scored):
    metric = LPIPS(LPIPSConfig(weights=write(tmp_path / "trunk.safetensors", "alex")))
    metric.train()
    metric.update(scored(images.target, images.target))
    assert metric.per_image().tolist() == [0, 0, 0]
    first, again = metric.score(images), metric.score(images)
    assert torch.equal(first, again)


def test_two_parts_merge_to_one_pass(tmp_path, images, scored):
    metric = LPIPS(LPIPSConfig(weights=write(tmp_path / "trunk.pth", "alex")))
    whole, first, second = metric.clone(), metric.clone(), metric.clone()
    whole.update(images)
    first.update(scored(images.generated[:1], images.target[:1]))
    second.update(scored(images.generated[1:], images.target[1:]))
    first.merge_state(second)
    torch.testing.assert_close(first.compute(), whole.compute(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("net", NETS)
def test_missing_weights_name_the_file_and_the_option(net, torch_home):
    with pytest.raises(WeightsError) as caught:
        LPIPS(LPIPSConfig(net=net))
    message = str(caught.value)
    assert str(torch_home / TRUNKS[net].filename) in message
    assert f"{TRUNKS[net].url} (sha256 {TRUNKS[net].sha256})" in message
    assert "`--lpips-weights FILE`" in message
    assert "`--metrics st-lpips`" in message  # what can be had at once
    assert "\n" not in message


def test_damaged_file_in_the_cache(torch_home):
    file = torch_home / "alexnet-owt-7be5be79.pth"
    file.write_bytes(b"half a download")
    with pytest.raises(WeightsError, match=f"{file}: damaged .*--lpips-weights FILE"):
        LPIPS(LPIPSConfig())


def test_damaged_file_of_the_user(tmp_path):
    file = write(tmp_path / "trunk.pth", "squeeze")
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=f"{file}: cannot be read as a file of weights"):
        LPIPS(LPIPSConfig(net="squeeze", weights=file))


def test_missing_file_of_the_user(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.pth: no such file"):
        LPIPS(LPIPSConfig(weights=tmp_path / "none.pth"))


def test_weights_of_another_network(tmp_path):
    file = write(tmp_path / "trunk.pth", "squeeze")
    with pytest.raises(WeightsError, match="not AlexNet's ImageNet weights") as caught:
        LPIPS(LPIPSConfig(weights=file))
    assert "give alexnet-owt-7be5be79.pth with `--lpips-weights FILE`." in str(caught.value)


def test_weights_with_a_layer_missing_misshapen_or_too_many(tmp_path):
    good = torch.load(write(tmp_path / "trunk.pth", "alex"), weights_only=True)
    bad = {
        "Missing key.*8.bias": {k: v for k, v in good.items() if k != "features.8.bias"},
        "size mismatch for slice2.3.weight": {
            **good,
            "features.3.weight": good["features.3.weight"][..., :3, :3],
        },
        "Unexpected key.*12.weight": {**good, "features.12.weight": torch.zeros(1)},
    }
    for reason, state in bad.items():
        torch.save(state, tmp_path / "bad.pth")
        with pytest.raises(WeightsError, match=reason):
            LPIPS(LPIPSConfig(weights=tmp_path / "bad.pth"))


def test_the_trunk_is_named(tmp_path):
    metric = LPIPS(LPIPSConfig(net="squeeze", weights=write(tmp_path / "trunk.pth", "squeeze")))
    assert "on squeeze (trunk.pth, sha256 " in metric.describe()


def test_copies_share_the_network(tmp_path, images):
    file = write(tmp_path / "trunk.pth", "alex")
    metric, again = LPIPS(LPIPSConfig(weights=file)), LPIPS(LPIPSConfig(weights=file))
    assert metric.clone().network is metric.network is again.network
    assert not metric.state_dict()
    other = LPIPS(LPIPSConfig(weights=write(tmp_path / "trunk.safetensors", "alex")))
    assert other.network is not metric.network


def test_batches_that_are_no_longer_8_bits(tmp_path, images, scored):
    """A protocol may keep the fractions of a resize."""
    metric = LPIPS(LPIPSConfig(weights=write(tmp_path / "trunk.pth", "alex")))
    floats = scored(images.generated.float(), images.target.float())
    torch.testing.assert_close(metric.score(floats), metric.score(images))

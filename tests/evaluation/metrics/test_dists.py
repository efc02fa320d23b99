from __future__ import annotations

import copy

import pytest
import torch
import torchvision
from torch.nn.functional import conv2d
from torchmetrics.functional.image import dists as theirs
from torchmetrics.functional.image.dists import deep_image_structure_and_texture_similarity

from posegen.core import WeightsError
from posegen.evaluation.metrics.config import DISTSConfig
from posegen.evaluation.metrics.dists import DISTS, PUBLISHED


@pytest.fixture(scope="session")
def trunk(filled):
    """torchvision's VGG-16 up to its classifier, with seeded random weights."""
    with torch.device("meta"):
        layers = torchvision.models.vgg16(weights=None, init_weights=False).features
    layers.load_state_dict(filled(layers.state_dict(), 3), assign=True)
    return layers.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def weights(trunk, tmp_path_factory):
    """A file as torchvision publishes it, its classifier shortened."""
    state = {f"features.{name}": tensor for name, tensor in trunk.state_dict().items()}
    state["classifier.0.weight"] = torch.zeros(2, 2)
    path = tmp_path_factory.mktemp("weights") / "vgg16.pth"
    torch.save(state, path)
    return path


@pytest.fixture
def images(natural, scored):
    return scored(natural(0, 3, (64, 48)), natural(1, 3, (64, 48)))


def test_equals_torchmetrics_with_the_same_trunk(weights, trunk, images, monkeypatch):
    before = torch.random.get_rng_state()
    metric = DISTS(DISTSConfig(weights=weights))
    assert torch.equal(before, torch.random.get_rng_state())
    metric.update(images)

    class Whole:
        features = copy.deepcopy(trunk)

    monkeypatch.setattr(theirs, "vgg16", lambda weights: Whole)
    expected = deep_image_structure_and_texture_similarity(
        images.generated / 255, images.target / 255
    ).double()
    assert expected.min() > 0.01
    torch.testing.assert_close(metric.per_image(), expected, rtol=1e-4, atol=1e-6)
    assert metric.compute().item() == pytest.approx(expected.mean().item(), rel=1e-4)


def l2_pool(x):
    """The root of a Hann-weighted mean of squares, at every second pixel."""
    window = torch.tensor([0.5, 1.0, 0.5])
    window = torch.outer(window, window) / 4
    kernel = window.expand(x.shape[1], 1, 3, 3)
    return (conv2d(x**2, kernel, stride=2, padding=1, groups=x.shape[1]) + 1e-12).sqrt()


def test_equals_the_definition(weights, trunk, images):
    """The paper's similarities of texture and of structure, weighted channel by channel."""
    stages, ends = [], (4, 9, 16, 23, 30)
    for image in (images.generated / 255, images.target / 255):
        mean, deviation = (
            torch.tensor(v).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        )
        x, found = (image - mean) / deviation, [image]
        for number, layer in enumerate(trunk):
            if number in ends:
                found.append(x)
            x = l2_pool(x) if isinstance(layer, torch.nn.MaxPool2d) else layer(x.clone())
        stages.append(found)
    channel_weights = torch.load(theirs._PATH_WEIGHT_DISTS, weights_only=True)
    alpha, beta = (channel_weights[name].flatten().double() for name in ("alpha", "beta"))
    texture, structure = [], []
    for a, b in zip(*stages, strict=True):
        a, b = a.double().flatten(2), b.double().flatten(2)
        texture.append(
            (2 * a.mean(2) * b.mean(2) + 1e-6) / (a.mean(2) ** 2 + b.mean(2) ** 2 + 1e-6)
        )
        covariance = (a * b).mean(2) - a.mean(2) * b.mean(2)
        variances = a.var(2, correction=0) + b.var(2, correction=0)
        structure.append((2 * covariance + 1e-6) / (variances + 1e-6))
    total = alpha.sum() + beta.sum()
    similarity = (torch.cat(texture, 1) @ alpha + torch.cat(structure, 1) @ beta) / total
    ours = DISTS(DISTSConfig(weights=weights)).score(images)
    torch.testing.assert_close(ours.double(), 1 - similarity, rtol=1e-4, atol=1e-5)


def test_equal_images_and_a_single_one(weights, images, scored):
    metric = DISTS(DISTSConfig(weights=weights))
    metric.update(scored(images.target[:1], images.target[:1]))
    assert metric.per_image().shape == (1,)
    assert metric.compute().item() == pytest.approx(0, abs=1e-5)


def test_copies_share_the_network(weights, images):
    metric = DISTS(DISTSConfig(weights=weights))
    copied = metric.clone()
    assert copied.network is metric.network
    copied.update(images)
    assert metric.per_image().numel() == 0
    assert not metric.state_dict()


def test_missing_weights_name_file_digest_and_option(offline):
    with pytest.raises(WeightsError) as caught:
        DISTS(DISTSConfig())
    message = str(caught.value)
    assert "VGG-16's ImageNet weights for dists" in message
    assert str(offline / "vgg16-397923af.pth") in message
    assert f"(sha256 {PUBLISHED.sha256})" in message
    assert "`--set dists.weights=FILE`" in message


def test_weights_of_another_network(tmp_path):
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="not VGG-16's ImageNet weights for dists") as caught:
        DISTS(DISTSConfig(weights=tmp_path / "other.pth"))
    assert "give vgg16-397923af.pth with `--set dists.weights=FILE`." in str(caught.value)


def test_the_trunk_is_named(weights):
    assert "VGG-16 (vgg16.pth, sha256 " in DISTS(DISTSConfig(weights=weights)).describe()

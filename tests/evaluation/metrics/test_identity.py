from __future__ import annotations

from pathlib import Path

import pytest
import torch

from posegen.core.errors import WeightsError
from posegen.evaluation.metrics.config import IdentityConfig
from posegen.evaluation.metrics.identity import Identity
from posegen.evaluation.metrics.reid_network import (
    ReidConfig,
    ReidNetwork,
    load_network,
    save_network,
    start_from,
)


@pytest.fixture
def network(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    made = ReidNetwork(ReidConfig(network="resnet10", image_size=(32, 16), people=3)).eval()
    save_network(made, tmp_path / "network")
    return tmp_path / "network"


def test_without_a_network_it_says_which_option_names_one():
    with pytest.raises(WeightsError, match=r"--set identity\.network=DIR"):
        Identity(IdentityConfig())


def test_a_folder_without_one_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"no network of `posegen reid`"):
        Identity(IdentityConfig(network=tmp_path))


def test_equal_pictures_are_of_the_same_person(network, natural, scored):
    metric = Identity(IdentityConfig(network=network))
    pictures = natural(1, 3, (64, 32))
    metric.update(scored(pictures, pictures))
    assert metric.per_image().tolist() == pytest.approx([1, 1, 1], abs=1e-5)
    metric.reset()
    metric.update(scored(pictures.flip(0), pictures))
    values = metric.per_image()
    assert values[1] == pytest.approx(1, abs=1e-5)
    assert values[0] < 0.999
    assert values[0] == pytest.approx(float(values[2]), abs=1e-5)  # it is symmetric
    assert "resnet10" in metric.describe()


def test_against_the_source(network, natural, scored):
    metric = Identity(IdentityConfig(network=network, against="source"))
    one, two = natural(1, 2, (64, 32)), natural(2, 2, (64, 32))
    batch = scored(one, two)
    batch.tensors["source"] = one
    metric.update(batch)
    assert metric.per_image().tolist() == pytest.approx([1, 1], abs=1e-5)


def test_a_network_is_read_back_as_it_was(tmp_path, natural):
    torch.manual_seed(2)
    made = ReidNetwork(ReidConfig(network="resnet10", image_size=(32, 16), people=3)).eval()
    save_network(made, tmp_path)
    pictures = natural(3, 2, (40, 20))
    assert torch.equal(load_network(tmp_path, "x").embed(pictures), made.embed(pictures))


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_torchvision_s_weights_fit(name, tmp_path):
    from torchvision import models

    published = getattr(models, name)()
    torch.save(published.state_dict(), tmp_path / "w.pth")
    network = ReidNetwork(ReidConfig(network=name, image_size=(64, 32), people=2))
    start_from(network, tmp_path / "w.pth")
    assert torch.equal(network.backbone.layer3[0].conv1.weight, published.layer3[0].conv1.weight)
    last = network.eval().backbone.layer4
    assert last(torch.zeros(1, last[0].conv1.in_channels, 4, 2)).shape[-2:] == (4, 2)
    other = ReidNetwork(ReidConfig(network="resnet34", image_size=(64, 32), people=2))
    with pytest.raises(WeightsError, match="not the weights of this network"):
        start_from(other, tmp_path / "w.pth")

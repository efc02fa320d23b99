from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from posegen_patn.config import PATNConfig, ResnetDiscriminatorConfig
from posegen_patn.convert import PATNOfficial
from posegen_patn.discriminator import ResnetDiscriminator
from posegen_patn.generator import PATNGenerator
from torch import Tensor

from posegen.core import TaskInfo, WeightsError

PATH = Path("latest_net_netG.pth")
TASK = TaskInfo((32, 16), pose_channels=18)
Norm = Literal["batch", "instance"]


def convert(tensors: dict[str, Tensor]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    return PATNOfficial().convert(tensors, PATH)


def without_name(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key != "name"}


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("dropout", [True, False])
def test_generators_are_converted(published: Any, norm: Norm, dropout: bool) -> None:
    tensors = published(ngf=4, blocks=3, norm=norm, dropout=dropout).weights("netG")
    tree, converted = convert(tensors)
    assert tree["generator"] == {
        "name": "patn",
        "ngf": 4,
        "blocks": 3,
        "norm": norm,
        "dropout": 0.5 if dropout else 0.0,
    }
    network = PATNGenerator(PATNConfig(**without_name(tree["generator"])), TASK)
    network.load_state_dict(converted)  # strict
    assert sorted(map(id, converted.values())) == sorted(map(id, tensors.values()))


def test_each_tensor_comes_to_its_place(published: Any) -> None:
    tensors = published().weights("netG")
    _, converted = convert(tensors)
    places = {
        "image_encoder.stem.conv.weight": "model.stream1_down.1.weight",
        "image_encoder.down2.norm.running_var": "model.stream1_down.8.running_var",
        "pose_encoder.down1.norm.bias": "model.stream2_down.5.bias",
        "blocks.0.pose_branch.first.norm.weight": "model.att.0.conv_block_stream2.2.weight",
        "blocks.2.pose_branch.second.conv.weight": "model.att.2.conv_block_stream2.6.weight",
        "blocks.1.image_branch.second.norm.weight": "model.att.1.conv_block_stream1.7.weight",
        "decoder.up2.norm.running_mean": "model.stream1_up.4.running_mean",
        "decoder.head.conv.bias": "model.stream1_up.7.bias",
    }
    for ours, theirs in places.items():
        assert converted[ours] is tensors[theirs]


def test_the_encoder_goes_with_the_data_set(published: Any) -> None:
    market, _ = convert(published(norm="batch").weights("netG"))
    assert market["encoder"] == {"name": "gaussian", "sigma": 6.0}
    assert market["image_size"] == [128, 64]
    fashion, _ = convert(published(norm="instance").weights("netG"))
    assert fashion["encoder"] == {"name": "one-hot"}
    assert fashion["image_size"] == [256, 176]


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("dropout", [True, False])
@pytest.mark.parametrize(("name", "condition"), [("netD_PP", "source"), ("netD_PB", "target_pose")])
def test_discriminators_are_converted(
    published: Any, norm: Norm, dropout: bool, name: str, condition: str
) -> None:
    tree, converted = convert(published(norm=norm, dropout=dropout).weights(name))
    assert tree == {
        "discriminator": {
            "name": "patn-resnet",
            "conditions": [condition],
            "ngf": 4,
            "blocks": 3,
            "norm": norm,
            "dropout": 0.5 if dropout else 0.0,
        }
    }
    config = ResnetDiscriminatorConfig(**without_name(tree["discriminator"]))
    ResnetDiscriminator(config, TASK).load_state_dict(converted)


@pytest.mark.parametrize("name", ["netG", "netD_PB"])
def test_stale_statistics_of_instance_norm_are_dropped(published: Any, name: str) -> None:
    tensors = published(norm="instance").weights(name)
    stem = "model.stream1_down" if name == "netG" else "model"
    stale = {f"{stem}.2.running_mean": torch.ones(4), f"{stem}.2.running_var": torch.ones(4)}
    tree, converted = convert({**tensors, **stale})
    assert (tree, converted.keys()) == (convert(tensors)[0], convert(tensors)[1].keys())


def test_batch_norm_from_before_the_counter_is_converted(published: Any) -> None:
    tensors = published().weights("netG")
    old = {key: value for key, value in tensors.items() if "num_batches" not in key}
    assert convert(old)[1].keys() == convert(tensors)[1].keys()


def test_the_prefix_of_data_parallel_is_accepted(published: Any) -> None:
    tensors = published().weights("netG")
    tree, converted = convert({f"module.{key}": value for key, value in tensors.items()})
    assert (tree, converted.keys()) == (convert(tensors)[0], convert(tensors)[1].keys())


def broken(tensors: dict[str, Tensor], key: str, change: Any) -> dict[str, Tensor]:
    if change is None:
        return {name: tensor for name, tensor in tensors.items() if name != key}
    return {**tensors, key: change}


@pytest.mark.parametrize(
    ("network", "key", "change"),
    [
        ("netG", "model.att.1.conv_block_stream2.6.weight", None),
        ("netG", "model.att.1.conv_block_stream1.6.weight", torch.zeros(16, 16, 5, 5)),
        ("netG", "model.stream1_up.9.weight", torch.zeros(1)),
        ("netG", "model.stream2_down.1.weight", None),
        ("netG", "model.stream2_down.1.weight", torch.zeros(4, 37, 7, 7)),
        ("netG", "model.stream1_down.1.weight", torch.tensor(0.0)),
        ("netG", "model.stream1_down.2.weight", None),
        ("netG", "model.stream1_down.2.running_var", None),
        ("netD_PP", "model.12.conv_block.1.weight", None),
        ("netD_PP", "model.1.weight", torch.zeros(4, 7, 7, 7)),
        ("netD_PB", "model.14.weight", torch.zeros(1)),
    ],
)
def test_what_is_not_the_published_network_is_named(
    published: Any, network: str, key: str, change: Any
) -> None:
    tensors = broken(published().weights(network), key, change)
    with pytest.raises(WeightsError) as caught:
        convert(tensors)
    message = str(caught.value)
    assert message.startswith(f"{PATH}: ")
    if key != "model.stream1_down.1.weight":
        assert repr(key) in message
    assert message.count("\n") == 0


@pytest.mark.parametrize("tensors", [{}, {"features.0.weight": torch.zeros(64, 3, 3, 3)}])
def test_other_files_are_refused(tensors: dict[str, Tensor]) -> None:
    with pytest.raises(WeightsError, match="not a network of the published PATN code"):
        convert(tensors)


def test_a_generator_without_blocks_is_refused(published: Any) -> None:
    tensors = published().weights("netG")
    with pytest.raises(WeightsError, match=r"model\.att\.0"):
        convert({key: value for key, value in tensors.items() if ".att." not in key})


def test_files_name_the_networks_of_the_model() -> None:
    assert set(PATNOfficial.files.values()) == {"generator", "appearance", "shape"}

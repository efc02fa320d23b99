from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from posegen_movenet.convert import CONVERTED, convert, layers
from posegen_movenet.network import (
    SHIPPED,
    VARIANTS,
    Maps,
    MoveNetNetwork,
    decode,
    load_network,
)
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from posegen.core import WeightsError

SIDE = 48


@pytest.fixture(scope="module")
def network() -> MoveNetNetwork:
    return load_network(None)


def test_the_published_graphs_numbers(
    network: MoveNetNetwork,
    recorded: list[dict[str, Any]],
    pictures: Callable[[int], list[Tensor]],
) -> None:
    shown = pictures(network.variant.size)
    for picture, case in zip(shown, recorded, strict=True):
        assert picture.double().mean().item() == pytest.approx(case["mean"])
        joints, _ = decode(network(picture[None].float()))
        expected = torch.tensor(case["joints"])
        torch.testing.assert_close(joints[0, 0][:, [1, 0, 2]], expected, rtol=0, atol=1e-3)


def test_a_batch_is_its_pictures(
    network: MoveNetNetwork, pictures: Callable[[int], list[Tensor]]
) -> None:
    inputs = torch.stack(pictures(network.variant.size)).float()
    joints, scores = decode(network(inputs))
    for number, image in enumerate(inputs):
        alone, score = decode(network(image[None]))
        torch.testing.assert_close(joints[number], alone[0], rtol=0, atol=1e-4)
        torch.testing.assert_close(scores[number], score[0], rtol=0, atol=1e-4)


def blank() -> Maps:
    """Maps on which nothing is to be seen."""
    sizes = (1, 34, 17, 34)
    centres, reach, joints, offsets = (torch.zeros(1, n, SIDE, SIDE) for n in sizes)
    return Maps(centres - 20, reach, joints - 20, offsets)


def test_a_joint_is_where_its_map_and_the_middle_agree() -> None:
    maps = blank()
    maps.centres[0, 0, 20, 30] = 3
    maps.reach[0, 10:12, 20, 30] = torch.tensor((4.0, -6.0))  # of joint 5, to (24, 24)
    maps.joints[0, 5, 25, 24] = 0.0  # a place from where the middle tells
    maps.joints[0, 5, 40, 4] = 9.0  # higher, and somebody else's
    maps.offsets[0, 10:12, 25, 24] = torch.tensor((0.25, 0.75))
    joints, scores = decode(maps)
    assert joints[0, 0, 5].tolist() == pytest.approx([24.75 / SIDE, 25.25 / SIDE, 0.5])
    assert scores.item() == pytest.approx(torch.tensor(3.0).sigmoid().item())


def test_of_several_people_the_middle_one_is_first() -> None:
    maps = blank()
    for row, column, logit in ((22, 26, 0.0), (20, 5, 2.0), (20, 6, 1.5)):
        maps.centres[0, 0, row, column] = logit
    maps.joints[0, 0, 22, 26] = maps.joints[0, 0, 20, 5] = 2.0
    joints, scores = decode(maps, 3)
    assert scores[0, :2].tolist() == pytest.approx([0.5, torch.tensor(2.0).sigmoid().item()])
    assert scores[0, 2] < 1e-6  # what is beside a peak is none
    assert joints[0, :2, 0, 0].tolist() == pytest.approx([26 / SIDE, 5 / SIDE])


def test_what_ships_is_what_was_converted_and_brings_its_licences() -> None:
    import hashlib

    assert hashlib.sha256(SHIPPED.read_bytes()).hexdigest() == CONVERTED["lightning"]
    assert SHIPPED.stat().st_size < 4_700_000
    licence = (SHIPPED.parent / "LICENSE").read_text(encoding="utf-8")
    for part in (
        "Copyright Google LLC",
        "Copyright (c) 2021 Vladimir Mandic",
        "Version 2.0, January",
    ):
        assert part in licence
    with safe_open(SHIPPED, framework="pt") as file:
        assert licence in file.metadata()["about"]
    assert {tensor.dtype for tensor in load_file(SHIPPED).values()} == {torch.float16}


def test_a_wheel_has_weights_and_licences(tmp_path: Path) -> None:
    from zipfile import ZipFile

    from hatchling.builders.wheel import WheelBuilder

    (wheel,) = WheelBuilder(str(Path(__file__).parents[1])).build(directory=str(tmp_path))
    with ZipFile(wheel) as archive:
        names = archive.namelist()
        assert archive.read("posegen_movenet/weights/lightning.safetensors") == SHIPPED.read_bytes()
    assert "posegen_movenet/weights/LICENSE" in names
    assert any(name.endswith("licenses/src/posegen_movenet/weights/LICENSE") for name in names)


@pytest.mark.parametrize("name", list(VARIANTS))
def test_every_layer_has_a_published_name(name: str) -> None:
    with torch.device("meta"):
        network = MoveNetNetwork(VARIANTS[name])
    named = {f"{k}.weight" for k in layers()} | {f"{k}.bias" for k, v in layers().items() if v[1]}
    assert named == set(network.state_dict())
    theirs = [name for pair in layers().values() for name in pair if name]
    assert len(set(theirs)) == len(theirs)


def test_it_is_frozen_and_draws_no_random_numbers() -> None:
    state = torch.get_rng_state()
    network = load_network(None)
    assert torch.equal(torch.get_rng_state(), state)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert all(tensor.dtype == torch.float32 for tensor in network.state_dict().values())


def test_thunders_file_is_known_by_its_shapes(tmp_path: Path) -> None:
    tensors = {k: v.half() for k, v in MoveNetNetwork(VARIANTS["thunder"]).state_dict().items()}
    save_file(tensors, tmp_path / "thunder.safetensors")
    assert load_network(tmp_path / "thunder.safetensors").variant == VARIANTS["thunder"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"extra": torch.zeros(1)}, "extra"),
        ({"top.weight": torch.zeros(64, 64, 1, 1)}, "top.weight"),
        ({"stem.bias": torch.zeros(56)}, "blocks.0.depthwise.bias"),
    ],
)
def test_another_networks_file_is_refused(
    change: dict[str, Tensor], named: str, tmp_path: Path
) -> None:
    save_file(load_file(SHIPPED) | change, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match=rf"other\.safetensors: not .*MoveNet \('{named}'"):
        load_network(tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match=r"nowhere\.safetensors: no such file"):
        load_network(tmp_path / "nowhere.safetensors")


def test_only_a_published_graph_is_converted(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"movenet-lightning\.json: no such file; take both"):
        convert(tmp_path / "movenet-lightning.json", tmp_path / "new.safetensors")
    (tmp_path / "movenet-lightning.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"movenet-lightning\.json: not a published file"):
        convert(tmp_path / "movenet-lightning.json", tmp_path / "new.safetensors")
    assert not (tmp_path / "new.safetensors").exists()

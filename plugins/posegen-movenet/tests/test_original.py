"""The network and the published graphs, which run in an interpreter: where they are there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from posegen_movenet.convert import CONVERTED, convert
from posegen_movenet.network import SHIPPED, VARIANTS, decode, load_network
from torch import Tensor

Original = Callable[[str], Path]
Interpret = Callable[[Path, Tensor], Tensor]
Pictures = Callable[[int], list[Tensor]]


@pytest.fixture(scope="module", params=list(VARIANTS))
def converted(
    request: pytest.FixtureRequest, original: Original, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """A variant's name, and its weights."""
    path = tmp_path_factory.mktemp("weights") / f"{request.param}.safetensors"
    assert convert(original(request.param), path) == CONVERTED[request.param]
    return request.param, path


def test_the_network_computes_what_the_published_graph_computes(
    converted: tuple[str, Path], original: Original, interpret: Interpret, pictures: Pictures
) -> None:
    name, path = converted
    network = load_network(path)
    assert network.variant == VARIANTS[name]
    for picture in pictures(network.variant.size):
        expected = interpret(original(name), picture)
        joints, _ = decode(network(picture[None].float()))
        torch.testing.assert_close(joints[0, 0][:, [1, 0, 2]], expected, rtol=0, atol=1e-3)


def test_the_shipped_file_is_made_of_the_published_one(original: Original, tmp_path: Path) -> None:
    convert(original("lightning"), tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == SHIPPED.read_bytes()


@pytest.mark.skipif(not os.environ.get("POSEGEN_RECORD"), reason="set POSEGEN_RECORD=1 to record")
def test_record(original: Original, interpret: Interpret, pictures: Pictures) -> None:
    cases = [
        {
            "mean": picture.double().mean().item(),
            "joints": [
                [round(value, 5) for value in joint]
                for joint in interpret(original("lightning"), picture).tolist()
            ],
        }
        for picture in pictures(VARIANTS["lightning"].size)
    ]
    made = {"graph": original("lightning").name, "joints": "y, x, score", "cases": cases}
    target = Path(__file__).parent / "recorded.json"
    target.write_text(json.dumps(made) + "\n", encoding="utf-8")

"""Equality with the published package, where it is installed.

`POSEGEN_RECORD=1 pytest plugins/posegen-stlpips/tests/test_original.py` writes its numbers anew,
for `test_network.py`, which needs no such package.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from posegen_stlpips.convert import PUBLISHED, SHIPPED, SHIPPED_SHA256, convert, sha256
from posegen_stlpips.network import load_network
from torch import Tensor

Original = Callable[[str], Any]
Pictures = Callable[..., tuple[Tensor, Tensor]]

#: Even, odd and mixed sizes, and the sizes of the field.
SIZES = ((128, 64), (64, 32), (57, 73), (64, 65), (22, 21), (176, 256))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("net", "size"), [*(("alex", size) for size in SIZES), ("vgg", (64, 32)), ("vgg", (57, 73))]
)
def test_distances_are_the_published_ones(
    net: str,
    size: tuple[int, int],
    original: Original,
    original_weights: Callable[[str], Path],
    pictures: Pictures,
) -> None:
    theirs, ours = original(net), load_network(original_weights(net))
    one, other = pictures(1, size)
    expected = theirs(one, other).detach().flatten()
    distance = ours.distance(ours.directions(one), ours.directions(other))
    torch.testing.assert_close(distance, expected, rtol=2e-5, atol=1e-7)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("weights", ["published", "shipped"])
def test_gradients_are_the_published_ones(
    weights: str,
    original: Original,
    original_weights: Callable[[str], Path],
    pictures: Pictures,
) -> None:
    ours = load_network(original_weights("alex") if weights == "published" else None)
    one, other = pictures(2, (128, 64))
    one.requires_grad_()
    (expected,) = torch.autograd.grad(original("alex")(one, other).sum(), one)
    distance = ours.distance(ours.directions(one), ours.directions(other))
    (gradient,) = torch.autograd.grad(distance.sum(), one)
    off = (gradient - expected).norm() / expected.norm()
    # Rounded kernels choose another maximum, where two of a pooling's inputs are nearly equal.
    assert off < (1e-4 if weights == "published" else 0.1)


def test_the_shipped_file_is_made_of_the_published_one(
    original_weights: Callable[[str], Path], tmp_path: Path
) -> None:
    published = original_weights("alex")
    assert sha256(published) == PUBLISHED[published.name]
    assert convert(published, tmp_path / "alex.safetensors") == SHIPPED_SHA256
    assert (tmp_path / "alex.safetensors").read_bytes() == SHIPPED.read_bytes()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not os.environ.get("POSEGEN_RECORD"), reason="set POSEGEN_RECORD=1 to record")
def test_record(original: Original, pictures: Pictures) -> None:
    theirs, cases = original("alex"), []
    with torch.no_grad():
        for seed, size in enumerate(SIZES):
            one, other = pictures(seed, size)
            stages = theirs.net(theirs.scaling_layer(one))
            cases.append(
                {
                    "seed": seed,
                    "size": size,
                    "mean": [one.double().mean().item(), other.double().mean().item()],
                    "activations": [stage.double().mean().item() for stage in stages],
                    "distance": theirs(one, other).item(),
                }
            )
    made = {"package": f"stlpips-pytorch {version('stlpips-pytorch')}", "net": "alex"}
    target = Path(__file__).parent / "recorded.json"
    target.write_text(json.dumps({**made, "cases": cases}, indent=1) + "\n", encoding="utf-8")

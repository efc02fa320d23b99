from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

#: Numbers of the published package's own code; `test_original.py` writes them.
RECORDED = Path(__file__).parent / "recorded.json"


def make_pictures(seed: int, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return two pictures that are something like each other: (1, 3, H, W) in [-1, 1]."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 8, 8, generator=random)
    smooth = nn.functional.interpolate(coarse, size, mode="bilinear", align_corners=True)
    grain = torch.rand(2, 1, 3, *size, generator=random)
    one, other = 1.8 * smooth + 0.2 * grain[0] - 1, 1.6 * smooth + 0.3 * grain[1] - 1
    return one.clamp(-1, 1), other.clamp(-1, 1)


@pytest.fixture
def pictures() -> Callable[..., tuple[Tensor, Tensor]]:
    return make_pictures


@pytest.fixture(scope="session")
def recorded() -> dict[str, Any]:
    return dict(json.loads(RECORDED.read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def original_weights() -> Callable[[str], Path]:
    """Where the published files are; the test is skipped where they are not installed."""
    spec = find_spec("stlpips_pytorch")
    if spec is None or spec.origin is None:
        pytest.skip("stlpips-pytorch is not installed: pip install --no-deps stlpips-pytorch")
    folder = Path(spec.origin).parent / "weights" / "vST0.0"
    return lambda net: folder / f"{net}_shift_tolerant.pth"


@pytest.fixture
def original(
    original_weights: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Any]:
    """The published metric, to compare with.

    The package imports two others that only its authors' debugging needs.
    """
    for name, attribute in (("IPython", "embed"), ("torchsummary", "summary")):
        module = types.ModuleType(name)
        setattr(module, attribute, None)
        monkeypatch.setitem(sys.modules, name, module)
    from stlpips_pytorch import stlpips

    def build(net: str) -> Any:
        return stlpips.LPIPS(net=net, variant="shift_tolerant", verbose=False).eval()

    return build

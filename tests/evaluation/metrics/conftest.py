"""Seeded random weights in the layouts of published files."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor


def _filled(state: dict[str, Tensor], seed: int) -> dict[str, Tensor]:
    """Return tensors of these shapes that keep activations at about 1 from layer to layer."""
    generator = torch.Generator().manual_seed(seed)
    filled = {}
    for name, like in state.items():
        noise = torch.randn(like.shape, generator=generator)
        if name.endswith("num_batches_tracked"):
            filled[name] = torch.tensor(7)
        elif name.endswith("running_var"):
            filled[name] = 1 + 0.1 * noise.abs()
        elif like.ndim > 1:
            filled[name] = noise * math.sqrt(2 / like[0].numel())
        else:
            filled[name] = 0.1 * noise + (1.0 if name.endswith("bn.weight") else 0.0)
    return filled


@pytest.fixture(scope="session")
def filled():
    """`filled(state, seed)`: random tensors for a state dict, which may be without storage."""
    return _filled


@pytest.fixture(scope="session")
def tf_weights(tmp_path_factory):
    """A file like torch-fidelity's, laid out by its own class."""
    from torch_fidelity import feature_extractor_inceptionv3 as module

    with pytest.MonkeyPatch.context() as patch, torch.device("meta"):
        network = module.FeatureExtractorInceptionV3
        patch.setattr(module, "load_state_dict_from_url", lambda *args, **options: {})
        patch.setattr(network, "load_state_dict", lambda self, state: None)
        state = network("inception", ["2048"]).state_dict()
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.save(_filled(state, 1), path)
    return path


@pytest.fixture(scope="session")
def torchvision_weights(tmp_path_factory):
    """A file like torchvision's Inception-v3, as old ones are without `num_batches_tracked`."""
    from torchvision.models import inception_v3

    with torch.device("meta"):
        state = inception_v3(weights=None, init_weights=False).state_dict()
    path = tmp_path_factory.mktemp("weights") / "inception_v3.pth"
    filled = _filled(state, 2)
    torch.save({k: v for k, v in filled.items() if not k.endswith("num_batches_tracked")}, path)
    return path


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """torchvision's cache, empty, and no network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("POSEGEN_OFFLINE", "1")
    checkpoints = tmp_path / "home" / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    return checkpoints


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of kept features."""
    monkeypatch.setenv("POSEGEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"

"""A person who steps aside."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from posegen.plugins.testing import standing, turned

SIZE = (128, 64)


@pytest.fixture
def inputs() -> dict[str, Tensor]:
    """Return what the generator reads: a person in the target, and eight pixels aside before."""
    random = torch.Generator().manual_seed(0)
    return {
        "source": torch.rand(1, 3, *SIZE, generator=random) * 2 - 1,
        "source_keypoints": turned(standing(), 0.0, 1.0, (8.0, 0.0)),
        "target_keypoints": standing(),
        "target_pose": torch.rand(1, 18, *SIZE, generator=random),
    }

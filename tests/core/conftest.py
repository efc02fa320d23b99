"""A standing person to move about."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from torch import Tensor

from posegen.plugins import testing


@pytest.fixture
def standing() -> Callable[..., Tensor]:
    """Return keypoints (1, K, 3) of a skeleton, some of them missing."""
    return testing.standing


@pytest.fixture
def turned() -> Callable[..., Tensor]:
    """Turn keypoints about the origin by an angle, scale them and shift them."""
    return testing.turned

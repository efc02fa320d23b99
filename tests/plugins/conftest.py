"""Components that are wrong on purpose, on the module path."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def faulty() -> Iterator[None]:
    """Make the modules of `faulty/` importable, here and in processes that the kit starts."""
    folder = str(Path(__file__).parent / "faulty")
    sys.path.insert(0, folder)
    yield
    sys.path.remove(folder)
    for name in [name for name in sys.modules if name.startswith("faulty_")]:
        del sys.modules[name]

"""What posegen sees of the package, and its options."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import posegen_people
import pytest
from posegen_people.config import PeopleConfig
from pydantic import ValidationError


@pytest.mark.parametrize("module", ["plugin", "config"])
def test_it_imports_no_torch(module: str) -> None:
    code = f"import sys, posegen_people.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "options",
    [
        {"image_size": (63, 32)},
        {"image_size": (4, 32)},
        {"pictures": 1},
        {"identities": 0},
        {"identities": 1_000_001},
        {"cache_mib": -1},
        {"size": (64, 32)},
    ],
)
def test_options_that_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PeopleConfig(**options)


def test_the_readme_has_every_option() -> None:
    text = (Path(posegen_people.__file__).parents[2] / "README.md").read_text()
    for name, field in PeopleConfig.model_fields.items():
        default = list(field.default) if isinstance(field.default, tuple) else field.default
        assert f"| `{name}` | {default} |" in text

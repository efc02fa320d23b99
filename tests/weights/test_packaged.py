"""Weights that come in a package: found by name, checked, taken where a user names none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import torch

import posegen
from posegen.core import ConfigError, WeightsError
from posegen.plugins import catalogue as catalogues
from posegen.weights import cache
from posegen.weights.bundle import file_digest
from posegen.weights.pull import pull, request

Picture = Callable[[str | Path], bytes]


@pytest.fixture
def package(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder `small` of an installed package whose code must never run."""
    place = tmp_path / "site" / "small_weights"
    place.mkdir(parents=True)
    (place / "__init__.py").write_text("raise AssertionError('it was run')\n")
    folder.rename(place / "small")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return place / "small"


@pytest.fixture
def listed(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes the only catalogue there is; keys of its one entry can be changed."""

    def write(**changes: Any) -> None:
        file = package / "model.safetensors"
        entry = {"name": "small", "model": "patn", "licence": "Apache-2.0", "data": "people"}
        entry |= {"package": "small-weights", "size": file.stat().st_size}
        entry |= {"sha256": file_digest(file), "default": True, **changes}
        target = tmp_path / "only.toml"
        target.write_text(tomli_w.dumps({"schema": 1, "weights": [entry]}))
        monkeypatch.setattr(catalogues, "shipped", lambda: target)

    return write


def test_are_found_by_name_and_by_default(
    package: Path, listed: Callable[..., None], picture: Picture
) -> None:
    listed()
    assert cache.find("small") == package
    assert cache.default().name == "small"
    assert picture("small") == picture(package)
    points = torch.tensor([[float(i % 16), float(i + 5), 1.0] for i in range(18)])
    image = torch.arange(3 * 32 * 16).reshape(3, 32, 16).remainder(255).byte()
    unnamed = posegen.load_model().generate(image, points, points.flip(0))
    assert unnamed.tobytes() == picture(package)
    assert "small_weights" not in sys.modules


def test_no_default_says_how_to_name_some_and_what_to_install(
    listed: Callable[..., None],
) -> None:
    listed(package="other-weights")
    with pytest.raises(WeightsError, match=r"give --weights RUN.*`pip install other-weights`"):
        posegen.load_model()
    listed(default=False)
    with pytest.raises(WeightsError, match=r"no weights are named; give --weights RUN\|WEIGHTS\.$"):
        cache.default()


def test_a_package_that_is_not_installed_is_named(listed: Callable[..., None]) -> None:
    listed(package="other-weights")
    with pytest.raises(WeightsError, match=r"small: .*`pip install other-weights`"):
        cache.find("small")
    with pytest.raises(ConfigError, match=r"not pulled, .* package other-weights"):
        request("small")


def test_other_weights_than_the_catalogue_describes_are_refused(
    listed: Callable[..., None],
) -> None:
    listed(sha256="0" * 64)
    for use in (lambda: cache.find("small"), cache.default):
        with pytest.raises(WeightsError, match=r"not the weights 'small' .* the same version"):
            use()


def test_pulled_weights_of_that_name_come_first(
    package: Path, listed: Callable[..., None], own_cache: Path
) -> None:
    listed()
    pull(request(str(package), name="small"))
    assert cache.find("small").parent == own_cache
    assert cache.default().name == "small"

"""posegen's conformance kit on everything in this package."""

from __future__ import annotations

import pytest
from posegen_patn.plugin import (
    posegen_converters,
    posegen_discriminators,
    posegen_generators,
    posegen_models,
)

from posegen.plugins.testing import check, check_plugin

(GENERATOR,) = posegen_generators()
(DISCRIMINATOR,) = posegen_discriminators()
(MODEL,) = posegen_models()
(CONVERTER,) = posegen_converters()


def test_the_plugin() -> None:
    check_plugin("posegen_patn.plugin").raise_on_failure()


@pytest.mark.parametrize(
    "options",
    [
        {"norm": "batch"},
        {"norm": "instance", "dropout": 0},
        {"norm": "batch", "attention": False, "init": "default"},
    ],
)
def test_the_generator(options: dict[str, object]) -> None:
    check(GENERATOR, options={"ngf": 4, "blocks": 2, **options}).raise_on_failure()


@pytest.mark.parametrize(
    "options",
    [
        {"conditions": ["source"], "norm": "batch", "pool_size": 3},
        {"conditions": ["target_pose"], "norm": "instance", "dropout": 0},
        {"conditions": ["source", "target_mask"], "norm": "batch", "blocks": 2},
    ],
)
def test_the_discriminator(options: dict[str, object]) -> None:
    check(DISCRIMINATOR, options={"ngf": 4, "blocks": 1, **options}).raise_on_failure()


def test_the_model() -> None:
    check(MODEL).raise_on_failure()


def test_the_converter(published: type) -> None:
    weights = published(ngf=2, blocks=2).weights("netG")
    check(CONVERTER, published=weights).raise_on_failure()

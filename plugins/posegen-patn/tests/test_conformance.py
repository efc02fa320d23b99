"""posegen's conformance kit on everything in this package."""

from __future__ import annotations

from dataclasses import replace

import pytest
from posegen_patn.plugin import (
    posegen_converters,
    posegen_discriminators,
    posegen_generators,
    posegen_losses,
)

from posegen.plugins.testing import (
    check_converter,
    check_discriminator,
    check_generator,
    check_loss,
    check_model,
    check_plugin,
)

(GENERATOR,) = posegen_generators()
(DISCRIMINATOR,) = posegen_discriminators()
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
    check_generator(GENERATOR, options={"ngf": 4, "blocks": 2, **options}).raise_on_failure()


def test_the_generator_is_compiled_and_exported_whole() -> None:
    able = replace(GENERATOR, capabilities=("compile", "export"))
    report = check_generator(able, options={"ngf": 4, "blocks": 2})
    assert report["compile"].ok, report["compile"]
    assert report["export"].ok, report["export"]


@pytest.mark.parametrize(
    "options",
    [
        {"conditions": ["source"], "norm": "batch", "pool_size": 3},
        {"conditions": ["target_pose"], "norm": "instance", "dropout": 0},
        {"conditions": ["source", "target_mask"], "norm": "batch", "blocks": 2},
    ],
)
def test_the_discriminator(options: dict[str, object]) -> None:
    whole = {"ngf": 4, "blocks": 1, **options}
    check_discriminator(DISCRIMINATOR, options=whole).raise_on_failure()


def test_the_losses() -> None:
    for spec in posegen_losses():
        report = check_loss(spec, options={"layers": ["relu1_1", "relu2_1"]})
        report.raise_on_failure()
        # A published file of weights is not here; the network itself is that of the random loss.
        assert report["build"].ok is (True if spec.name == "random-vgg" else None)


def test_the_model() -> None:
    check_model("patn").raise_on_failure()


def test_the_converter(published: type) -> None:
    weights = published(ngf=2, blocks=2).weights("netG")
    report = check_converter(CONVERTER, published=weights)
    report.raise_on_failure()
    assert report["converts"].ok

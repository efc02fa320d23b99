"""Posegen's own protocol files: that they can be used, and that they say what was published."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from posegen.core import Kind
from posegen.evaluation.protocols.loading import choose, load, names
from posegen.evaluation.protocols.schema import Column, Pad, Protocol, Resize, Variant
from posegen.plugins import component_config, registry

SIZES = {"market": (128, 64), "crop": (256, 176), "square": (256, 256), "large": (512, 352)}


def every() -> Iterator[tuple[Protocol, Variant, Column]]:
    for name in names():
        protocol = load(name)
        for variant in protocol.variants:
            for column in variant.columns:
                yield protocol, variant, column


@pytest.mark.parametrize(
    "column",
    [pytest.param(column, id=f"{p.name}:{v.name}:{column.name}") for p, v, column in every()],
)
def test_options_are_those_of_the_metric(column: Column) -> None:
    config = component_config(registry(), Kind.METRIC, column.metric, column.options, column.name)
    for key, value in column.options.items():
        assert getattr(config, key) == value


def test_files_are_named_as_their_protocols() -> None:
    assert [load(name).name for name in names()] == names()


@pytest.mark.parametrize(
    ("size", "variants"),
    [
        ("market", {"patn-2019": "market1501", "gfla-2020": "market1501"}),
        (
            "crop",
            {
                "patn-2019": "deepfashion",
                "gfla-2020": "deepfashion-256x176",
                "pidm-2023": "deepfashion-256x176",
                "cfld-2024": "deepfashion",
            },
        ),
        (
            "square",
            {
                "patn-2019": "deepfashion-256x256",
                "gfla-2020": "deepfashion",
                "pidm-2023": "deepfashion",
                "cfld-2024": "deepfashion-256x256",
            },
        ),
        ("large", {"cfld-2024": "deepfashion-512x352"}),
    ],
)
def test_which_variant_a_size_gets(size: str, variants: dict[str, str]) -> None:
    found = {}
    for name in names():
        protocol = load(name)
        fitting = [v for v in protocol.variants if v.size in (SIZES[size], None)]
        if fitting:
            found[name] = choose(protocol, None, SIZES[size]).name
    assert found == {**variants, "posegen-1": "as-is"}


def columns(text: str) -> dict[str, Column]:
    name, variant = text.split(":")
    return {column.name: column for column in choose(load(name), variant, (0, 0)).columns}


def test_patn_pads_deepfashion_and_not_for_pckh() -> None:
    found = columns("patn-2019:deepfashion")
    white = (Pad(left=40, right=40, value=255),)
    prepared = {name: column.prepare for name, column in found.items()}
    assert prepared == {"ssim": white, "is": white, "ds": white, "pckh": ()}
    assert all(not column.prepare for column in columns("patn-2019:market1501").values())


def test_tails() -> None:
    """8,570 DeepFashion pairs and 12,000 of Market-1501, in whole batches of 64."""
    assert (8570 % 64, 12000 % 64) == (58, 32)
    for text in (
        "gfla-2020:deepfashion-dropped-tail",
        "gfla-2020:market1501-dropped-tail",
        "pidm-2023:deepfashion-dropped-tail",
    ):
        dropped = {name: column.drop_last for name, column in columns(text).items()}
        assert {name for name, tail in dropped.items() if tail} == {"lpips", "fid"}
        assert columns(text)["fid"].options["drop_last"] == 64
    for protocol, variant, column in every():
        if "dropped-tail" not in variant.name and variant.name != "dptn":
            assert column.drop_last is None, (protocol.name, variant.name, column.name)


def test_pidm_compares_at_two_sizes() -> None:
    found = columns("pidm-2023:deepfashion")
    half = Resize(size=(256, 176), kernel="bilinear", library="opencv", round=False)
    assert {name for name, column in found.items() if half in column.prepare} == {"lpips", "fid"}
    assert found["ssim-256"].options["sigma"] == 1.2


def test_published_fids_are_against_the_training_set() -> None:
    for protocol, _, column in every():
        if column.metric == "fid":
            expected = (
                ("targets", "tf") if protocol.name == "posegen-1" else ("train", "torchvision")
            )
            assert (column.options["reference"], column.options["network"]) == expected


def test_generated_pictures_become_8_bit_as_published() -> None:
    ways = {(p.name, v.saved_as, v.rounding, v.saved_targets) for p, v, _ in every()}
    assert ways == {
        ("patn-2019", "jpeg", "truncate", True),
        ("gfla-2020", "jpeg", "truncate", False),
        ("pidm-2023", "png", "truncate", False),
        ("cfld-2024", "memory", "truncate", False),
        ("posegen-1", "memory", "round", False),
    }

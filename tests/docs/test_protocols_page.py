"""The tables of docs/protocols.md are made from the protocol files, and its example is one.

`POSEGEN_UPDATE_DOCS=1 pytest tests/docs` writes them anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from posegen.data.pictures import SUFFIXES
from posegen.evaluation.protocols.loading import choose, load, names
from posegen.evaluation.protocols.schema import Column, Pad, Resize, Step, Variant
from posegen.evaluation.results.layouts import LAYOUTS

UPDATE = os.environ.get("POSEGEN_UPDATE_DOCS", "") not in ("", "0")

#: The variants that stand beside each other in the first table.
MAIN = (
    "patn-2019:market1501",
    "patn-2019:deepfashion",
    "gfla-2020:deepfashion",
    "pidm-2023:deepfashion",
    "cfld-2024:deepfashion",
    "posegen-1:as-is",
)
NOTHING = "–"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def size(variant: Variant) -> str:
    return "{}×{}".format(*variant.size) if variant.size else "any"


def file(variant: Variant) -> str:
    quality = f", quality {variant.jpeg_quality}" if variant.saved_as == "jpeg" else ""
    targets = "; targets too" if variant.saved_targets else ""
    kind = {"memory": "none", "png": "PNG", "jpeg": "JPEG"}[variant.saved_as]
    return f"{kind}{quality}{targets}"


def resized(step: Resize) -> str:
    antialias = ", antialiased" if step.antialias else ""
    fractions = "" if step.round else ", not rounded"
    height, width = step.size
    library = {"pillow": "Pillow", "opencv": "OpenCV", "torch": "torch"}[step.library]
    return f"to {height}×{width}, {library} {step.kernel}{antialias}{fractions}"


def padded(step: Pad) -> str:
    return f"{step.left} and {step.right} columns of {step.value}"


def steps(variant: Variant, kind: type[Step], show: Callable[[Any], str]) -> str:
    """What is done to pictures, and for which columns where it is not all of them."""
    found: dict[str, list[str]] = {}
    for column in variant.columns:
        for step in variant.steps(column):
            if isinstance(step, kind):
                found.setdefault(show(step), []).append(column.name)
    every = len(variant.columns)
    return "; ".join(
        text if len(of) == every else f"{text} ({', '.join(of)})" for text, of in found.items()
    )


def window(column: Column) -> str:
    options = column.options
    if options["window"] == "uniform":
        shape = f"uniform {options['taps']}×{options['taps']}"
    else:
        shape = f"Gaussian σ {options['sigma']}, {options['taps']} taps"
    covariance = "sample" if options["sample_covariance"] else "population"
    span = "generated max − min" if options["data_range"] == "generated" else "255"
    return f"{shape}, {covariance} covariance, range {span}"


def masked(column: Column) -> str:
    return f"{window(column)}, mask of {column.options['mask']}"


def fid(column: Column) -> str:
    options = column.options
    network = {"tf": "TensorFlow's", "torchvision": "torchvision's"}[options["network"]]
    kernel = {"tf1": "TensorFlow 1's bilinear", "bilinear": "bilinear"}[options["resize"]]
    against = {"train": "training set", "targets": "targets"}[options["reference"]]
    return f"{network} Inception, {kernel} to 299×299, against the {against}"


def cell(variant: Variant, name: str, show: Callable[[Column], str]) -> str:
    found = [column for column in variant.columns if column.name == name]
    return show(found[0]) if found else ""


ROWS: dict[str, Callable[[Variant], str]] = {
    "pictures": size,
    "made from": lambda v: v.originals,
    "8 bits by": lambda v: {"round": "rounding", "truncate": "truncating"}[v.rounding],
    "file in between": file,
    "resize": lambda v: steps(v, Resize, resized),
    "padding": lambda v: steps(v, Pad, padded),
    "`ssim`": lambda v: cell(v, "ssim", window),
    "`ssim-256`": lambda v: cell(v, "ssim-256", window),
    "`mask-ssim`": lambda v: cell(v, "mask-ssim", masked),
    "`l1`": lambda v: cell(
        v, "l1", lambda c: {"unit": "[0, 1]", "symmetric": "[-1, 1]"}[c.options["value_range"]]
    ),
    "`psnr`": lambda v: cell(v, "psnr", lambda c: "yes"),
    "`lpips`": lambda v: cell(v, "lpips", lambda c: {"alex": "AlexNet"}[c.options["net"]]),
    "`fid`": lambda v: cell(v, "fid", fid),
    "`kid`": lambda v: cell(v, "kid", fid),
    "`is`": lambda v: cell(v, "is", lambda c: f"{c.options['splits']} splits"),
    "`pckh`": lambda v: cell(v, "pckh", lambda c: f"α {c.options['alpha']}"),
    "`ds`": lambda v: cell(v, "ds", lambda c: "yes"),
}


def tail(text: str) -> str:
    """What the variant of the same name with `-dropped-tail` drops."""
    name, _, own = text.partition(":")
    others = [v for v in load(name).variants if v.name == f"{own}-dropped-tail"]
    dropped = [(c.name, c.drop_last) for v in others for c in v.columns if c.drop_last]
    shown = ", ".join(f"{column} beyond a multiple of {size}" for column, size in dropped)
    return f"{shown}: `{others[0].name}`" if dropped else NOTHING


def variant_of(text: str) -> Variant:
    name, _, variant = text.partition(":")
    return choose(load(name), variant, (0, 0))


def differences() -> str:
    variants = [variant_of(text) for text in MAIN]
    rows = [(title, *(show(v) or NOTHING for v in variants)) for title, show in ROWS.items()]
    rows.append(("dropped tail", *map(tail, MAIN)))
    return table(("", *(f"`{text}`" for text in MAIN)), rows)


def variants() -> str:
    rows = [
        (f"`{name}:{variant.name}`", size(variant), variant.summary)
        for name in names()
        for variant in load(name).variants
    ]
    return table(("Variant", "Pictures", "What it is"), rows)


def layouts() -> str:
    rows = [(f"`{x.name}`", f"`{x.example}`", x.summary) for x in LAYOUTS.values()]
    return table(("Layout", "File name", "What is in a file, and who writes it"), rows)


@pytest.mark.parametrize("make", [differences, variants, layouts])
def test_tables_are_those_of_the_files(make: Callable[[], str], root: Path) -> None:
    path = root / "docs" / "protocols.md"
    text = path.read_text(encoding="utf-8")
    before, mark, rest = text.partition(f"<!-- generated: {make.__name__} -->\n")
    assert mark
    old, mark, after = rest.partition("<!-- end -->")
    assert mark
    new = f"\n{make()}\n\n"
    if UPDATE:
        start = f"<!-- generated: {make.__name__} -->\n"
        path.write_text(before + start + new + "<!-- end -->" + after, encoding="utf-8")
        return
    assert old == new, "renew it with POSEGEN_UPDATE_DOCS=1 pytest tests/docs"


def test_every_column_of_the_table_has_a_row() -> None:
    for text in MAIN:
        for column in variant_of(text).columns:
            assert f"`{column.name}`" in ROWS or column.name == "mask-is", text
            assert column.drop_last is None


def test_the_example_is_a_protocol(
    pages: dict[str, str], blocks: Callable[[str], list[Any]], tmp_path: Path
) -> None:
    [example] = [b for b in blocks(pages["docs/protocols.md"]) if b.language == "toml"]
    (tmp_path / "mine.toml").write_text(example.code, encoding="utf-8")
    protocol = load(tmp_path / "mine.toml")
    assert [variant.name for variant in protocol.variants] == ["small", "large"]
    assert choose(protocol, None, (512, 352)).prepare[0].size == (256, 176)


def test_endings_are_those_that_are_read(pages: dict[str, str]) -> None:
    assert ", ".join(f"`{suffix}`" for suffix in SUFFIXES) in pages["docs/protocols.md"]

"""posegen's own components pass the kit that is given to others."""

from __future__ import annotations

from pathlib import Path

import pytest

from posegen.core import Kind
from posegen.plugins import registry
from posegen.plugins.testing import check, check_plugin

#: Options that make a test quick, where the defaults do not.
SMALL = {
    "people": {"image_size": [32, 16], "identities": 3, "pictures": 2, "test_identities": 2},
}
OWN = [
    (kind, component.spec.name)
    for kind in Kind
    for component in registry().components(kind)
    if component.record.package == "posegen"
]


@pytest.mark.parametrize(("kind", "name"), OWN)
def test_a_built_in_component_keeps_its_contract(kind: Kind, name: str) -> None:
    report = check(registry().get(kind, name).spec, options=SMALL.get(name))
    report.raise_on_failure()
    # What needs files that are not here is not tested, and says so; nothing else is passed over.
    untested = [finding for finding in report.findings if finding.ok is None]
    assert all(finding.message for finding in untested)
    assert len(report.findings) >= 8 or untested[-1].name in ("build", "options")


def test_the_module_that_brings_them_is_a_plugin_like_others() -> None:
    check_plugin("posegen.plugins.builtin").raise_on_failure()


def test_a_published_layout_is_tested_with_its_files(market: Path) -> None:
    options = {"root": market, "image_size": (16, 8)}
    report = check("market1501", options=options)
    report.raise_on_failure()
    assert all(finding.ok for finding in report.findings), report.findings


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """A folder in the published layout: three pictures and two pairs in each split."""
    import json

    from PIL import Image

    for split in ("train", "test"):
        pictures = tmp_path / "market_data" / split
        pictures.mkdir(parents=True)
        names = [f"{split}{number}.png" for number in range(3)]
        rows = ["name:keypoints_y:keypoints_x"]
        for number, name in enumerate(names):
            Image.new("RGB", (8, 16), (number * 40, 90, 200)).save(pictures / name)
            rows.append(f"{name}: {json.dumps([number + 1] * 18)}: {json.dumps([number] * 18)}")
        pairs = ["from,to", *(f"{names[0]},{other}" for other in names[1:])]
        (tmp_path / f"market-annotation-{split}.csv").write_text("\n".join(rows) + "\n")
        (tmp_path / f"market-pairs-{split}.csv").write_text("\n".join(pairs) + "\n")
    return tmp_path

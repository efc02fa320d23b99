"""Discovery: what works works whatever is broken beside it, and every reason is one sentence."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

import pytest

from posegen.core import GeneratorSpec, Kind, PluginError
from posegen.plugins import Registry, discover

GOOD = """
from posegen.core import GeneratorSpec, hookimpl

@hookimpl
def posegen_generators():
    return [GeneratorSpec(name="{name}", summary="", target="nowhere:Net", contract={contract})]
"""


class Packages:
    """Makes packages with an entry point, as installed ones look."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self.points, self.monkeypatch = root, list[EntryPoint](), monkeypatch
        monkeypatch.syspath_prepend(str(root))

    def add(self, package: str, source: str, entry: str | None = None) -> None:
        module = f"{package.replace('-', '_')}_module"
        self.monkeypatch.delitem(sys.modules, module, raising=False)  # of an earlier test
        (self.root / f"{module}.py").write_text(textwrap.dedent(source))
        info = self.root / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[posegen]\n{entry or module} = {module}\n")
        self.points += list(Distribution.at(info).entry_points)

    def discover(self, **options: object) -> Registry:
        return discover(points=self.points, **options)  # type: ignore[arg-type]


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packages:
    return Packages(tmp_path, monkeypatch)


def reason(registry: Registry, package: str) -> str:
    return next(record.reason for record in registry.records if record.package == package)


def test_a_good_plugin_is_found(packages: Packages) -> None:
    packages.add("aa-good", GOOD.format(name="net-a", contract=2))
    registry = packages.discover()
    found = registry.get(Kind.GENERATOR, "net-a")
    assert (found.record.package, found.record.version) == ("aa-good", "1.2")
    assert found.record.reason == ""


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("import no_such_module", "import failed: ModuleNotFoundError: No module named"),
        ("raise SystemExit(3)", "import failed: SystemExit: 3"),
        ("def (:", "import failed: SyntaxError"),
        ("x = 1", "has no function marked with @posegen.core.hookimpl"),
        (
            "from posegen.core import hookimpl\n@hookimpl\ndef posegen_generatorz(): return []",
            "unknown hook 'posegen_generatorz'",
        ),
        (
            "from posegen.core import hookimpl\n@hookimpl\ndef posegen_losses(x): return []",
            "Argument(s) {'x'} are declared in the hookimpl",
        ),
        (
            "from posegen.core import hookimpl\n@hookimpl\ndef posegen_losses(): return [3]",
            "posegen_losses returned int where LossSpec is due",
        ),
        (
            "from posegen.core import hookimpl\n@hookimpl\ndef posegen_losses(): return 1 / 0",
            "posegen_losses failed: division by zero",
        ),
        (
            "from posegen.core import LossSpec, hookimpl\n@hookimpl\ndef posegen_losses():\n"
            "    return [LossSpec(name='Bad Name', summary='', target='a:b', contract=2)]",
            "component name 'Bad Name' is not",
        ),
        (GOOD.format(name="n", contract=3), "this posegen speaks 2; upgrade posegen"),
        (
            GOOD.format(name="n", contract=1),
            "contract version 1, and this posegen speaks 2; upgrade the plugin (its authors: "
            "docs/writing-a-plugin.md, 'Moving a plugin from contract 1 to 2')",
        ),
    ],
)
def test_a_broken_plugin_harms_nobody(packages: Packages, source: str, sentence: str) -> None:
    packages.add("aa-first", GOOD.format(name="first", contract=2))
    packages.add("bb-broken", source)
    packages.add("cc-last", GOOD.format(name="last", contract=2))
    registry = packages.discover()
    assert sentence in reason(registry, "bb-broken")
    assert "\n" not in reason(registry, "bb-broken")
    assert registry.names(Kind.GENERATOR) == ["first", "last"]
    with pytest.raises(PluginError, match="bb-broken"):
        registry.get(Kind.GENERATOR, "what-it-would-have-brought")


def test_two_packages_with_one_name_are_both_named(packages: Packages) -> None:
    packages.add("aa-one", GOOD.format(name="same", contract=2))
    packages.add("bb-two", GOOD.format(name="same", contract=2))
    packages.add("cc-three", GOOD.format(name="other", contract=2))
    registry = packages.discover()
    with pytest.raises(PluginError, match=r"'same' is brought by aa-one and by bb-two"):
        registry.get(Kind.GENERATOR, "same")
    assert registry.names(Kind.GENERATOR) == ["other"]
    assert "aa-one and bb-two" in registry.clashes[0]
    alone = packages.discover(disabled=["aa-one"])
    assert alone.get(Kind.GENERATOR, "same").record.package == "bb-two"
    assert reason(alone, "aa-one") == "disabled"


def test_one_entry_point_name_in_two_packages_loads_both(packages: Packages) -> None:
    packages.add("aa-one", GOOD.format(name="one", contract=2), entry="net")
    packages.add("bb-two", GOOD.format(name="two", contract=2), entry="net")
    assert packages.discover().names(Kind.GENERATOR) == ["one", "two"]


def test_posegens_own_names_are_reserved(packages: Packages) -> None:
    packages.add("posegen", GOOD.format(name="own", contract=2))
    packages.add("aa-thief", GOOD.format(name="own", contract=2))
    registry = packages.discover()
    assert registry.get(Kind.GENERATOR, "own").record.package == "posegen"
    assert "aa-thief" in registry.clashes[0]


def test_no_plugins_leaves_our_own(packages: Packages) -> None:
    packages.add("posegen", GOOD.format(name="own", contract=2))
    packages.add("aa-other", GOOD.format(name="other", contract=2))
    assert packages.discover(third_party=False).names(Kind.GENERATOR) == ["own"]


def test_a_module_can_be_loaded_without_a_package(packages: Packages, tmp_path: Path) -> None:
    (tmp_path / "loose_module.py").write_text(GOOD.format(name="loose", contract=2))
    assert packages.discover(modules=["loose_module"]).names(Kind.GENERATOR) == ["loose"]
    with pytest.raises(PluginError, match="--plugin no_such_thing"):
        packages.discover(modules=["no_such_thing"])


def test_an_installed_module_named_again_counts_once(packages: Packages) -> None:
    packages.add("aa-good", GOOD.format(name="net", contract=2))
    registry = packages.discover(modules=["aa_good_module"])
    assert registry.get(Kind.GENERATOR, "net").record.package == "aa-good"
    for without in ({"third_party": False}, {"disabled": ["aa-good"]}):
        asked = packages.discover(modules=["aa_good_module"], **without)
        assert asked.names(Kind.GENERATOR) == ["net"]


def test_an_unknown_name_gets_the_nearest_ones() -> None:
    with pytest.raises(PluginError, match=r"no metric 'ssmi'; did you mean 'ssim'\? Known: .*psnr"):
        discover().get(Kind.METRIC, "ssmi")


def test_a_target_that_cannot_be_imported_names_its_package(packages: Packages) -> None:
    packages.add("aa-good", GOOD.format(name="net", contract=2))
    component = packages.discover().get(Kind.GENERATOR, "net")
    with pytest.raises(PluginError, match=r"'net' of aa-good 1.2 cannot be loaded: ModuleNotFound"):
        component.load()


def test_a_plugin_that_imports_torch_is_noted(packages: Packages) -> None:
    """In a fresh interpreter, since this one has torch already."""
    code = (
        "import sys; from posegen.plugins import registry; r = registry()\n"
        "assert not any(x.reason for x in r.records), r.records\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_installed_component_can_be_loaded() -> None:
    registry = discover()
    assert registry.clashes == []
    for kind in Kind:
        for component in registry.components(kind):
            component.load()
            component.load_config()


def test_specs_check_their_form() -> None:
    with pytest.raises(ValueError, match="not 'module:attribute'"):
        GeneratorSpec(name="a", summary="", target="module.attribute", contract=2)

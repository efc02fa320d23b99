"""The catalogue: what its files may say, which file wins, and installing from it."""

from __future__ import annotations

import base64
import hashlib
import os
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from packaging.requirements import Requirement

from posegen.core import CONTRACTS, ConfigError, Kind, PluginError
from posegen.plugins import catalogue, discover, packages
from posegen.plugins.entries import PluginEntry

ROOT = Path(__file__).parents[2]

PLUGIN: dict[str, Any] = {
    "name": "posegen-tiny",
    "summary": "A tiny backbone.",
    "requirement": "posegen-tiny>=0.1",
    "contract": 2,
    "licence": "MIT",
    "homepage": "https://example.org/tiny",
    "components": {"generator": ["tiny"], "loss": ["tiny-loss"]},
}
WEIGHTS: dict[str, Any] = {
    "name": "tiny-people",
    "model": "tiny",
    "preset": "demo",
    "url": "https://example.org/tiny.tar",
    "size": 1000,
    "sha256": "ab" * 32,
    "licence": "CC-BY-4.0",
    "data": "the embedded people",
    "scores": [{"protocol": "posegen-1", "column": "ssim", "value": 0.5, "count": 100}],
}


@pytest.fixture(autouse=True)
def own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("POSEGEN_REGISTRY", raising=False)


def write(file: Path, plugin: Any = (), weights: Any = (), **more: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    tree = {"schema": 1, "plugin": list(plugin), "weights": list(weights), **more}
    file.write_text(tomli_w.dumps(tree))
    return file


def without(entry: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != key}


def test_a_file_is_read(tmp_path: Path) -> None:
    content = catalogue.read(write(tmp_path / "r.toml", [PLUGIN], [WEIGHTS]), strict=True)
    (plugin,), (weights,) = content.plugin, content.weights
    assert plugin.kinds == [Kind.GENERATOR, Kind.LOSS]
    assert plugin.misfit == ""
    assert weights.scores[0].value == 0.5


@pytest.mark.parametrize(
    ("table", "changes", "sentence"),
    [
        ("plugin", {"name": "Tiny!"}, "plugin 'Tiny!': name: 'Tiny!' is not lower-case"),
        ("plugin", {"requirement": "a b"}, "plugin 'posegen-tiny': requirement: 'a b' is no req"),
        ("plugin", {"requirement": "--pre"}, "requirement: '--pre' is no requirement"),
        ("plugin", {"requirement": "requests"}, "'requests' is of another package"),
        ("plugin", {"requirement": "posegen-tiny @ git+https://x.org/t"}, "address of a wheel"),
        ("plugin", {"requirement": "posegen-tiny @ https://x.org/t.zip"}, "address of a wheel"),
        ("plugin", {"contract": 0}, "plugin 'posegen-tiny': contract: input should be greater"),
        ("plugin", {"licence": "free"}, "licence: 'free' is no SPDX licence"),
        ("plugin", {"homepage": "http://example.org"}, "homepage: .* is not an https address"),
        ("plugin", {"homepage": "https://a b"}, "homepage: .* is not an https address"),
        ("plugin", {"components": {"generatr": ["a"]}}, "components.generatr"),
        ("plugin", {"components": {}}, "components: .*at least 1"),
        ("plugin", {"summary": "two\nlines"}, "summary: .* is not one line"),
        ("plugin", {"summary": "\x1b[2J"}, "summary: .* is not one line"),
        ("weights", {"sha256": "AB" * 32}, "weights 'tiny-people': sha256: .* is not a sha256"),
        ("weights", {"size": 0}, "weights 'tiny-people': size: input should be greater"),
        ("weights", {"url": "http://example.org/a.tar"}, "url: .* is not an https address"),
        (
            "weights",
            {"path": "a.tar"},
            "weights 'tiny-people': give one of url, hub, path and package",
        ),
        ("weights", {"name": 5}, "weights number 1: name: input should be a valid string"),
        ("weights", {"data": ""}, "data: string should have at least 1"),
        ("weights", {"scores": [{"column": "ssim"}]}, "scores.0.protocol: field required"),
        (
            "weights",
            {"scores": [{"protocol": "a", "column": "ssim", "value": float("nan")}]},
            "scores.0.value: input should be a finite number",
        ),
    ],
)
def test_what_is_wrong_is_named_with_entry_and_key(
    tmp_path: Path, table: str, changes: dict[str, Any], sentence: str
) -> None:
    entry = {**(PLUGIN if table == "plugin" else WEIGHTS), **changes}
    file = write(tmp_path / "r.toml", **{table: [entry]})
    with pytest.raises(ConfigError, match=sentence) as error:
        catalogue.read(file)
    assert str(error.value).startswith(f"{file}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("hub", "sentence"),
    [
        ({"hub": "owner"}, "'owner' is not owner/name"),
        ({"hub": "../../x", "revision": "0" * 40}, "is not owner/name"),
        ({"hub": "o/n"}, "'' is not a commit"),
        ({"hub": "o/n", "revision": "main"}, "'main' is not a commit"),
    ],
)
def test_the_hub_is_named_by_commit(tmp_path: Path, hub: dict[str, str], sentence: str) -> None:
    place = without(WEIGHTS, "url")
    with pytest.raises(ConfigError, match=sentence):
        catalogue.read(write(tmp_path / "r.toml", weights=[{**place, **hub}]))
    good = {**place, "hub": "o/n", "revision": "0" * 40}
    known = catalogue.Catalogue()
    known.add(catalogue.read(write(tmp_path / "r.toml", weights=[good])), tmp_path / "r.toml")
    assert known.place(known.weights["tiny-people"]) == f"hf:o/n@{'0' * 40}"


@pytest.mark.parametrize("key", ["name", "requirement", "contract", "licence", "components"])
def test_what_is_missing_is_named(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError, match=rf"{key}: field required"):
        catalogue.read(write(tmp_path / "r.toml", [without(PLUGIN, key)]))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "no such catalogue"),
        ("schema = ", "not readable as TOML"),
        ("", "schema: field required"),
        ("schema = 2", "schema: input should be 1"),
        ("schema = 1\nplugin = 5", "plugin: input should be a valid tuple"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, text: str | None, sentence: str) -> None:
    if text is not None:
        (tmp_path / "r.toml").write_text(text)
    with pytest.raises(ConfigError, match=rf"r\.toml: {sentence}"):
        catalogue.read(tmp_path / "r.toml")


def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="plugin 'posegen-tiny': name: it is there twice"):
        catalogue.read(write(tmp_path / "r.toml", [PLUGIN, PLUGIN]))


@pytest.mark.parametrize(
    ("tree", "sentence"),
    [
        ({"plugins": []}, "plugins: no such key; did you mean 'plugin'"),
        ({"plugin": [{**PLUGIN, "license": "MIT"}]}, "'posegen-tiny': license: .*'licence'"),
        (
            {"weights": [{**WEIGHTS, "scores": [{**WEIGHTS["scores"][0], "n": 1}]}]},
            "weights 'tiny-people': scores.0.n: no such key",
        ),
    ],
)
def test_unknown_keys_stop_only_the_validation(
    tmp_path: Path, tree: dict[str, Any], sentence: str
) -> None:
    file = write(tmp_path / "r.toml", **tree)
    catalogue.read(file)
    with pytest.raises(ConfigError, match=sentence):
        catalogue.read(file, strict=True)


def test_later_files_replace_entries_and_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = write(tmp_path / "config/posegen/registry.toml", [PLUGIN], [WEIGHTS])
    lab = write(tmp_path / "lab.toml", [{**PLUGIN, "summary": "Ours."}])
    same = write(tmp_path / "same.toml", [{**PLUGIN, "summary": "Ours."}])
    monkeypatch.setenv("POSEGEN_REGISTRY", os.pathsep.join(map(str, [lab, same])))
    assert catalogue.files() == [catalogue.shipped(), user, lab, same]
    known = catalogue.load()
    assert known.plugin("posegen-tiny").summary == "Ours."
    assert known.clashes == [f"plugin 'posegen-tiny' of {user} is replaced by {lab}."]
    assert known.origin["weights", "tiny-people"] == user
    assert "posegen-patn" in known.plugins  # what comes with posegen is still there
    monkeypatch.setenv("POSEGEN_REGISTRY", str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match=r"none\.toml: no such catalogue"):
        catalogue.load()


def test_paths_are_relative_to_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {**without(WEIGHTS, "url"), "path": "w/tiny.tar"}
    file = write(tmp_path / "lab" / "r.toml", weights=[entry])
    monkeypatch.setenv("POSEGEN_REGISTRY", str(file))
    known = catalogue.load()
    assert known.place(known.weights["tiny-people"]) == str(tmp_path / "lab" / "w" / "tiny.tar")


@pytest.mark.parametrize(
    ("word", "found"),
    [("TINY-LOSS", True), ("backbone", True), ("loss", True), ("posegen-t", True), ("gan", False)],
)
def test_search_looks_everywhere(tmp_path: Path, word: str, found: bool) -> None:
    known = catalogue.Catalogue()
    known.add(catalogue.read(write(tmp_path / "r.toml", [PLUGIN])), tmp_path / "r.toml")
    assert bool(known.search(word)) == found
    with pytest.raises(ConfigError, match="did you mean 'posegen-tiny'"):
        known.plugin("posegen-tny")
    with pytest.raises(ConfigError, match=r"no plugin 'x' in the catalogue; it lists none\.$"):
        catalogue.Catalogue().plugin("x")


def test_another_contract_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    newer = PluginEntry.model_validate({**PLUGIN, "contract": 3})
    assert "version 3 of the generator contract" in newer.misfit
    assert "upgrade posegen" in newer.misfit
    with pytest.raises(PluginError, match="posegen-tiny: written for version 3"):
        packages.check_environment(newer)
    monkeypatch.setitem(CONTRACTS, Kind.LOSS, 3)
    older = PluginEntry.model_validate(PLUGIN)
    assert "version 2 of the loss contract" in older.misfit
    assert "newer version of it" in older.misfit
    # A package of several kinds goes by the highest of their numbers.
    both = {**PLUGIN, "components": {"generator": ["tiny"], "model": ["tiny"]}}
    assert CONTRACTS[Kind.MODEL] != CONTRACTS[Kind.GENERATOR]
    assert PluginEntry.model_validate(both).misfit == ""


def own_packages() -> list[Path]:
    """Our packages that bring components; one of weights alone brings none."""
    files = sorted((ROOT / "plugins").glob("*/pyproject.toml"))
    return [file.parent for file in files if "entry-points" in file.read_text()]


@pytest.mark.parametrize("folder", own_packages(), ids=lambda path: path.name)
def test_our_own_plugins_are_in_the_catalogue_as_they_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    entries = catalogue.read(catalogue.shipped(), strict=True).plugin
    (told,) = (entry for entry in entries if entry.name == project["name"])
    assert told.licence == project["license"]
    assert Requirement(told.requirement).specifier.contains(project["version"])
    monkeypatch.syspath_prepend(str(folder / "src"))
    modules = list(project["entry-points"]["posegen"].values())
    specs = [spec for r in discover(points=[], modules=modules).records for spec in r.specs]
    assert {(spec.kind, spec.name) for spec in specs} == {
        (kind, name) for kind, names in told.components.items() for name in names
    }
    assert max(spec.contract for spec in specs) == told.contract


def test_nothing_else_is_in_the_catalogue_that_comes_with_posegen() -> None:
    content = catalogue.read(catalogue.shipped(), strict=True)
    assert {entry.name for entry in content.plugin} == {path.name for path in own_packages()}


def wheel(folder: Path, name: str, number: str, needs: str = "") -> Path:
    """Write a wheel by hand: an empty module, and what pip wants to know."""
    module = name.replace("-", "_")
    info = f"{module}-{number}.dist-info"
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n"
    files = {
        f"{module}.py": "",
        f"{info}/METADATA": about + (f"Requires-Dist: {needs}\n" if needs else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
        record += f"{path},sha256={digest.rstrip('=')},{len(text)}\n"
    folder.mkdir(exist_ok=True)
    made = folder / f"{module}-{number}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(path, text)
    return made


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that pip looks into, and nowhere else; it installs into another folder."""
    wheel(tmp_path / "index", "posegen-tiny", "0.2", needs="posegen-tiny-helper")
    wheel(tmp_path / "index", "posegen-tiny-helper", "1.0")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "site"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return tmp_path / "index"


def test_what_pip_would_do_is_what_is_done(index: Path, tmp_path: Path) -> None:
    planned = packages.plan("posegen-tiny>=0.1")
    told = {(package.name, package.version) for package in planned}
    assert told == {("posegen-tiny", "0.2"), ("posegen-tiny-helper", "1.0")}
    assert all(package.source.startswith(index.as_uri()) for package in planned)
    assert not (tmp_path / "site").exists()
    assert not packages.fulfils("posegen-tiny>=0.1")
    packages.install(planned)
    assert packages.installed("posegen-tiny") == "0.2"
    assert packages.fulfils("posegen-tiny>=0.1")
    assert not packages.fulfils("posegen-tiny>=0.3")


def test_a_file_that_changed_since_is_not_installed(index: Path, tmp_path: Path) -> None:
    planned = packages.plan("posegen-tiny>=0.1")
    with (index / "posegen_tiny-0.2-py3-none-any.whl").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(PluginError, match=r"pip: .*HASHES"):
        packages.install(planned)
    assert packages.installed("posegen-tiny") is None


def test_what_pip_cannot_find_is_said(index: Path) -> None:
    with pytest.raises(PluginError, match=r"pip: .*posegen-none"):
        packages.plan("posegen-none")


def test_a_managed_python_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = PluginEntry.model_validate(PLUGIN)
    packages.check_environment(entry)
    (tmp_path / "EXTERNALLY-MANAGED").touch()
    monkeypatch.setattr(packages.sysconfig, "get_path", lambda name: str(tmp_path))
    packages.check_environment(entry)  # a virtual environment of that Python is ours
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    with pytest.raises(PluginError, match=r"managed by the system .*python3 -m venv"):
        packages.check_environment(entry)


def test_an_environment_without_pip_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PluginError, match="there is no pip here"):
        packages.check_environment(PluginEntry.model_validate(PLUGIN))

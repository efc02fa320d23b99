"""`posegen plugins search|info|install` and `posegen registry validate`."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import tomli_w

from posegen.plugins import packages
from posegen.plugins.packages import Package

Call = Callable[..., tuple[int, str, str]]

PLUGIN = {
    "name": "posegen-tiny",
    "summary": "A [tiny] backbone.",
    "requirement": "posegen-tiny>=0.1",
    "contract": 2,
    "licence": "MIT",
    "components": {"generator": ["tiny"]},
}


@pytest.fixture(autouse=True)
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue with one plugin."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    file = tmp_path / "lab.toml"
    file.write_text(tomli_w.dumps({"schema": 1, "plugin": [PLUGIN]}))
    monkeypatch.setenv("POSEGEN_REGISTRY", str(file))
    return file


def test_search(call: Call) -> None:
    code, out, _ = call("plugins", "search", "tiny")
    assert code == 0
    assert "posegen-tiny" in out
    assert "A [tiny] backbone." in out
    assert "posegen-patn" not in out
    every = json.loads(call("plugins", "search", "--json")[1])
    told = {entry["name"]: entry for entry in every}
    assert told["posegen-tiny"]["installed"] is None
    assert told["posegen-patn"]["installed"] == "0.1.0"
    assert told["posegen-patn"]["kinds"][0] == "generator"
    code, out, _ = call("plugins", "search", "nonesuch")
    assert code == 0
    assert "Nothing in the catalogue has 'nonesuch'" in out


def test_info(call: Call, lab: Path) -> None:
    code, out, _ = call("plugins", "info", "posegen-tiny")
    assert code == 0
    for line in ("components   generator tiny", "installed    no", f"catalogue    {lab}"):
        assert line in out
    assert "problem" not in out
    lab.write_text(tomli_w.dumps({"schema": 1, "plugin": [{**PLUGIN, "contract": 3}]}))
    assert "problem      written for version 3" in call("plugins", "info", "posegen-tiny")[1]
    code, _, err = call("plugins", "info", "posegen-tny")
    assert code == 2
    assert "did you mean 'posegen-tiny'" in err


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would have been installed; pip itself is in tests/plugins/test_catalogue.py."""
    installed: list[str] = []
    planned = [
        Package("posegen-tiny", "0.2", "https://index/tiny.whl", "ab" * 32, False),
        Package("helper", "1.0", "https://index/helper.whl", "cd" * 32, False),
    ]

    def install(chosen: list[Package]) -> None:
        installed.extend(package.name for package in chosen)

    monkeypatch.setattr(packages, "plan", lambda requirement: planned)
    monkeypatch.setattr(packages, "install", install)
    return installed


def test_install_shows_everything_and_asks(
    call: Call, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code, out, err = call("plugins", "install", "posegen-tiny")
    assert code == 1
    for line in ("posegen-tiny 0.2  https://index/tiny.whl", "helper 1.0", "(MIT, no homepage)"):
        assert line in out
    assert "all your rights" in out
    assert "Install these?" in err
    assert done == []
    code, out, _ = call("plugins", "install", "posegen-tiny", "--yes")
    assert code == 0
    assert "Installed: posegen-tiny" in out
    assert done == ["posegen-tiny", "helper"]


def test_install_refuses_before_asking(call: Call, done: list[str], lab: Path) -> None:
    lab.write_text(tomli_w.dumps({"schema": 1, "plugin": [{**PLUGIN, "contract": 3}]}))
    code, out, err = call("plugins", "install", "posegen-tiny", "--yes")
    assert code == 2
    assert "written for version 3 of the generator contract" in err
    assert out == ""
    code, out, _ = call("plugins", "install", "posegen-patn", "--yes")
    assert code == 0
    assert "posegen-patn 0.1.0 is installed already" in out
    assert done == []


def test_validate(call: Call, lab: Path, tmp_path: Path) -> None:
    code, out, _ = call("registry", "validate")
    assert code == 0
    assert f"{lab}: plugins: 1, sets of weights: 0." in out
    assert "replaced" not in out
    user = tmp_path / "config" / "posegen" / "registry.toml"
    user.parent.mkdir(parents=True)
    user.write_text(tomli_w.dumps({"schema": 1, "plugin": [{**PLUGIN, "licence": "0BSD"}]}))
    assert f"of {user} is replaced by {lab}." in call("registry", "validate")[1]
    user.write_text(tomli_w.dumps({"schema": 1, "plugin": [{**PLUGIN, "licence": "?"}]}))
    for words in ([], [user]):
        code, _, err = call("registry", "validate", *words)
        assert code == 2
        assert f"{user}: plugin 'posegen-tiny': licence: '?' is no SPDX licence" in err
    assert call("registry", "validate", lab)[0] == 0
    other = {**PLUGIN, "name": "posegen-b", "requirement": "posegen-b"}
    weights = {"name": "w", "model": "m", "licence": "MIT", "data": "d", "path": "w.tar"}
    weights |= {"size": 1, "sha256": "ab" * 32}
    tree = {"schema": 1, "plugin": [PLUGIN, other], "weights": [weights]}
    lab.write_text(tomli_w.dumps(tree))
    assert f"{lab}: plugins: 2, sets of weights: 1." in call("registry", "validate", lab)[1]

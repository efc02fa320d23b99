"""`posegen plugins new`: what is written works at once, and in a clean environment."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from posegen.core import CONTRACTS, ConfigError, Kind
from posegen.plugins import discover
from posegen.plugins.scaffold import Names, scaffold

KINDS = [kind for kind in Kind if kind is not Kind.CONVERTER]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("text", "kind", "name", "cls"),
    [
        ("my-net", Kind.GENERATOR, "my-net", "MyNetGenerator"),
        ("My Net!", Kind.GENERATOR, "my-net", "MyNetGenerator"),
        ("posegen-my-net", Kind.GENERATOR, "my-net", "MyNetGenerator"),
        ("Über_Net 2", Kind.LOSS, "uber-net-2", "UberNet2Loss"),
        ("3d", Kind.METRIC, "3d", "My3dMetric"),
        ("pose", Kind.ENCODER, "pose", "MyPoseEncoder"),
        ("pair", Kind.DATASET, "pair", "MyPairDataset"),
        ("fast-detector", Kind.DETECTOR, "fast-detector", "FastDetector"),
        ("generator", Kind.GENERATOR, "generator", "MyGenerator"),
        ("none", Kind.MODEL, "none", "NoneModel"),
        ("../../etc/passwd", Kind.LOSS, "etc-passwd", "EtcPasswdLoss"),
    ],
)
def test_names_are_made_safe(text: str, kind: Kind, name: str, cls: str) -> None:
    names = Names.of(text, kind)
    assert (names.name, names.cls) == (name, cls)
    assert names.distribution == f"posegen-{name}"
    assert names.package.isidentifier()
    assert names.cls.isidentifier()


@pytest.mark.parametrize(
    ("text", "said"), [("", "no letters"), ("…", "no letters"), ("a" * 65, "65 letters")]
)
def test_texts_that_are_no_names_are_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Names.of(text, Kind.LOSS)


def test_what_cannot_be_written_is_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"'l1' is a loss of posegen already"):
        scaffold("L1", Kind.LOSS)
    with pytest.raises(ConfigError, match=r"--kind converter: .* there are dataset, detector,"):
        scaffold("mine", Kind.CONVERTER)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "posegen-mine").mkdir()
    with pytest.raises(ConfigError, match="posegen-mine is there already"):
        scaffold("mine", Kind.LOSS)
    assert list((tmp_path / "posegen-mine").iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_is_whole(kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = scaffold(f"fresh {kind}", kind, tmp_path / "new" / "package")
    package = f"posegen_fresh_{kind}"
    assert made.name == f"fresh-{kind}"
    files = {str(p.relative_to(made.folder)) for p in made.folder.rglob("*") if p.is_file()}
    assert files >= {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        ".gitignore",
        ".github/workflows/tests.yml",
        f"src/{package}/__init__.py",
        f"src/{package}/plugin.py",
        f"src/{package}/py.typed",
        f"tests/test_{kind}.py",
    }
    for name in files:
        text = (made.folder / name).read_text()
        assert not re.search(r"\$\w|\$\{|PACKAGE|\.tmpl", text), name
        if name.endswith(".py"):
            compile(text, name, "exec")
    project = tomllib.loads((made.folder / "pyproject.toml").read_text())["project"]
    assert project["entry-points"] == {"posegen": {made.name: f"{package}.plugin"}}
    assert "posegen>=0.1" in project["dependencies"]
    monkeypatch.syspath_prepend(str(made.folder / "src"))
    found = discover(points=[], modules=[f"{package}.plugin"]).get(kind, made.name)
    assert found.spec.contract == CONTRACTS[kind]
    assert found.load()
    found.load_config()


@pytest.mark.parametrize("kind", KINDS)
def test_the_code_is_clean(kind: Kind, tmp_path: Path) -> None:
    folder = scaffold("tidy", kind, tmp_path / "tidy").folder
    for words in (["check", "--select", "E,F,I,B,UP,RUF,SIM,PT", "--ignore", "RUF001,RUF002"],
                  ["format", "--check"]):  # fmt: skip
        command = [sys.executable, "-m", "ruff", *words, "--isolated", "--line-length", "100", "."]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_a_package_passes_its_own_tests_before_it_is_installed(tmp_path: Path) -> None:
    folder = scaffold("quick", Kind.ENCODER, tmp_path / "quick").folder
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A virtual environment with posegen and what it needs; call it to run Python there."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    purelib = sysconfig.get_paths()["purelib"]
    (place,) = folder.glob("lib/python*/site-packages")
    # torch takes gigabytes: the packages of this environment are seen, and new ones stay apart.
    (place / "seen.pth").write_text(f"import site; site.addsitedir({purelib!r})\n")

    def run(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        command = [str(python), *map(str, words)]
        return subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )

    return run


def install(clean: Run, folder: Path) -> None:
    """Install a package there; `--python` needs no pip in the environment."""
    python = clean("-c", "import sys; print(sys.executable)").stdout.strip()
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index"]
    command = [*pip, "--disable-pip-version-check", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def posegen(clean: Run, *words: str | Path, code: int = 0, cwd: Path | None = None) -> str:
    done = clean("-m", "posegen", *words, cwd=cwd)
    assert done.returncode == code, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


TINY = """
[data]
image_size = [32, 16]
identities = 2
pictures = 2
test_identities = 2
[discriminators.appearance]
ngf = 4
blocks = 1
[discriminators.shape]
ngf = 4
blocks = 1
[losses.perceptual]
weight = 0
[training]
batch_size = 2
steps = 3
sample_pairs = 1
"""


@pytest.mark.slow
def test_from_nothing_to_a_generated_picture(clean: Run, tmp_path: Path) -> None:
    posegen(clean, "plugins", "new", "first-net", "--kind", "generator", cwd=tmp_path)
    folder = tmp_path / "posegen-first-net"
    install(clean, folder)
    listed = json.loads(posegen(clean, "plugins", "list", "--json"))
    (found,) = [row for row in listed["components"] if row["name"] == "first-net"]
    assert (found["package"], found["version"]) == ("posegen-first-net", "0.1.0")
    assert "All contracts are kept" in posegen(clean, "plugins", "check", "posegen-first-net")

    (tmp_path / "tiny.toml").write_text(TINY)
    train = ["train", "--model", "patn", "--generator", "first-net", "--config", "tiny.toml"]
    posegen(clean, *train, "--set", "generator.width=4", "--out", "run", cwd=tmp_path)
    config = tomllib.loads((tmp_path / "run/config.toml").read_text())
    assert config["generator"] == {"name": "first-net", "width": 4, "blocks": 4}

    Image.new("RGB", (16, 32), (90, 120, 200)).save(tmp_path / "person.png")
    pose = {"size": [32, 16], "keypoints": [[8, joint + 4, 1] for joint in range(18)]}
    (tmp_path / "pose.json").write_text(json.dumps(pose))
    words = ["--source", "person.png", "--source-pose", "pose.json", "--target-pose", "pose.json"]
    posegen(clean, "generate", "--weights", "run", *words, "--out", "made", cwd=tmp_path)
    with Image.open(tmp_path / "made/person_pose.png") as picture:
        assert picture.size == (16, 32)
    # Elsewhere the package is not there, and what to install is said.
    elsewhere = [sys.executable, "-m", "posegen", "generate", "--weights", "run", *words]
    done = subprocess.run([*elsewhere, "--out", "other"], cwd=tmp_path, capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == 2
    assert "first-net" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_installed_and_passes(clean: Run, kind: Kind, tmp_path: Path) -> None:
    folder = scaffold(f"sample {kind}", kind, tmp_path / "package").folder
    install(clean, folder)
    done = clean("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    said = posegen(clean, "plugins", "check", f"posegen-sample-{kind}")
    assert "All contracts are kept" in said


BROKEN = {
    "bad-import": "import no_such_module",
    "bad-exit": "raise SystemExit(3)",
    "bad-contract": "CONTRACT = 99",
    "bad-hook": "def posegen_generatorz(): return []",
    "thief": "NAME = 'l1'",
    "twin-one": "NAME = 'twin'",
    "twin-two": "NAME = 'twin'",
}
PLUGIN = """
from posegen.core import LossSpec, hookimpl
CONTRACT, NAME = 2, "{name}"
{line}
@hookimpl
def {hook}():
    return [LossSpec(name=NAME, summary="x", target="a:b", contract=CONTRACT, licence="MIT")]
"""


def broken_package(folder: Path, name: str, line: str) -> Path:
    """Write the smallest package that is broken in one way."""
    module = f"zz_{name.replace('-', '_')}"
    hook = "posegen_generatorz" if "generatorz" in line else "posegen_losses"
    source = PLUGIN.format(name=name, line="" if "def" in line else line, hook=hook)
    (folder / f"{module}.py").write_text(source)
    (folder / "pyproject.toml").write_text(
        f'[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        f'[project]\nname = "zz-{name}"\nversion = "1"\n'
        f'[project.entry-points.posegen]\n{name} = "{module}"\n'
        f'[tool.hatch.build.targets.wheel]\ninclude = ["{module}.py"]\n'
    )
    return folder


@pytest.mark.slow
def test_broken_packages_leave_every_command_working(clean: Run, tmp_path: Path) -> None:
    for name, line in BROKEN.items():
        folder = tmp_path / name
        folder.mkdir()
        install(clean, broken_package(folder, name, line))
    commands: Sequence[Sequence[str]] = (
        ["--help"],
        ["plugins", "list"],
        ["config", "show", "--model", "patn"],
        ["train", "--model", "patn", "--dry-run"],
        ["config", "presets", "--model", "patn"],
        ["plugins", "check", "posegen-unet"],
    )
    for words in commands:
        posegen(clean, *words)
    listed = json.loads(posegen(clean, "plugins", "list", "--json"))
    reasons = {row["package"]: row["reason"] for row in listed["broken"]}
    assert reasons.keys() == {"zz-bad-import", "zz-bad-exit", "zz-bad-contract", "zz-bad-hook"}
    assert "No module named 'no_such_module'" in reasons["zz-bad-import"]
    assert "contract version 99" in reasons["zz-bad-contract"]
    assert len(listed["clashes"]) == 2
    for name in BROKEN:
        said = posegen(clean, "plugins", "check", f"zz-{name}", code=1)
        assert "BROKEN" in said
    assert "no_such_module" in posegen(clean, "plugins", "check", "zz-bad-import", code=1)
    assert "left out" in posegen(clean, "plugins", "check", "zz-thief", code=1)
    assert "brought by" in posegen(clean, "plugins", "check", "zz-twin-one", code=1)
    lost = ["train", "--model", "patn", "--set", "losses.l1.name=bad-import", "--dry-run"]
    assert "zz-bad-import (import failed" in posegen(clean, *lost, code=2)

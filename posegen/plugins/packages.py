"""Installing a plugin with pip: what it would do, shown first, and exactly that. Free of torch."""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from posegen.core.errors import PluginError
from posegen.plugins.entries import PluginEntry


@dataclass(frozen=True)
class Package:
    """A package that pip would install.

    Attributes:
        name, version: which one.
        source: the address of its file, and `sha256` the file's digest.
        direct: whether the catalogue names that very address.
    """

    name: str
    version: str
    source: str
    sha256: str
    direct: bool

    def line(self) -> str:
        """Return the line of a requirements file that stands for this very file."""
        what = f"{self.name} @ {self.source}" if self.direct else f"{self.name}=={self.version}"
        return f"{what} --hash=sha256:{self.sha256}\n"


def installed(name: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def fulfils(requirement: str) -> bool:
    """Whether a package that a requirement asks for is installed."""
    wanted = Requirement(requirement)
    here = installed(wanted.name)
    return here is not None and wanted.specifier.contains(here, prereleases=True)


def check_environment(entry: PluginEntry) -> None:
    """Check that a plugin can be installed here.

    Raises:
        PluginError: where it does not fit this posegen, or this Python is not ours to change.
    """
    if entry.misfit:
        raise PluginError(f"{entry.name}: {entry.misfit}.")
    managed = Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED"  # PEP 668
    if sys.prefix == sys.base_prefix and managed.exists():
        raise PluginError(
            f"{sys.executable}: this Python is managed by the system (PEP 668); install posegen "
            "and its plugins in a virtual environment: `python3 -m venv .venv`."
        )
    if importlib.util.find_spec("pip") is None:
        raise PluginError(
            f"{sys.executable}: there is no pip here; install {entry.requirement!r} as you "
            "installed posegen."
        )


def plan(requirement: str) -> list[Package]:
    """Ask pip what it would install. Only wheels: building a package runs its code.

    Raises:
        PluginError: with pip's reason, where it cannot be installed.
    """
    report = _pip("--dry-run", "--report", "-", requirement)
    try:
        return [_package(item) for item in json.loads(report)["install"]]
    except (ValueError, KeyError) as error:
        raise PluginError(
            f"pip's report cannot be read ({type(error).__name__}: {error}); install "
            f"{requirement!r} yourself."
        ) from None


def _package(item: dict[str, Any]) -> Package:
    # https://pip.pypa.io/en/stable/reference/installation-report
    about, file = item["metadata"], item["download_info"]
    digest = file["archive_info"]["hashes"]["sha256"]
    return Package(about["name"], about["version"], file["url"], digest, item["is_direct"])


def install(packages: list[Package]) -> None:
    """Install exactly these files, and nothing that they might ask for beside them.

    Raises:
        PluginError: with pip's reason, where that fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "requirements.txt"
        lines.write_text("".join(package.line() for package in packages), encoding="utf-8")
        _pip("--no-deps", "--require-hashes", "--requirement", str(lines))
    importlib.invalidate_caches()


def _pip(*words: str) -> str:
    # -I: else `pip.py` of the current folder would be run in pip's place.
    command = [
        sys.executable,
        "-I",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    done = subprocess.run(
        [*command, "--only-binary", ":all:", *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
        reason = (lines or done.stderr.splitlines() or ["no reason given"])[-1]
        raise PluginError(f"pip: {reason.removeprefix('ERROR:').strip()}")
    return done.stdout

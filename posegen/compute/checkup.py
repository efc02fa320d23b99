"""What is there of what posegen can need: weights, optional packages, room in its folders."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.metadata import metadata, requires
from pathlib import Path

from packaging.requirements import Requirement

from posegen.compute.environment import installed, published_cache
from posegen.core.specs import DetectorSpec, Kind, LossSpec, MetricSpec
from posegen.plugins import Registry

#: Extras that users of posegen have no use for.
_DEVELOPMENT = ("dev", "docs")

_OPTIONS = {
    Kind.METRIC: "--set {name}.weights=FILE",
    Kind.LOSS: "--set losses.TERM.weights=FILE",
    Kind.DETECTOR: "--set detector.weights=FILE",
}


@dataclass(frozen=True)
class PublishedWeights:
    """A published file of weights that components need.

    Attributes:
        file: its name.
        users: which components need it, as `metric lpips`.
        path: where it is, or None.
        option: how a copy elsewhere is given.
    """

    file: str
    users: list[str]
    path: str | None
    option: str


@dataclass(frozen=True)
class Extra:
    """An optional part of an installed package.

    Attributes:
        name: as pip takes it.
        missing: its packages that are not installed.
    """

    name: str
    missing: list[str]


@dataclass(frozen=True)
class Folder:
    """A folder that grows.

    Attributes:
        title: what is in it.
        path: where it is; it need not be there.
        files, bytes: what is in it now.
        free: bytes left on its disk.
    """

    title: str
    path: str
    files: int
    bytes: int
    free: int


def published_weights(registry: Registry) -> list[PublishedWeights]:
    """Return the published files that installed metrics, losses and detectors can need."""
    users: dict[str, list[tuple[Kind, str]]] = {}
    for kind in _OPTIONS:
        for component in registry.components(kind):
            spec = component.spec
            assert isinstance(spec, MetricSpec | LossSpec | DetectorSpec)
            for file in spec.weights:
                users.setdefault(file, []).append((kind, spec.name))
    found = []
    for file, of in sorted(users.items()):
        path = published_cache() / file
        kind, name = of[0]
        found.append(
            PublishedWeights(
                file,
                [f"{kind} {name}" for kind, name in of],
                str(path) if path.is_file() else None,
                _OPTIONS[kind].format(name=name),
            )
        )
    return found


def extras(package: str = "posegen") -> list[Extra]:
    """Return the optional parts of a package."""
    names = metadata(package).get_all("Provides-Extra") or []
    wanted = [Requirement(text) for text in requires(package) or ()]
    found = []
    for name in sorted(set(names) - set(_DEVELOPMENT)):
        of = [r for r in wanted if r.marker and _only_with(r, name)]
        found.append(Extra(f"{package}[{name}]", [r.name for r in of if installed(r.name) is None]))
    return found


def _only_with(requirement: Requirement, extra: str) -> bool:
    assert requirement.marker is not None
    return requirement.marker.evaluate({"extra": extra}) and not requirement.marker.evaluate(
        {"extra": ""}
    )


def folder(title: str, path: Path) -> Folder:
    """Return what is in a folder, and how much room is left."""
    sizes = [file.stat().st_size for file in path.rglob("*") if file.is_file()]
    return Folder(title, str(path), len(sizes), sum(sizes), shutil.disk_usage(there(path)).free)


def there(path: Path) -> Path:
    """Return the path, or the nearest folder above it that is there."""
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())

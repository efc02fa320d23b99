"""Which data set a folder is of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from posegen.core.errors import DataError
from posegen.core.specs import DatasetSpec, Kind

if TYPE_CHECKING:
    from posegen.plugins.components import Registry


def _is_there(path: Path, marker: str) -> bool:
    """Return whether a marker file is there, or that of the test split alone.

    Who only scores a model has no training split: `…-train.csv` may be missing where `…-test.csv`
    is there.
    """
    return any((path / name).is_file() for name in (marker, marker.replace("-train", "-test")))


def detect_layout(path: Path, registry: Registry) -> str:
    """Return the name of the data set whose marker file is in the folder `path`.

    Raises:
        DataError: where there is no such folder, no marker in it, or those of several data sets.
    """
    if not path.is_dir():
        raise DataError(f"{path}: no such folder; give one that holds a data set.")
    specs = [component.spec for component in registry.components(Kind.DATASET)]
    markers = {s.name: s.marker for s in specs if isinstance(s, DatasetSpec) and s.marker}
    names = [name for name, marker in markers.items() if _is_there(path, marker)]
    if len(names) == 1:
        return names[0]
    known = ", ".join(f"{marker} ({name})" for name, marker in markers.items())
    if not names:
        raise DataError(
            f"{path}: holds none of the files that tell a data set's layout; give a folder with "
            f"one of: {known}."
        )
    both = " and ".join(f"{markers[name]} ({name})" for name in names)
    raise DataError(f"{path}: holds {both}; put each data set into a folder of its own.")

"""Everything that can be checked of weights, in one go."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from posegen.core.errors import ConfigError, WeightsError
from posegen.weights.bundle import file_digest, shared_files, unpack
from posegen.weights.cache import find
from posegen.weights.description import TENSORS, WeightsConfig, differences, is_tar
from posegen.weights.networks import rebuild


@dataclass(frozen=True)
class Verified:
    """What was found of weights in which nothing is wrong.

    Attributes:
        config: their description.
        sha256: of the tar or `.safetensors` file, or of the folder's `model.safetensors`.
        files: names of the files that are shared.
        differences: how the installed packages differ from those that made them, in sentences.
    """

    config: WeightsConfig
    sha256: str
    files: tuple[str, ...]
    differences: tuple[str, ...]


def verify(path: str | Path, sha256: str | None = None) -> Verified:
    """Check weights as `pull` does, and that they fit the network that is installed.

    Args:
        path: a run, a folder, a `.tar` or `.safetensors` file, or the name of pulled weights.
        sha256: what they have to be.

    Raises:
        WeightsError, ConfigError, PluginError: naming the first thing that is wrong.
    """
    place = find(path)
    file = place if place.is_file() else place / TENSORS
    names = (TENSORS,) if place.is_file() else tuple(shared_files(place))
    found = file_digest(file)
    if sha256 not in (None, found):
        raise WeightsError(f"{file}: its sha256 is {found}, where {sha256} is due.")
    if not (place.is_file() and is_tar(place)):
        config = rebuild(place)[0]
        return Verified(config, found, names, tuple(differences(config)))
    with tempfile.TemporaryDirectory() as temporary:
        bundle = Path(temporary)
        unpack(place, bundle)
        try:
            config = rebuild(bundle)[0]
        except (WeightsError, ConfigError) as error:
            raise type(error)(str(error).replace(temporary, str(place))) from error
        names = tuple(shared_files(bundle))
    return Verified(config, found, names, tuple(differences(config)))

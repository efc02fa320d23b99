"""Files of weights that others trained and published (ImageNet trunks of losses and metrics).

Looked for in this order: the file that the user names; torchvision's cache; a download into that
cache. Where none works, the error names the file, where it was looked for, and the option that
takes a local copy. Nothing is ever replaced by random weights.
"""

from __future__ import annotations

import hashlib
import os
import urllib.error
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from posegen.core.errors import WeightsError
from posegen.core.headers import read_header
from posegen.core.state_dicts import read_state_dict

#: Hexadecimal digits of a whole sha256.
_DIGITS = 64


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a flat dict of tensors from `.safetensors`, or from `.pth` without unpickling code.

    Raises:
        WeightsError: where the file is missing, damaged, or holds anything but tensors.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such file of weights.")
    try:
        if path.suffix != ".safetensors":
            return read_state_dict(path)
        from safetensors.torch import load_file

        read_header(path)  # refuses more than the library does
        return dict(load_file(path))
    except Exception as error:  # any of a dozen types, depending on where the damage is
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"{path}: cannot be read as a file of weights ({reason}); give a .safetensors file "
            "or a .pth file that holds only a state dict."
        ) from error


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights that is there.

    Attributes:
        path: where it is.
        sha256: the digest of what is in it, all 64 digits.
    """

    path: Path
    sha256: str

    def tensors(self) -> dict[str, Tensor]:
        """Read it; see `read_tensors`."""
        return read_tensors(self.path)


@dataclass(frozen=True)
class PretrainedFile:
    """A published file of weights.

    Attributes:
        title: what it is, for messages.
        url: where it is published.
        sha256: its digest, or the beginning of it (torchvision writes eight digits into its files'
            names).
    """

    title: str
    url: str
    sha256: str

    @property
    def filename(self) -> str:
        """The name of the file in torchvision's cache."""
        return self.url.rsplit("/", 1)[1]

    def load(self, local: Path | None, option: str) -> dict[str, Tensor]:
        """Find the file and return its tensors; see `find`."""
        return self.find(local, option).tensors()

    def find(self, local: Path | None, option: str) -> WeightsFile:
        """Return the user's file, the one in torchvision's cache, or one just downloaded there.

        Args:
            local: the user's own copy, or None for cache and download. It may be a conversion of
                the published file, so its digest is not checked.
            option: how the user names a local copy, for the message, e.g.
                `--set losses.perceptual.weights=FILE`.

        Raises:
            WeightsError: where the weights cannot be had.
        """
        if local is not None:
            path = local.expanduser()
            if not path.is_file():
                raise WeightsError(f"{path}: no such file of weights.")
            return WeightsFile(path, _digest(path))
        cached = Path(torch.hub.get_dir()) / "checkpoints" / self.filename
        if not cached.is_file():
            self._download(cached, option)
        found = WeightsFile(cached, _digest(cached))
        if not self.is_published(found):
            raise WeightsError(
                f"{cached}: damaged (its sha256 does not begin with {self.sha256}); delete it, "
                f"or give a good copy with `{option}`."
            )
        return found

    def is_published(self, file: WeightsFile) -> bool:
        """Return whether a file is the published one, byte for byte."""
        return file.sha256.startswith(self.sha256)

    def _download(self, cached: Path, option: str) -> None:
        lacking = f"{self.title}: {cached} is not there"
        digest = self.sha256 if len(self.sha256) == _DIGITS else f"{self.sha256}…"
        remedy = (
            f"get {self.url} (sha256 {digest}) on any machine and give it with `{option}`, "
            "or put it there."
        )
        if os.environ.get("POSEGEN_OFFLINE", "") not in ("", "0"):
            raise WeightsError(f"{lacking} and POSEGEN_OFFLINE is set; {remedy}")
        cached.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(self.url, str(cached), self.sha256, progress=False)
        except (urllib.error.URLError, OSError, RuntimeError) as error:
            raise WeightsError(f"{lacking} and cannot be downloaded ({error}); {remedy}") from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

"""Files of weights that others trained and published (ImageNet trunks of losses and metrics).

Looked for in this order: the file that the user names; torchvision's cache; a download into that
cache. Where none works, the error names the file, where it was looked for, and the option that
takes a local copy. Nothing is ever replaced by random weights.
"""

from __future__ import annotations

import hashlib
import os
import urllib.error
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from posegen.core.errors import WeightsError


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a flat dict of tensors from `.safetensors`, or from `.pth` without unpickling code.

    Raises:
        WeightsError: where the file is missing, damaged, or holds anything but tensors.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such file of weights.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # any of a dozen types, depending on where the damage is
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"{path}: cannot be read as a file of weights ({reason}); give a .safetensors file "
            "or a .pth file that holds only a state dict."
        ) from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not all(isinstance(v, Tensor) for v in content.values()):
        raise WeightsError(f"{path}: holds no plain state dict (names and tensors).")
    return {str(key): value for key, value in content.items()}


@dataclass(frozen=True)
class PretrainedFile:
    """A published file of weights.

    Attributes:
        title: what it is, for messages.
        url: where it is published.
        sha256: the beginning of its digest (torchvision writes eight digits into its file names).
    """

    title: str
    url: str
    sha256: str

    @property
    def filename(self) -> str:
        """The name of the file in torchvision's cache."""
        return self.url.rsplit("/", 1)[1]

    def load(self, local: Path | None, option: str) -> dict[str, Tensor]:
        """Return the tensors.

        Args:
            local: the user's own copy, or None for cache and download.
            option: how the user names a local copy, for the message, e.g.
                `--set losses.perceptual.weights=FILE`.

        Raises:
            WeightsError: where the weights cannot be had.
        """
        if local is not None:
            return read_tensors(local.expanduser())
        cached = Path(torch.hub.get_dir()) / "checkpoints" / self.filename
        if not cached.is_file():
            self._download(cached, option)
        elif not _digest(cached).startswith(self.sha256):
            raise WeightsError(
                f"{cached}: damaged (its sha256 does not begin with {self.sha256}); delete it, "
                f"or give a good copy with `{option}`."
            )
        return read_tensors(cached)

    def _download(self, cached: Path, option: str) -> None:
        lacking = f"{self.title}: {cached} is not there"
        remedy = f"get {self.url} on any machine and give it with `{option}`, or put it there."
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

"""Files of weights that others trained and published (ImageNet trunks of losses and metrics).

Looked for in this order: the file that the user names; torchvision's cache; a download into that
cache. Where none works, the error names the file, where it was looked for, and the option that
takes a local copy. Nothing is ever replaced by random weights.
"""

from __future__ import annotations

import hashlib
import os
import urllib.error
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from posegen.core.errors import WeightsError
from posegen.core.headers import read_header
from posegen.core.writing import replacing


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a flat dict of tensors from `.safetensors`, or from `.pth` without unpickling code.

    Raises:
        WeightsError: where the file is missing, damaged, or holds anything but tensors.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such file of weights.")
    try:
        if path.suffix != ".safetensors":
            return _read_state_dict(path)
        read_header(path)  # refuses more than the library does
        return dict(safetensors.torch.load_file(path))
    except Exception as error:  # any of a dozen types, depending on where the damage is
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"{path}: cannot be read as a file of weights ({reason}); give a .safetensors file "
            "or a .pth file that holds only a state dict."
        ) from error


def _read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a state dict, bare or under the key `state_dict`; a ValueError says why it is none.

    PyTorch's `weights_only=True` makes nothing but tensors and plain containers of a pickle. That
    is not enough: such a file can still be small and hold tensors that fill the memory, as a
    compressed archive or by strides of zero.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise ValueError("its archive is compressed, which PyTorch never writes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they ask to report to PyTorch what the file is
            content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception:  # PyTorch's own reason recommends to read it in a way that runs code in it
        raise ValueError(
            "it is no PyTorch checkpoint of plain tensors, or is damaged; nothing in it was run"
        ) from None
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise ValueError("it holds no plain state dict (names and tensors)")
    for name, tensor in content.items():
        if not isinstance(name, str) or not _is_plain(tensor):
            raise ValueError(f"no plain state dict: {name!r} is not a plain dense tensor")
    return dict(content)


def _is_plain(tensor: Any) -> bool:
    """Whether it is a real strided tensor on the CPU, and all of its numbers are in the file."""
    return (
        type(tensor) in (Tensor, nn.Parameter)
        and tensor.layout == torch.strided
        and tensor.device.type == "cpu"
        and not tensor.is_quantized
        and not tensor.is_complex()
        and tensor.untyped_storage().nbytes() >= tensor.nbytes
    )


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
        path = Path(torch.hub.get_dir()) / "checkpoints" / self.filename
        if local is not None:
            path = local.expanduser()
            if not path.is_file():
                raise WeightsError(f"{path}: no such file of weights.")
        elif not path.is_file():
            self._download(path, option)
        with path.open("rb") as file:
            found = WeightsFile(path, hashlib.file_digest(file, "sha256").hexdigest())
        if local is None and not self.is_published(found):
            raise WeightsError(
                f"{path}: damaged (its sha256 does not begin with {self.sha256}); delete it, "
                f"or give a good copy with `{option}`."
            )
        return found

    def is_published(self, file: WeightsFile) -> bool:
        """Return whether a file is the published one, byte for byte."""
        return file.sha256.startswith(self.sha256)

    def _download(self, cached: Path, option: str) -> None:
        lacking = f"{self.title}: {cached} is not there"
        digest = self.sha256 if len(self.sha256) == 64 else f"{self.sha256}…"
        remedy = (
            f"get {self.url} (sha256 {digest}) on any machine and give it with "
            f"`{option}`, or put it there."
        )
        if os.environ.get("POSEGEN_OFFLINE", "") not in ("", "0"):
            raise WeightsError(f"{lacking} and POSEGEN_OFFLINE is set; {remedy}")
        try:
            with replacing(cached) as temporary:
                torch.hub.download_url_to_file(
                    self.url, str(temporary), self.sha256, progress=False
                )
        except (urllib.error.URLError, OSError, RuntimeError) as error:
            raise WeightsError(f"{lacking} and cannot be downloaded ({error}); {remedy}") from error

"""Published `.pth` files, read without running any code that is in them."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a state dict, bare or under the key `state_dict`, from a `.pth` file.

    PyTorch's `weights_only=True` makes nothing but tensors and plain containers of a pickle. That
    is not enough: such a file can still be small and hold tensors that fill the memory, as a
    compressed archive or by strides of zero.

    Raises:
        ValueError: with the reason, where it holds anything else than names and plain tensors.
        OSError: where the file cannot be opened.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise ValueError("its archive is compressed, which PyTorch never writes")
    content = _unpickled(path)
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not all(map(_is_entry, content.items())):
        raise ValueError("it holds no plain state dict (names and tensors)")
    for name, tensor in content.items():
        if not _is_plain(tensor):
            raise ValueError(f"{name!r} is not a plain dense tensor")
    return dict(content)


def _unpickled(path: Path) -> object:
    """Read a pickle of tensors, with a reason of our own where that fails.

    PyTorch's own reason recommends reading the file again in a way that runs code in it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they ask to report to PyTorch what the file is
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception:  # any of a dozen types, depending on where the damage is
        raise ValueError(
            "it is no PyTorch checkpoint of plain tensors, or is damaged; nothing in it was run"
        ) from None


def _is_entry(item: tuple[object, object]) -> bool:
    name, value = item
    return isinstance(name, str) and type(value) in (Tensor, nn.Parameter)


def _is_plain(tensor: Tensor) -> bool:
    """Whether it is strided, on the CPU, real, and all of its numbers are in the file."""
    return (
        tensor.layout == torch.strided
        and tensor.device.type == "cpu"
        and not tensor.is_quantized
        and not tensor.is_complex()
        and tensor.untyped_storage().nbytes() >= tensor.nbytes
    )

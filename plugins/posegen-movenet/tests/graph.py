"""Runs a graph of TensorFlow.js in NumPy, operation by operation, to compare the network with.

It knows the operations of the two published graphs, and nothing of what the graphs compute.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posegen_movenet.convert import read_published

Array = NDArray[Any]
Attributes = dict[str, Any]


def run(path: Path, picture: Array) -> Array:
    """Run the graph in a .json file, with its weights beside it, on a picture (1, H, W, 3) int32.

    Returns:
        (1, 1, 17, 3): y and x as parts of the picture's sides, and the score of each joint.
    """
    nodes = {n["name"]: n for n in json.loads(path.read_text())["modelTopology"]["node"]}
    values: dict[str, list[Array]] = {}
    for name, constant in read_published(path).items():
        values[name] = [constant.astype(np.float32) if constant.dtype == np.float16 else constant]
    values["input"] = [picture]

    def value(reference: str) -> Array:
        name, _, number = reference.partition(":")
        if name not in values:
            node = nodes[name]
            inputs = [value(i) for i in node.get("input", ()) if not i.startswith("^")]
            made = OPERATIONS[node["op"]](read_attributes(node.get("attr", {})), *inputs)
            values[name] = made if isinstance(made, list) else [made]
        return values[name][int(number or 0)]

    return value("Identity")


def read_attributes(written: Mapping[str, Any]) -> Attributes:
    """Return plain values of a node's attributes."""

    def plain(kind: str, content: Any) -> Any:
        if kind == "list":
            return [plain(k, c) for k, several in content.items() for c in several]
        return {"i": int, "s": lambda text: b64decode(text).decode()}.get(kind, lambda x: x)(
            content
        )

    return {name: plain(*next(iter(typed.items()))) for name, typed in written.items()}


def patches(attributes: Attributes, values: Array, size: tuple[int, int]) -> Array:
    """Return what each place of a kernel of `size` sees: (h, w, H', W', C) of (1, H, W, C)."""
    steps = attributes["strides"][1:3]
    assert attributes.get("dilations", [1])[1:3] in ([], [1, 1])
    sides = [-(-n // s) for n, s in zip(values.shape[1:3], steps, strict=True)]
    if attributes["padding"] == "SAME":
        lacking = [
            max((out - 1) * s + k - n, 0)
            for out, s, k, n in zip(sides, steps, size, values.shape[1:3], strict=True)
        ]
        around = [(n // 2, n - n // 2) for n in lacking]
        values = np.pad(values, [(0, 0), *around, (0, 0)])
    else:
        assert size == (1, 1)
    seen = [
        values[0, y:, x:][: sides[0] * steps[0] : steps[0], : sides[1] * steps[1] : steps[1]]
        for y in range(size[0])
        for x in range(size[1])
    ]
    return np.stack(seen).reshape(*size, *sides, -1)


def convolve(attributes: Attributes, values: Array, kernel: Array, *bias: Array) -> Array:
    seen = patches(attributes, values, kernel.shape[:2])
    return finish(attributes, np.tensordot(seen, kernel, ([0, 1, 4], [0, 1, 2]))[None], *bias)


def convolve_each(attributes: Attributes, values: Array, kernel: Array, *bias: Array) -> Array:
    seen = patches(attributes, values, kernel.shape[:2])
    return finish(attributes, np.einsum("yxhwc,yxc->hwc", seen, kernel[..., 0])[None], *bias)


def finish(attributes: Attributes, values: Array, *bias: Array) -> Array:
    """Do what is fused with a convolution."""
    for name in attributes.get("fused_ops", ()):
        limits: dict[str, tuple[float, float | None]] = {"Relu": (0, None), "Relu6": (0, 6)}
        values = values + bias[0] if name == "BiasAdd" else values.clip(*limits[name])
    return values


def resize(attributes: Attributes, values: Array, size: Array) -> Array:
    assert attributes["half_pixel_centers"]
    assert not attributes["align_corners"]
    for axis, new in zip((1, 2), size.tolist(), strict=True):
        old = values.shape[axis]
        place = ((np.arange(new) + 0.5) * old / new - 0.5).clip(0, old - 1)
        low = np.floor(place).astype(int)
        shape = [-1 if a == axis else 1 for a in range(4)]
        part = (place - low).astype(np.float32).reshape(shape)
        high = (low + 1).clip(max=old - 1)
        values = values.take(low, axis) * (1 - part) + values.take(high, axis) * part
    return values


def cast(attributes: Attributes, values: Array) -> Array:
    return values.astype({"DT_FLOAT": np.float32, "DT_INT32": np.int32}[attributes["DstT"]])


def squeeze(attributes: Attributes, values: Array) -> Array:
    return values.squeeze(tuple(attributes["squeeze_dims"]))


def unpack(attributes: Attributes, values: Array) -> list[Array]:
    axis = attributes["axis"]
    return [values.take(i, axis) for i in range(values.shape[axis])]


OPERATIONS: dict[str, Callable[..., Array | list[Array]]] = {
    "_FusedConv2D": convolve,
    "FusedDepthwiseConv2dNative": convolve_each,
    "DepthwiseConv2dNative": convolve_each,
    "ResizeBilinear": resize,
    "Cast": cast,
    "Squeeze": squeeze,
    "Unpack": unpack,
    "AddV2": lambda _, a, b: a + b,
    "Sub": lambda _, a, b: a - b,
    "Mul": lambda _, a, b: a * b,
    "RealDiv": lambda _, a, b: a / b,
    "FloorDiv": lambda _, a, b: a // b,
    "SquaredDifference": lambda _, a, b: (a - b) ** 2,
    "Sqrt": lambda _, a: np.sqrt(a),
    "Sigmoid": lambda _, a: 1 / (1 + np.exp(-a.clip(min=-80))),
    "ArgMax": lambda _, a, axis: a.argmax(int(axis)).astype(np.int32),
    "ExpandDims": lambda _, a, axis: np.expand_dims(a, int(axis)),
    "Reshape": lambda _, a, shape: a.reshape(shape),
    "Pack": lambda attributes, *several: np.stack(several, attributes["axis"]),
    "ConcatV2": lambda _, *several: np.concatenate(several[:-1], int(several[-1])),
    "GatherNd": lambda _, a, indices: a[tuple(np.moveaxis(indices, -1, 0))],
    "Identity": lambda _, a: a,
}

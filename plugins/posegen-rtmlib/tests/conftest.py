"""Small ONNX files of the real form, made for the tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def make_pose_network(tmp_path: Path) -> Callable[..., Path]:
    """Make a network of RTMPose's form: it finds every joint at the reddest place of a picture."""
    onnx = pytest.importorskip("onnx")

    def make(
        joints: int = 17, height: int = 64, width: int = 48, low: tuple[int, ...] = ()
    ) -> Path:
        """Write it; the joints of the numbers `low` get a low score."""
        scale = [0.05 if joint in low else 1.0 for joint in range(joints)]
        nodes = [node(onnx, "Gather", ["input", "red"], ["channel"], axis=1)]  # (1, 1, H, W)
        constants = {"red": [0], "scale": [[[value] for value in scale]]}
        for axis, across, size in (("x", 2, width), ("y", 3, height)):
            constants |= {f"{axis}_in": [1, 1, size, 1], f"{axis}_out": [1, joints, 2 * size]}
            constants |= {f"{axis}_times": [1, joints, 1, 2]}
            nodes += [
                node(onnx, "ReduceMax", ["channel"], [f"{axis}1"], axes=[across], keepdims=0),
                node(onnx, "Reshape", [f"{axis}1", f"{axis}_in"], [f"{axis}2"]),
                node(onnx, "Tile", [f"{axis}2", f"{axis}_times"], [f"{axis}3"]),  # two bins a pixel
                node(onnx, "Reshape", [f"{axis}3", f"{axis}_out"], [f"{axis}4"]),
                node(onnx, "Mul", [f"{axis}4", "scale"], [f"simcc_{axis}"]),
            ]
        outputs = {"simcc_x": [1, joints, 2 * width], "simcc_y": [1, joints, 2 * height]}
        path = tmp_path / f"pose{joints}.onnx"
        return write(onnx, path, nodes, constants, [1, 3, height, width], outputs)

    return make


@pytest.fixture
def make_people_network(tmp_path: Path) -> Callable[..., Path]:
    """Make a network of YOLOX's form with given boxes, which are people where red is in BGR."""
    onnx = pytest.importorskip("onnx")

    def make(boxes: list[list[float]], size: Any = 64) -> Path:
        """Write it for pictures of `size`²; boxes are left, top, right, bottom."""
        count = len(boxes)
        constants = {
            "red": [2],
            "boxes": [[[float(side) for side in box] for box in boxes]],
            "shape": [1, 1, 1],
            "times": [1, count, 1],
            "white": 255.0,
        }
        nodes = [
            node(onnx, "Gather", ["input", "red"], ["channel"], axis=1),
            node(onnx, "ReduceMax", ["channel"], ["brightest"], axes=[2, 3], keepdims=0),
            node(onnx, "Div", ["brightest", "white"], ["score"]),
            node(onnx, "Reshape", ["score", "shape"], ["one"]),
            node(onnx, "Tile", ["one", "times"], ["scores"]),
            node(onnx, "Concat", ["boxes", "scores"], ["dets"], axis=2),
        ]
        path = tmp_path / f"people{size}.onnx"
        return write(onnx, path, nodes, constants, [1, 3, size, size], {"dets": [1, count, 5]})

    return make


def node(onnx: Any, kind: str, inputs: list[str], outputs: list[str], **settings: Any) -> Any:
    return onnx.helper.make_node(kind, inputs, outputs, **settings)


def write(
    onnx: Any,
    path: Path,
    nodes: list[Any],
    constants: dict[str, Any],
    given: list[Any],
    outputs: dict[str, list[int]],
) -> Path:
    import numpy as np

    def as_array(value: Any) -> Any:
        array = np.array(value)
        return array.astype(np.float32 if array.dtype.kind == "f" else np.int64)

    tensor = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes,
        "made",
        [tensor("input", onnx.TensorProto.FLOAT, given)],
        [tensor(name, onnx.TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [onnx.numpy_helper.from_array(as_array(v), name=k) for k, v in constants.items()],
    )
    model = onnx.helper.make_model(
        graph, ir_version=9, opset_imports=[onnx.helper.make_opsetid("", 17)]
    )
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return path

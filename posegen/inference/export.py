"""A trained generator as a file that runs without posegen: ONNX, or PyTorch's export format.

The graph takes a batch of any size, of float32:

    source        (B, 3, H, W) in [-1, 1], RGB
    source_pose   (B, C, H, W) pose maps, or with `inputs="keypoints"`
    target_pose   source_keypoints, target_keypoints (B, K, 3): x, y in pixels of H×W, visibility

and returns `image` (B, 3, H, W) in [-1, 1]. Batch norm is folded into the convolutions.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from posegen import __version__
from posegen.core.batches import GeneratorOutput, TaskInfo
from posegen.core.contracts import Generator, PoseEncoder
from posegen.core.errors import ConfigError, PosegenError, suggest
from posegen.inference.export_formats import FORMATS
from posegen.inference.folding import folded
from posegen.inference.model import PoseTransfer
from posegen.poses.layouts import layout
from posegen.weights.files import replacing
from posegen.weights.folder import weights_digest

Inputs = Literal["maps", "keypoints"]

#: How far an exported image may be from the model's own, on [-1, 1]: a grey level is 80 times that.
TOLERANCE = 1e-4

#: Sizes of the batches that are compared; the network is traced with the second.
_BATCHES = (1, 2, 3)


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Attributes:
        path: where it is.
        difference: the largest difference of an image from the model's own, on [-1, 1].
        about: what is written in it beside the network.
    """

    path: Path
    difference: float
    about: dict[str, Any]


def export_model(
    model: PoseTransfer,
    path: Path,
    format: str,
    *,
    inputs: Inputs = "maps",
    size: tuple[int, int] | None = None,
    opset: int | None = None,
) -> Exported:
    """Write a model to a file, once the file was seen to compute what the model does.

    Args:
        model: on the CPU and in float32.
        path: the file, .onnx or .pt2 as the format has it.
        format: `onnx` or `torch-export`.
        inputs: whether the graph takes pose maps, or keypoints and makes the maps itself.
        size: (H, W) that it works at; by default the model's.
        opset: version of ONNX's operators; by default PyTorch's choice.

    Raises:
        ConfigError: for a wrong option, or where a package is missing.
        PosegenError: where the network cannot be traced or written, or the file computes something
            else; no file is written then.
    """
    if format not in FORMATS:
        raise ConfigError(f"--format {format}: no such format; {suggest(format, FORMATS)}")
    if inputs not in ("maps", "keypoints"):
        raise ConfigError(f"--inputs {inputs}: there are maps and keypoints.")
    FORMATS[format].check(opset)
    size = size or model.image_size
    multiple = model.generator.size_multiple
    if any(side % multiple for side in size):
        raise ConfigError(
            f"--size {size[0]}x{size[1]}: the generator needs height and width divisible by "
            f"{multiple}."
        )
    ending = FORMATS[format].ending
    if path.suffix.lower() != ending:
        raise ConfigError(
            f"--out {path}: --format {format} writes {ending} files; give a name that ends in "
            f"{ending}, or another --format."
        )
    fast, _ = folded(model.generator, TaskInfo(size, model.encoder.channels))
    network = _GRAPHS[inputs](fast, model.encoder, size)
    original = _GRAPHS[inputs](model.generator, model.encoder, size)
    examples = [_example(model, network, size, count) for count in _BATCHES]
    about = _about(model, size, inputs)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, _quiet():
        program = _traced(network, examples[1], model.config.model)
        FORMATS[format].write(temporary, program, about, opset)
        run = FORMATS[format].read(temporary)
        with torch.inference_mode():
            difference = max(float((run(x) - original(*x)).abs().max()) for x in examples)
        if not difference <= TOLERANCE:  # or not a number
            raise PosegenError(
                f"{path}: not written, since what was exported makes images that are off by up to "
                f"{difference:.2g} on [-1, 1], where {TOLERANCE:g} is allowed; use another format."
            )
    return Exported(path, difference, about)


class _FromMaps(nn.Module):
    """The generator as a function of tensors to one tensor."""

    keypoints = False

    def __init__(self, generator: Generator, encoder: PoseEncoder, size: tuple[int, int]) -> None:
        super().__init__()
        self.generator, self._encoder, self._size = generator, encoder, size

    def forward(self, source: Tensor, source_pose: Tensor, target_pose: Tensor) -> Tensor:
        output: GeneratorOutput = self.generator(source, source_pose, target_pose)
        return output.image


class _FromKeypoints(_FromMaps):
    """The same with the encoder before it."""

    keypoints = True

    def forward(self, source: Tensor, source_keypoints: Tensor, target_keypoints: Tensor) -> Tensor:
        poses = (
            self._encoder(points, self._size) for points in (source_keypoints, target_keypoints)
        )
        return super().forward(source, *poses)


_GRAPHS: dict[str, type[_FromMaps]] = {"maps": _FromMaps, "keypoints": _FromKeypoints}


def _example(
    model: PoseTransfer, network: _FromMaps, size: tuple[int, int], count: int
) -> tuple[Tensor, ...]:
    """Return inputs as they may come: noise, and joints anywhere, some of them missing."""
    random = torch.Generator().manual_seed(count)
    source = torch.rand(count, 3, *size, generator=random) * 2 - 1
    points = torch.rand(2, count, len(layout(model.layout)), 3, generator=random)
    points *= torch.tensor([size[1], size[0], 1.2])
    points[..., 2] = points[..., 2].round().clamp(max=1)
    if network.keypoints:
        return source, *points
    return source, *(model.encoder(each, size) for each in points)


def _traced(network: _FromMaps, inputs: tuple[Tensor, ...], name: str) -> ExportedProgram:
    batch = Dim("batch", min=1)
    shapes = tuple({0: batch} for _ in inputs)
    try:
        return torch.export.export(network.eval(), inputs, dynamic_shapes=shapes)
    except Exception as error:  # of many types, depending on what the network does
        raise PosegenError(
            f"{name}: torch.export cannot trace this generator ({_first_line(error)})."
        ) from error


def _about(model: PoseTransfer, size: tuple[int, int], inputs: Inputs) -> dict[str, Any]:
    config = model.config
    tree = config.tree()
    return {
        "posegen": __version__,
        "model": config.model,
        "preset": config.preset,
        "licence": config.licence,
        "weights_sha256": weights_digest(model.generator.state_dict()),
        "inputs": inputs,
        "image_size": list(size),
        "layout": model.layout,
        "joints": list(layout(model.layout).joints),
        "encoder": tree["encoder"],
        "normalisation": tree["normalisation"],
        "config": tree,
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings of tracing, which are about torch's own insides."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

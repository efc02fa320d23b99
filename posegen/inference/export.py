"""A trained model as a file that runs without posegen: ONNX, or PyTorch's export format.

The graph takes what the generator reads, by name: a batch of any size, of float32. For most it is

    source        (B, 3, H, W) in [-1, 1], RGB
    source_pose   (B, C, H, W) pose maps, or with `inputs="keypoints"`
    target_pose   source_keypoints, target_keypoints (B, K, 3): x, y in pixels of H×W, visibility

and returns `image` (B, 3, H, W) in [-1, 1]. Batch norm is folded into the convolutions.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from posegen import __version__
from posegen.core.batches import Batch, TaskInfo
from posegen.core.contracts import Generator
from posegen.core.errors import ConfigError, PosegenError, suggest
from posegen.core.fields import FieldKind
from posegen.core.noise import Noise
from posegen.core.skeletons import skeleton
from posegen.core.specs import Kind
from posegen.core.writing import replacing
from posegen.inference.export_formats import FORMATS
from posegen.inference.folding import folded
from posegen.inference.model import PoseTransfer
from posegen.plugins import registry

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
    component = registry().get(Kind.METHOD, model.config.method.name)
    if "export" not in getattr(component.spec, "capabilities", ()):
        raise ConfigError(
            f"{model.config.model}: the method {component.spec.name!r} samples pictures with noise "
            "or in steps that a graph cannot hold; only models of one pass can be exported."
        )
    task = replace(model.task, image_size=size)
    fast, _ = folded(model.generator, task)
    network = _Graph(model, fast, size, inputs)
    original = _Graph(model, model.generator, size, inputs)
    examples = [_example(network, task, count) for count in _BATCHES]
    about = _about(model, size, inputs)
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


class _Graph(nn.Module):
    """A model as a function of tensors to one tensor.

    Attributes:
        names: of its arguments, in their order.
    """

    def __init__(
        self, model: PoseTransfer, generator: Generator, size: tuple[int, int], inputs: Inputs
    ) -> None:
        super().__init__()
        self._networks = nn.ModuleDict(
            {
                **{name: model.method.networks[name] for name in model.method.shared},
                "generator": generator,
            }
        )
        self._method, self._sampling = model.method, model.sampling
        self.encoder, self._size = model.encoder, size
        self._maps = [name for name in generator.inputs if name in _POINTS] * (inputs != "maps")
        points = [_POINTS[name] for name in self._maps]
        kept = [name for name in generator.inputs if name not in self._maps]
        self.names = list(dict.fromkeys(kept + points))
        # torch.export takes the names of the graph's inputs from the signature.
        parameters = [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in self.names
        ]
        self.forward = partial(self._run)
        self.forward.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]

    def _run(self, *given: Tensor, **named: Tensor) -> Tensor:
        tensors = {**dict(zip(self.names, given, strict=False)), **named}
        for name in self._maps:
            tensors[name] = self.encoder(tensors[_POINTS[name]], self._size)
        made = self._method.sample(
            dict(self._networks.items()),  # type: ignore[arg-type]
            Batch(tensors),
            Noise(0, []),
            self._sampling,
        )
        return made.image


#: Pose map -> the keypoints that it is made of.
_POINTS = {"source_pose": "source_keypoints", "target_pose": "target_keypoints"}


def _example(network: _Graph, task: TaskInfo, count: int) -> tuple[Tensor, ...]:
    """Return inputs as they may come: noise, and joints anywhere, some of them missing."""
    random = torch.Generator().manual_seed(count)
    height, width = task.image_size

    def example(name: str) -> Tensor:
        if name in _POINTS:
            return network.encoder(example(_POINTS[name]), task.image_size)
        tensor = torch.rand(count, *task.shape(name), generator=random)
        kind = task.fields[name].kind
        if kind is FieldKind.POINTS:
            tensor *= torch.tensor([width, height, 1.2])
            tensor[..., 2] = tensor[..., 2].round().clamp(max=1)
        return tensor * 2 - 1 if kind is FieldKind.IMAGE else tensor

    return tuple(example(name) for name in network.names)


def _traced(network: _Graph, inputs: tuple[Tensor, ...], name: str) -> ExportedProgram:
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
        "model": config.title,
        "preset": config.preset,
        "licence": config.licence,
        "weights_sha256": model.fingerprint()["weights"],
        "inputs": inputs,
        "image_size": list(size),
        "skeleton": model.skeleton,
        "joints": list(skeleton(model.skeleton).joints),
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

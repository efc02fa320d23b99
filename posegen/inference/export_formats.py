"""The files that an exported network is written to, and read from again to be checked."""

from __future__ import annotations

import io
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.export import ExportedProgram

from posegen.core.errors import ConfigError, PosegenError

#: Bytes of weights that one ONNX file can hold.
_ONNX_LIMIT = 2**31 - 2**20

_ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")

#: In a .pt2 file, the name of the JSON that says what it is.
EXTRA_FILE = "posegen.json"


class ExportFormat(ABC):
    """A kind of file.

    Attributes:
        ending: of its files' names.
    """

    ending: ClassVar[str]

    @abstractmethod
    def check(self, opset: int | None) -> None:
        """Check that such a file can be written here.

        Raises:
            ConfigError: where a package is missing, or an option is not this format's.
        """

    @abstractmethod
    def write(
        self, path: Path, program: ExportedProgram, about: Mapping[str, Any], opset: int | None
    ) -> None:
        """Write a traced network.

        Args:
            path: the file.
            program: the network; its inputs are its names in the file.
            about: what is written into the file beside it.
            opset: the version of ONNX's operators; by default PyTorch's choice.

        Raises:
            PosegenError: where it cannot be expressed in this format.
        """

    @abstractmethod
    def read(self, path: Path) -> Callable[[Sequence[Tensor]], Tensor]:
        """Return the network of a file as a function of its inputs, in their order."""


class Onnx(ExportFormat):
    """ONNX, one file with the weights in it."""

    ending = ".onnx"

    def check(self, opset: int | None) -> None:
        """See `ExportFormat`."""
        if any(find_spec(package) is None for package in _ONNX_PACKAGES):
            raise ConfigError(
                f"--format onnx: needs the packages {', '.join(_ONNX_PACKAGES)}; install them with "
                "`pip install 'posegen[onnx]'`."
            )

    def write(
        self, path: Path, program: ExportedProgram, about: Mapping[str, Any], opset: int | None
    ) -> None:
        """See `ExportFormat`. Each entry of `about` is an entry of the model's metadata."""
        if sum(tensor.nbytes for tensor in program.state_dict.values()) > _ONNX_LIMIT:
            raise ConfigError(
                "--format onnx: the weights are larger than the 2 GB that one file can hold; use "
                "--format torch-export."
            )
        names = program.graph_signature.user_inputs
        try:
            made = torch.onnx.export(
                program,
                input_names=names,  # type: ignore[arg-type]
                output_names=["image"],
                dynamic_shapes=tuple({0: "batch"} for _ in names),  # the dimension's name
                opset_version=opset,
                verbose=False,
            )
        except Exception as error:  # of many types, depending on what the network does
            reason = str(error).strip().splitlines()[0]
            raise PosegenError(f"ONNX cannot express this network ({reason}).") from error
        assert made is not None
        found = made.model.opset_imports[""]
        if opset not in (None, found):
            raise PosegenError(
                f"--opset {opset}: the network cannot be written in it, only in {found}; leave "
                "--opset out."
            )
        made.model.metadata_props.update(
            {key: v if isinstance(v, str) else json.dumps(v) for key, v in about.items()}
        )
        made.save(path, external_data=False)

    def read(self, path: Path) -> Callable[[Sequence[Tensor]], Tensor]:
        """See `ExportFormat`; it runs in ONNX Runtime."""
        import onnxruntime

        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        names = [entry.name for entry in session.get_inputs()]

        def run(inputs: Sequence[Tensor]) -> Tensor:
            feed = {name: x.numpy() for name, x in zip(names, inputs, strict=True)}
            return torch.from_numpy(session.run(None, feed)[0])

        return run


class TorchExport(ExportFormat):
    """What `torch.export.save` writes."""

    ending = ".pt2"

    def check(self, opset: int | None) -> None:
        """See `ExportFormat`."""
        if opset is not None:
            raise ConfigError("--opset is about --format onnx; leave it out.")

    def write(
        self, path: Path, program: ExportedProgram, about: Mapping[str, Any], opset: int | None
    ) -> None:
        """See `ExportFormat`. `about` is the extra file `posegen.json`, which `load` can read."""
        data = io.BytesIO()
        torch.export.save(program, data, extra_files={EXTRA_FILE: json.dumps(about, indent=2)})
        path.write_bytes(data.getvalue())

    def read(self, path: Path) -> Callable[[Sequence[Tensor]], Tensor]:
        """See `ExportFormat`."""
        network = torch.export.load(io.BytesIO(path.read_bytes())).module()
        return lambda inputs: network(*inputs)


FORMATS: dict[str, ExportFormat] = {"onnx": Onnx(), "torch-export": TorchExport()}

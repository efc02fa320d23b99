"""The header of a safetensors file, with limits that are tighter than the library's. Free of torch.

The library checks that the header is what the format says, and that the tensors fill the file
without holes: https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from posegen.core.files import open_regular

#: Bytes. A large network's header has a few hundred kilobytes; the library would take 100 MB.
HEADER_LIMIT = 8 * 2**20
TENSOR_LIMIT = 20_000

#: Eight-bit floats and complex numbers are not weights of anything here.
DTYPES = ("F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL")


@dataclass(frozen=True)
class TensorEntry:
    """What a header says of one tensor; `dtype` is one of `DTYPES`."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Header:
    """A header that has been checked against its file.

    Attributes:
        metadata: the `__metadata__` of the file.
        tensors: name -> entry.
        size: bytes of the file.
    """

    metadata: Mapping[str, str]
    tensors: Mapping[str, TensorEntry]
    size: int


def read_header(path: Path) -> Header:
    """Read the header of a safetensors file; the tensors' bytes are not read.

    Raises:
        OSError: where the file cannot be opened.
        ValueError: with the reason, where the header is too large, not what the format says, or
            does not fit the size of the file.
    """
    with open_regular(path) as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(min(length, HEADER_LIMIT))
    if length > HEADER_LIMIT:
        raise ValueError(f"a header of {length:,} bytes, and at most {HEADER_LIMIT:,} are read")
    try:
        with safe_open(path, framework="numpy") as content:
            metadata, names = content.metadata() or {}, content.keys()
            if len(names) > TENSOR_LIMIT:
                raise ValueError(f"{len(names):,} tensors, and at most {TENSOR_LIMIT:,} are read")
            slices = {name: content.get_slice(name) for name in names}
            tensors = {
                name: TensorEntry(part.get_dtype(), tuple(part.get_shape()))
                for name, part in slices.items()
            }
    except SafetensorError as error:
        raise ValueError(str(error)) from None
    json.loads(text, object_pairs_hook=unique)
    for name, entry in tensors.items():
        if entry.dtype not in DTYPES:
            raise ValueError(f"{name!r} is of type {entry.dtype}; known: {', '.join(DTYPES)}")
    return Header(metadata, tensors, path.stat().st_size)


def unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dict of a JSON object (`object_pairs_hook`); two readers could choose differently.

    Raises:
        ValueError: where a key is there twice.
    """
    content: dict[str, Any] = {}
    for name, value in pairs:
        if name in content:
            raise ValueError(f"{name!r} is there twice")
        content[name] = value
    return content

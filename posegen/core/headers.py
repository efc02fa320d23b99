"""The header of a safetensors file, read and checked before anything else reads the file.

A file is eight bytes with the header's length (little-endian), the header (JSON: tensor ->
`dtype`, `shape`, `data_offsets`, and `__metadata__`), and the tensors' bytes, without holes.
https://github.com/huggingface/safetensors#format. Free of torch: looking into a file costs nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Bytes. A large network's header has a few hundred kilobytes; the library would take 100 MB.
HEADER_LIMIT = 8 * 2**20
TENSOR_LIMIT = 20_000

#: The types that a file may hold, and their bytes. Eight-bit floats and complex numbers are not
#: weights of anything here.
DTYPES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2,
    "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1,
}  # fmt: skip


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
    with path.open("rb") as file:
        size = path.stat().st_size
        start = file.read(8)
        if len(start) < 8:
            raise ValueError("shorter than a header's length")
        length = int.from_bytes(start, "little")
        if length > HEADER_LIMIT:
            raise ValueError(f"a header of {length:,} bytes, and at most {HEADER_LIMIT:,} are read")
        if 8 + length > size:
            raise ValueError("it ends within the header")
        text = file.read(length)
    try:
        content = json.loads(text, object_pairs_hook=unique)
    except RecursionError:
        raise ValueError("a header that is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("a header that is not text") from None
    if not isinstance(content, dict):
        raise ValueError("a header that is no JSON object")
    metadata = content.pop("__metadata__", {})
    if not _is_text_table(metadata):
        raise ValueError("metadata that are not names and texts")
    if len(content) > TENSOR_LIMIT:
        raise ValueError(f"{len(content):,} tensors, and at most {TENSOR_LIMIT:,} are read")
    return Header(metadata, _entries(content, size - 8 - length), size)


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


def _is_text_table(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _entries(content: dict[str, Any], data: int) -> dict[str, TensorEntry]:
    """Check every tensor's entry, and that together they cover the `data` bytes."""
    entries: dict[str, TensorEntry] = {}
    spans: list[tuple[int, int, str]] = []
    for name, told in content.items():
        if not isinstance(told, dict) or set(told) != {"dtype", "shape", "data_offsets"}:
            raise ValueError(f"{name!r} has not exactly dtype, shape and data_offsets")
        dtype, shape, span = told["dtype"], told["shape"], told["data_offsets"]
        if dtype not in list(DTYPES):
            raise ValueError(f"{name!r} is of type {dtype!r}; known: {', '.join(DTYPES)}")
        if not _are_counts(shape, 16) or not _are_counts(span, 2) or len(span) != 2:
            raise ValueError(f"{name!r} has a shape or offsets that are not counts")
        entries[name] = entry = TensorEntry(dtype, tuple(shape))
        begin, end = span
        if end - begin != entry.count * DTYPES[dtype]:
            raise ValueError(f"{name!r} has {end - begin} bytes, which its shape and type are not")
        spans.append((begin, end, name))
    place = 0
    for begin, end, name in sorted(spans):
        if begin != place:
            raise ValueError(f"{name!r} begins at byte {begin}, where {place} is due")
        place = end
    if place != data:
        raise ValueError(f"the tensors have {place:,} bytes and the file {data:,}")
    return entries


def _are_counts(value: object, most: int) -> bool:
    """Whether it is a list of at most `most` numbers that a file's size could be."""
    if not isinstance(value, list) or len(value) > most:
        return False
    return all(type(item) is int and 0 <= item < 2**63 for item in value)

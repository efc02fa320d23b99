"""Descriptions and tensors, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posegen.core.writing import replacing, write_json
from posegen.weights.description import METADATA_KEY, canonical

if TYPE_CHECKING:
    from torch import Tensor


def write_description(path: Path, tree: Mapping[str, Any]) -> None:
    """Write a description atomically, its keys sorted: the same one is always the same file."""
    write_json(path, json.loads(canonical(tree)))


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any] | None = None
) -> None:
    """Write tensors atomically, with `metadata` as canonical JSON in the header."""
    from safetensors.torch import save_file  # here, because it imports torch

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        save_file(plain, temporary, metadata={METADATA_KEY: canonical(metadata or {})})

"""Writing and reading safetensors so that nothing is ever left half-written."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from posegen.core.errors import WeightsError

#: The one key of the header's metadata. With two or more, safetensors writes them in random order,
#: and the same weights would have another sha256 each time.
METADATA_KEY = "posegen"


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old content or the new one, whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically."""
    write_atomically(path, (json.dumps(value, indent=2) + "\n").encode())


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any] | None = None
) -> None:
    """Write tensors atomically, with `metadata` as canonical JSON in the header."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(metadata or {}, sort_keys=True, separators=(",", ":"))
    save_file(plain, temporary, metadata={METADATA_KEY: text})
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


def read_metadata(path: Path) -> dict[str, Any]:
    """Read the header's metadata without the tensors; empty where posegen wrote none.

    Raises:
        WeightsError: where the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(METADATA_KEY, "{}")
        return dict(json.loads(text))
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file of weights.") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path}: damaged, or no safetensors file ({error}).") from None

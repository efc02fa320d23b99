"""Texts in tensors."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

import torch
from torch import Tensor


class Texts:
    """A list of texts in two tensors, which loading processes share.

    A Python list would be copied by every process, if only because reading it changes the reference
    counts of its elements.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        encoded = [text.encode() for text in texts]
        joined = bytearray(b"".join(encoded)) or bytearray(1)  # a tensor has at least one byte
        self.bytes: Tensor = torch.frombuffer(joined, dtype=torch.uint8)
        self.ends: Tensor = torch.tensor([0, *accumulate(map(len, encoded))], dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __getitem__(self, index: int) -> str:
        """Return one text; `index` counts from 0 and not from the end."""
        start, stop = self.ends[index : index + 2].tolist()
        return bytes(self.bytes[start:stop].numpy()).decode()

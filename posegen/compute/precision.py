"""How precisely networks are computed, and in what form: autocast, TF32, compilation."""

from __future__ import annotations

import contextlib

import torch
from torch import nn

_AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[object]:
    """Return the context in which networks run: `32`, or autocast to `bf16` or `fp16`."""
    dtype = _AUTOCAST.get(precision)
    if dtype is None:
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=dtype)


def allow_tf32(allowed: bool) -> None:
    """Choose between TensorFloat-32 and full float32 in float32 products, in this process.

    TF32 rounds the factors to 10 bits and adds up in float32 (NVIDIA, from Ampere on). PyTorch's
    own default is mixed: TF32 in convolutions, float32 in matrix products.
    """
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    torch.backends.cudnn.allow_tf32 = allowed


def compile_network(network: nn.Module, cuda_graphs: bool) -> None:
    """Compile a network in place, as one graph, at its first call.

    Args:
        network: keeps its class and its state dict.
        cuda_graphs: replay it as a CUDA graph, which saves the time of launching kernels where
            those are short: narrow networks, small batches. Costs memory.
    """
    network.compile(fullgraph=True, mode="reduce-overhead" if cuda_graphs else None)

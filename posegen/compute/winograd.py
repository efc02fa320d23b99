"""3×3 convolutions with a quarter of the multiplications: Winograd's F(4×4, 3×3).

A tile of 4×4 outputs depends on 6×6 inputs, and takes 144 multiplications per pair of channels.
With Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A it takes 36, and the same numbers come out (Lavin and Gray,
arXiv:1509.09308, section 4.3; the interpolation points are 0, ±1, ±2 and ∞). Summed over the input
channels, the product ⊙ is 36 products of matrices, (tiles, inputs) with (inputs, outputs). The
gradients go the same way back through the transposed matrices.

In float32 the result is about three times as far from the exact one as that of the direct sum:
2e-6 of its size. PyTorch's CPU kernels sum directly, and do so at the limit of the processor; only
fewer multiplications are faster. GPU libraries choose among such algorithms themselves.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

#: With fewer channels than this on either side, the transforms cost more than they save.
LEAST_CHANNELS = 128
#: With fewer tiles in a batch than this, transforming the weights does.
LEAST_TILES = 32
#: Elements of a transformed part of a batch: 28 MB. From 32 MB on, glibc maps new pages every time.
_PART = 7 << 20

#: G, times 24.
_G = ((6, 0, 0), (-4, -4, -4), (-4, 4, -4), (1, 2, 4), (1, -2, 4), (0, 0, 24))


class WinogradConv2d(nn.Conv2d):
    """An `nn.Conv2d` that computes as above where that is faster."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        exact = input.dtype in (torch.float32, torch.float64) and input.device.type == "cpu"
        high, wide = _tiles(input)
        enough = len(input) * high * wide >= LEAST_TILES
        if not (exact and enough) or torch.is_autocast_enabled("cpu"):
            direct: Tensor = super()._conv_forward(input, weight, bias)
            return direct
        result: Tensor = _Convolution.apply(input, weight, bias, self.padding_mode == "reflect")
        return result


def gains(conv: nn.Conv2d) -> bool:
    """Whether Winograd's algorithm may be faster for a convolution."""
    return (
        (conv.kernel_size, conv.stride, conv.dilation) == ((3, 3), (1, 1), (1, 1))
        and (conv.groups, conv.padding) == (1, (1, 1))
        and conv.padding_mode in ("zeros", "reflect")
        and min(conv.in_channels, conv.out_channels) >= LEAST_CHANNELS
    )


class _Convolution(torch.autograd.Function):
    """Image (B, inputs, H, W), weight, bias -> (B, outputs, H, W), in the image's memory format.

    Only the image is kept for the gradient, without its border and not transformed.
    """

    @staticmethod
    def forward(
        ctx: Any, image: Tensor, weight: Tensor, bias: Tensor | None, reflect: bool
    ) -> Tensor:
        ctx.reflect, ctx.size, ctx.layout = reflect, image.shape[2:], _layout(image)
        ctx.save_for_backward(image if ctx.needs_input_grad[1] else None, weight)
        tiles, taps = _tiles(image), _taps(weight)
        made = _empty(image, len(weight), 4 * tiles[0], 4 * tiles[1])
        for part in _parts(image, weight):
            given = _to_planes(_bordered(image[part], reflect), tiles, _input, "given")
            product = _scratch("other", given, *given.shape[:3], len(weight))
            for j in range(6):
                torch.bmm(given[j], _transformed(taps, j, weight).mT, out=product[j])
            _from_planes(product, _last(made[part]), tiles, _output)
        if bias is not None:
            made += bias[:, None, None]
        if made.shape[2:] != image.shape[2:]:  # not `made` itself: a view must not be returned
            made = made[:, :, : image.shape[2], : image.shape[3]].clone()
        return made.contiguous(memory_format=ctx.layout)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        image, weight = ctx.saved_tensors
        to_image, to_weight, to_bias, _ = ctx.needs_input_grad
        tiles, taps, inputs = _tiles(gradient), _taps(weight), weight.shape[1]
        # The tiles of the input overlap, and reach two pixels beyond those of the output.
        sizes = [4 * count + 2 for count in tiles]
        image_gradient = gradient.new_empty(len(gradient) if to_image else 0, *sizes, inputs)
        taps_gradient = torch.zeros_like(taps)
        for part in _parts(gradient, weight):
            given = _to_planes(_filled(gradient[part]), tiles, _output_transposed, "given")
            if to_weight:
                bordered = _bordered(image[part], ctx.reflect)
                seen = _to_planes(bordered, tiles, _input, "other")
                for j in range(6):
                    pair = torch.bmm(given[j].mT, seen[j])
                    taps_gradient.addmm_(_matrix(weight.dtype)[j].T, pair.flatten(1))
            if to_image:
                product = _scratch("other", given, *given.shape[:3], inputs)
                for j in range(6):
                    torch.bmm(given[j], _transformed(taps, j, weight), out=product[j])
                _from_planes(product, image_gradient[part], tiles, _input_transposed)
        return (
            _inside(image_gradient, ctx.size, ctx.reflect, ctx.layout) if to_image else None,
            _as_weight(taps_gradient, weight) if to_weight else None,
            gradient.sum(dim=(0, 2, 3)) if to_bias else None,
            None,
        )


# Images in here are (B, H, W, C). Planes are (6, 6, tiles, C): column and row within the
# transformed tile come first, and the tiles of the whole batch are in one row.

Transform = Any


def _to_planes(image: Tensor, tiles: tuple[int, int], transform: Transform, name: str) -> Tensor:
    """Transform every tile along its columns, then along its rows, into scratch memory."""
    batch, _, width, channels = image.shape
    rows = _scratch("rows", image, 6, batch, tiles[0], width, channels)
    transform(_pixels(image, 1, tiles[0]), rows.unbind())
    planes = _scratch(name, image, 6, 6, batch, *tiles, channels)
    transform(_pixels(rows, 3, tiles[1]), planes.unbind())
    return planes.flatten(2, 4)


def _from_planes(
    planes: Tensor, image: Tensor, tiles: tuple[int, int], transform: Transform
) -> None:
    """Transform planes into an image, adding up where tiles overlap."""
    batch, _, width, channels = image.shape
    rows = _scratch("rows", planes, 6, batch, tiles[0], width, channels)
    rows[:, :, :, 4 * tiles[1] :] = 0
    planes = planes.view(6, 6, batch, *tiles, channels)
    transform(planes.unbind(), _pixels(rows, 3, tiles[1]))
    image[:, 4 * tiles[0] :] = 0
    transform(rows.unbind(), _pixels(image, 1, tiles[0]))


_KEPT = threading.local()


def _scratch(name: str, like: Tensor, *sizes: int) -> Tensor:
    """Return memory for what does not outlive a convolution: the same for all of them.

    Taken from the heap and given back each time, between tensors that stay, blocks of this size
    leave holes that nothing fits into: half as much again as what a network keeps.
    """
    kept: dict[Any, Tensor] = vars(_KEPT)
    count, key = math.prod(sizes), (name, like.dtype)
    if key not in kept or kept[key].numel() < count:
        with torch.inference_mode(False):  # memory that was made in there cannot be used outside
            kept[key] = torch.empty(count, dtype=like.dtype)
    return kept[key][:count].view(sizes)


def _pixels(image: Tensor, dim: int, tiles: int) -> list[Tensor]:
    """Return the first pixel of all tiles along a dimension, the second, and so on.

    Tiles begin every 4 pixels. They have 6 where there is room for that (and overlap), else 4.
    """
    before = (slice(None),) * dim
    count = image.shape[dim] - 4 * tiles + 4
    return [image[(*before, slice(a, a + 4 * tiles - 3, 4))] for a in range(count)]


def _input(d: Sequence[Tensor], out: Sequence[Tensor]) -> None:
    """Write Bᵀ d."""
    even, odd = torch.sub(d[4], d[2], alpha=4), torch.sub(d[3], d[1], alpha=4)
    torch.add(even, odd, out=out[1])
    torch.sub(even, odd, out=out[2])
    torch.sub(d[4], d[2], out=even)
    torch.sub(d[3], d[1], out=odd)
    torch.add(even, odd, alpha=2, out=out[3])
    torch.sub(even, odd, alpha=2, out=out[4])
    torch.sub(d[0], d[2], out=out[0])
    torch.add(even, out[0], alpha=4, out=out[0])
    torch.sub(d[5], d[3], out=out[5])
    torch.sub(out[5], odd, alpha=4, out=out[5])


def _input_transposed(v: Sequence[Tensor], out: Sequence[Tensor]) -> None:
    """Write B v. The last two pixels of a tile are the first two of the next, and are added."""
    s, d, t, u = v[1] + v[2], v[1] - v[2], v[3] + v[4], v[3] - v[4]
    torch.mul(v[0], 4, out=out[0])
    torch.sub(v[5], d, out=out[1]).mul_(4).sub_(u, alpha=2)
    torch.add(t, s, alpha=4, out=out[2]).add_(v[0], alpha=5).neg_()
    torch.add(d, u, alpha=2, out=out[3]).sub_(v[5], alpha=5)
    out[4].add_(s.add_(t).add_(v[0]))
    out[5].add_(v[5])


def _output(m: Sequence[Tensor], out: Sequence[Tensor]) -> None:
    """Write Aᵀ m."""
    s, d, t, u = m[1] + m[2], m[1] - m[2], m[3] + m[4], m[3] - m[4]
    torch.add(m[0], s, out=out[0]).add_(t)
    torch.add(d, u, alpha=2, out=out[1])
    torch.add(s, t, alpha=4, out=out[2])
    torch.add(d, u, alpha=8, out=out[3]).add_(m[5])


def _output_transposed(y: Sequence[Tensor], out: Sequence[Tensor]) -> None:
    """Write A y."""
    even, odd = y[0] + y[2], y[1] + y[3]
    torch.add(even, odd, out=out[1])
    torch.sub(even, odd, out=out[2])
    torch.add(y[0], y[2], alpha=4, out=even)
    torch.add(y[1], y[3], alpha=4, out=odd)
    torch.add(even, odd, alpha=2, out=out[3])
    torch.sub(even, odd, alpha=2, out=out[4])
    out[0].copy_(y[0])
    out[5].copy_(y[3])


@cache
def _matrix(dtype: torch.dtype) -> Tensor:
    """Return G ⊗ G as (6, 6, 9), in the order of the planes."""
    g = torch.tensor(_G, dtype=torch.float64) / 24
    return torch.einsum("ia,jb->jiab", g, g).flatten(2).to(dtype)


def _taps(weight: Tensor) -> Tensor:
    """Return the weight as (9, outputs · inputs)."""
    return weight.permute(2, 3, 0, 1).reshape(9, -1)


def _transformed(taps: Tensor, j: int, weight: Tensor) -> Tensor:
    """Return column j of the transformed weight: (6, outputs, inputs)."""
    return (_matrix(taps.dtype)[j] @ taps).view(6, *weight.shape[:2])


def _as_weight(taps: Tensor, weight: Tensor) -> Tensor:
    """Return the reverse of `_taps`, in the memory format of the weight."""
    shaped = taps.view(3, 3, *weight.shape[:2]).permute(2, 3, 0, 1)
    return torch.empty_like(weight).copy_(shaped)


def _tiles(image: Tensor) -> tuple[int, int]:
    """Return how many tiles cover an image (B, C, H, W), down and across."""
    return -(-image.shape[2] // 4), -(-image.shape[3] // 4)


def _parts(image: Tensor, weight: Tensor) -> Iterator[slice]:
    """Cut a batch so that the planes of a part are of bounded size."""
    high, wide = _tiles(image)
    count = max(1, _PART // (36 * high * wide * max(weight.shape[:2])))
    return (slice(start, start + count) for start in range(0, len(image), count))


def _bordered(image: Tensor, reflect: bool) -> Tensor:
    """Add a border of one pixel, and zeros up to whole tiles; (B, C, H, W) -> (B, H', W', C)."""
    down, across = (-size % 4 for size in image.shape[2:])
    if reflect:
        image = functional.pad(image, (1, 1, 1, 1), mode="reflect")
        border = (0, across, 0, down)
    else:
        border = (1, 1 + across, 1, 1 + down)
    return _last(functional.pad(image, border) if any(border) else image)


def _inside(
    image: Tensor, size: Sequence[int], reflect: bool, layout: torch.memory_format
) -> Tensor:
    """Take back `_bordered`, on a gradient: what was reflected is added to where it came from."""
    image = image[:, : size[0] + 2, : size[1] + 2]
    if reflect:
        for side in (image, image.transpose(1, 2)):
            side[:, 2] += side[:, 0]
            side[:, -3] += side[:, -1]
    return _as_image(image[:, 1:-1, 1:-1], layout)


def _filled(image: Tensor) -> Tensor:
    """Add zeros up to whole tiles; (B, C, H, W) -> (B, H', W', C)."""
    down, across = (-size % 4 for size in image.shape[2:])
    return _last(functional.pad(image, (0, across, 0, down)) if down or across else image)


def _last(image: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H, W, C); a view, where the image is in channels_last."""
    return image.permute(0, 2, 3, 1).contiguous()


def _empty(like: Tensor, *sizes: int) -> Tensor:
    last = torch.channels_last
    return torch.empty(len(like), *sizes, dtype=like.dtype, device=like.device, memory_format=last)


def _as_image(image: Tensor, layout: torch.memory_format) -> Tensor:
    return image.permute(0, 3, 1, 2).contiguous(memory_format=layout)


def _layout(image: Tensor) -> torch.memory_format:
    last = image.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format

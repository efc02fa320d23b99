"""Value noise: numbers at the corners of a lattice, smoothly between; exactly rounded."""

from __future__ import annotations

import torch
from torch import Tensor


def _corner(x: Tensor, y: Tensor, seed: Tensor) -> Tensor:
    """A number in [0, 1) for integers x, y and seed, by Wang's kind of integer hash."""
    state = (x * 374761393 + y * 668265263 + seed * 2246822519) & 0xFFFFFFFF
    state = ((state ^ (state >> 13)) * 1274126177) & 0xFFFFFFFF
    state = ((state ^ (state >> 16)) * 73244475) & 0xFFFFFFFF
    return (state >> 8).to(torch.float32) / float(1 << 24)


def value_noise(x: Tensor, y: Tensor, seed: Tensor) -> Tensor:
    """Noise in [0, 1) at x and y, of one cell per unit; seed broadcasts (whole numbers)."""
    left, low = x.floor(), y.floor()
    u, v = x - left, y - low
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    i, j, k = left.long(), low.long(), seed.long()
    near = _corner(i, j, k) * (1 - u) + _corner(i + 1, j, k) * u
    far = _corner(i, j + 1, k) * (1 - u) + _corner(i + 1, j + 1, k) * u
    return near * (1 - v) + far * v


def fractal(x: Tensor, y: Tensor, seed: Tensor, octaves: int) -> Tensor:
    """Octaves of noise, each of half the size and half the strength, in [-1, 1].

    Their spectrum falls with the frequency as photographs' do (Field, *Relations between the
    statistics of natural images and the response properties of cortical cells*, 1987).
    """
    total = value_noise(x, y, seed) - 0.5
    for octave in range(1, octaves):
        size = float(2**octave)
        total = total + (value_noise(x * size, y * size, seed + octave) - 0.5) / size
    return total

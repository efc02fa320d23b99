"""Which pairs a report shows, and their pictures inside the page."""

from __future__ import annotations

import base64
import io
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image

#: How a picture is written, from exact to small: Pillow's options for WebP, and the scale.
_STEPS: tuple[tuple[dict[str, Any], float], ...] = (
    ({"lossless": True}, 1.0),
    ({"quality": 90}, 1.0),
    ({"quality": 75}, 1.0),
    ({"quality": 60}, 1.0),
    ({"quality": 60}, 0.5),
    ({"quality": 40}, 0.25),
)


@dataclass(frozen=True)
class Choice:
    """A pair to show: its place among the values, and why it is shown."""

    place: int
    reason: str  # "worst", "best" or "random"


def choose(values: Sequence[float], direction: str, count: int, seed: int = 0) -> list[Choice]:
    """Choose the worst pairs (worst first), the best (best first), and some at random.

    Each kind gets a third of the count, the worst ones what is left over. No pair is chosen twice;
    one without a value can only be chosen at random.

    Args:
        values: one per pair; NaN for none.
        direction: which way is better.
        count: how many pairs in all.
        seed: of what is chosen at random.
    """
    places = [place for place, value in enumerate(values) if not math.isnan(value)]
    ranked = sorted(places, key=lambda place: values[place], reverse=direction == "lower")
    third = count // 3
    worst = ranked[: count - 2 * third]
    best = ranked[len(worst) :][::-1][:third]
    rest = sorted(set(range(len(values))) - {*worst, *best})
    drawn = sorted(random.Random(seed).sample(rest, min(third, len(rest))))
    return [
        Choice(place, reason)
        for reason, chosen in (("worst", worst), ("best", best), ("random", drawn))
        for place in chosen
    ]


def embed(pictures: Mapping[str, Image.Image], budget: int) -> tuple[dict[str, str], bool]:
    """Write pictures as `data:` addresses that together stay within a budget.

    All are written in the same way, the most exact one that fits. The last way, a quarter of the
    size, is taken even where it does not.

    Args:
        pictures: name -> picture.
        budget: bytes of text.

    Returns:
        name -> address, and whether the pictures are exact.
    """
    for options, scale in _STEPS:
        encoded: dict[str, str] = {}
        left = budget
        for name, picture in pictures.items():
            encoded[name] = _encoded(picture, options, scale)
            left -= len(encoded[name])
            if left < 0 and options is not _STEPS[-1][0]:
                break  # on to the next way
        else:
            break
    return encoded, options is _STEPS[0][0]


def _encoded(picture: Image.Image, options: Mapping[str, Any], scale: float) -> str:
    if scale != 1:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    file = io.BytesIO()
    picture.save(file, format="WEBP", method=2, **options)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"

"""Which pictures make a pair, by the rule of the published files.

All ordered pairs of two pictures of the same person (in DeepFashion: in the same outfit) whose
poses are valid: both shoulders and both hips were found (github.com/tengteng95/Pose-Transfer,
`tool/create_pairs_dataset.py`).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import permutations

from torch import Tensor

from posegen.core.skeletons import OPENPOSE18

Pairs = list[tuple[str, str]]

#: How many pairs of a test split the publishers keep, drawn at random; DeepFashion has fewer.
TEST_PAIRS = 12_000

_TORSO = [
    OPENPOSE18.joints.index(f"{side}_{joint}")
    for side in ("right", "left")
    for joint in ("shoulder", "hip")
]


def valid_poses(keypoints: Tensor) -> Tensor:
    """Return which poses (N, 18, 3) have both shoulders and both hips: (N,) bool."""
    return keypoints[:, _TORSO, 2].gt(0).all(-1)


def make_pairs(
    names: Sequence[str],
    valid: Iterable[bool],
    outfit: Callable[[str], str | None],
    limit: int | None = None,
) -> Pairs:
    """Return all ordered pairs of pictures with a valid pose, person by person, by name.

    `outfit` gives what both pictures of a pair must share, None for nobody's picture. Of each
    person `limit` pairs are kept at most, see `thinned`.
    """
    people: defaultdict[str, list[str]] = defaultdict(list)
    for name, good in zip(names, valid, strict=True):
        who = outfit(name)
        if good and who is not None:
            people[who].append(name)
    pairs: Pairs = []
    for who in sorted(people):
        pairs += thinned(list(permutations(sorted(people[who]), 2)), limit)
    return pairs


def thinned(pairs: Pairs, limit: int | None) -> Pairs:
    """Return at most `limit` of the pairs, as if drawn at random, in their order.

    Those with the smallest hash stay, so which they are depends on their names alone.
    """
    if limit is None or len(pairs) <= limit:
        return pairs

    def lot(pair: tuple[str, str]) -> bytes:
        return hashlib.blake2b("\n".join(pair).encode(), digest_size=8).digest()

    kept = set(sorted(pairs, key=lot)[:limit])
    return [pair for pair in pairs if pair in kept]
